"""Lists by the time of the last change, oldest first: posts that change while they are read are not lost at a page limit."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.newest_first import ShownPost
from ingest.oldest_first import LATE, Climb, step, young
from ingest.source import Gap
from tocsin.core.clock import iso

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
PAGE = 3


class List_:
    """A network's list. A post is its id, the second of its last change, and its words."""

    def __init__(self) -> None:
        self.posts: dict[str, tuple[datetime, str]] = {}

    def page(self, start: datetime, number: int) -> tuple[list[ShownPost], bool]:
        found = sorted((at, id, text) for id, (at, text) in self.posts.items() if at >= start)
        shown = found[(number - 1) * PAGE : number * PAGE]
        return [ShownPost({"id": id, "text": text}, at) for at, id, text in shown], len(found) > number * PAGE


def climb(
    listed: List_, at: Climb, now: datetime, most_pages: int = 50
) -> tuple[list[Any], Climb, list[Gap]]:
    """All the pages that there are now."""
    brought: list[Any] = []
    gaps: list[Gap] = []
    while True:
        start = at.start(now - DAY)
        entries, full = listed.page(start, at.pages + 1)
        found = step(at, start, entries, now, full=full, most_pages=most_pages)
        brought += found.brought
        gaps += found.gaps
        at = msgspec.convert(msgspec.to_builtins(found.after), Climb)
        if not found.more:
            return brought, at, gaps


def test_all_pages_are_read_and_then_only_what_is_new() -> None:
    listed = List_()
    listed.posts = {f"p{n}": (NOON - DAY + n * SECOND, "x") for n in range(10)}
    brought, at, _ = climb(listed, Climb(), NOON)
    assert [one["id"] for one in brought] == [f"p{n}" for n in range(10)]
    assert climb(listed, at, NOON)[0] == []
    listed.posts["new"] = NOON, "x"
    assert [one["id"] for one in climb(listed, at, NOON + SECOND)[0]] == ["new"]


def test_a_change_that_the_network_shows_late_is_brought() -> None:
    listed = List_()
    listed.posts = {"a": (NOON - 10 * SECOND, "x")}
    _, at, _ = climb(listed, Climb(), NOON)
    listed.posts["late"] = NOON - 10 * SECOND - LATE / 2, "x"
    assert [one["id"] for one in climb(listed, at, NOON)[0]] == ["late"]


def test_a_changed_post_is_an_edit_of_now_where_the_network_does_not_say_when() -> None:
    listed = List_()
    listed.posts = {"a": (NOON - SECOND, "lek"), "b": (NOON - SECOND, "x")}
    _, at, _ = climb(listed, Climb(), NOON)
    # Somebody has commented on b: it changed, and its words did not.
    listed.posts = {"a": (NOON, "toch niet lek"), "b": (NOON, "x")}
    later = NOON + SECOND
    assert climb(listed, at, later)[0] == [{"id": "a", "text": "toch niet lek", "edited_at": iso(later)}]


def test_more_posts_of_one_second_than_a_page_holds_are_read_by_their_pages() -> None:
    listed = List_()
    listed.posts = {f"p{n}": (NOON - SECOND, "x") for n in range(3 * PAGE)} | {"after": (NOON, "x")}
    brought, _, gaps = climb(listed, Climb(), NOON)
    assert (len(brought), gaps) == (3 * PAGE + 1, [])


def test_more_posts_of_one_second_than_the_network_shows_are_a_gap() -> None:
    listed = List_()
    listed.posts = {f"p{n}": (NOON - SECOND, "x") for n in range(3 * PAGE)} | {"after": (NOON, "x")}
    brought, at, gaps = climb(listed, Climb(), NOON, most_pages=2)
    assert "after" in [one["id"] for one in brought]
    assert [(gap.start, gap.end) for gap in gaps] == [(NOON - SECOND, NOON)]
    assert climb(listed, at, NOON, most_pages=2)[2] == []


def test_a_time_in_the_future_moves_nothing() -> None:
    listed = List_()
    listed.posts = {"a": (NOON - DAY / 2, "x"), "future": (NOON + 1000 * DAY, "x")}
    _, at, _ = climb(listed, Climb(), NOON)
    listed.posts["b"] = NOON - DAY / 2 + SECOND, "x"
    assert [one["id"] for one in climb(listed, at, NOON)[0]] == ["b"]


def test_whatever_changes_between_two_pages_nothing_is_lost() -> None:
    """Posts come and change at random while the pages are read. At the end, the last words of each have been brought."""
    for seed in range(10):
        dice = random.Random(seed)
        listed, at, now = List_(), Climb(), NOON
        brought: dict[str, str] = {}
        for turn in range(60):
            now += dice.choice((0, 0, 1, 5)) * SECOND
            for _ in range(dice.randrange(4)):
                listed.posts[f"p{dice.randrange(30)}"] = now, f"words {turn}"
            start = at.start(NOON - DAY)
            entries, full = listed.page(start, at.pages + 1)
            found = step(at, start, entries, now, full=full, most_pages=50)
            brought |= {str(one["id"]): str(one["text"]) for one in found.brought}
            at = found.after
        # A post that left the moment whose pages were being read is met again in the minute before the end.
        for _ in range(2):
            rest, at, gaps = climb(listed, at, now)
            brought |= {one["id"]: one["text"] for one in rest}
        assert brought == {id: text for id, (_, text) in listed.posts.items()}, seed
        assert gaps == []


def test_the_networks_name_of_an_answer_is_kept_only_for_the_same_question() -> None:
    entries = [ShownPost({"id": "a", "text": "x"}, NOON - SECOND)]
    first = step(Climb(), NOON - DAY, entries, NOON, full=False, most_pages=9, tag='"1"')
    assert first.after.tag is None
    assert first.after.since is not None
    again = step(first.after, first.after.since, entries, NOON, full=False, most_pages=9, tag='"2"')
    assert again.after.tag == '"2"'


def test_old_posts_that_a_late_change_brings_up_are_left_out() -> None:
    old, new = {"created_at": iso(NOON - 100 * DAY)}, {"created_at": iso(NOON)}
    assert young([old, new, {}], NOON - 90 * DAY) == [new, {}]
