"""Passes over a network that shows its posts newest first: what is brought, where it goes on, and what is a gap."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec

from ingest.newest_first import Pass, ReadPage, ShownPage, ShownPost, step
from ingest.source import Gap
from tests.ingest.house import NOON

MINUTE = timedelta(minutes=1)
REASON = "it shows two pages"


def entry(number: int, text: str = "Lekt", **fields: Any) -> ShownPost:
    """The post of that minute before noon's hundredth."""
    return ShownPost({"id": str(number), "text": text} | fields, NOON - (100 - number) * MINUTE)


def page(*numbers: int, next: str | None = None, cut: str | None = None) -> ShownPage:
    return ShownPage([entry(number) for number in numbers], next, cut)


def ids(read: ReadPage) -> list[str]:
    return [one["id"] for one in read.brought]


def read(at: Pass, *pages: ShownPage) -> Pass:
    """The pass after these pages; between them it goes through JSON, as a cursor does."""
    for one in pages:
        at = msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(step(at, one, NOON).after))), Pass)
    return at


def test_a_pass_goes_down_to_what_is_known() -> None:
    known = read(Pass(), page(3, 2, 1))
    first = step(known, page(7, 6, next="b"), NOON)
    assert (ids(first), first.more, first.after.next) == (["7", "6"], True, "b")
    second = step(first.after, page(5, 4, 3, next="c"), NOON)
    assert (ids(second), second.more) == (["5", "4"], True)
    last = step(second.after, page(2, 1, next="d"), NOON)
    assert (ids(last), last.more, last.gaps) == ([], False, ())
    assert last.after.since == entry(7).at


def test_where_nothing_is_known_only_the_first_pages_are_read() -> None:
    first = step(Pass(), page(9, 8, next="b"), NOON, first_pages=2)
    assert first.more
    second = step(first.after, page(7, 6, next="c"), NOON, first_pages=2)
    assert (second.more, second.gaps) == (False, ())


def test_what_the_network_does_not_show_any_more_is_a_gap() -> None:
    known = read(Pass(), page(3, 2, 1))
    cut = step(known, page(90, 80, cut=REASON), NOON)
    assert cut.gaps == (Gap(entry(3).at or NOON, entry(80).at or NOON, REASON),)
    assert step(cut.after, page(90, 80, cut=REASON), NOON).gaps == ()


def test_a_network_with_few_posts_has_no_gap() -> None:
    known = read(Pass(), page(3))
    assert step(known, page(9, 8, 3), NOON).gaps == ()


def test_an_empty_page_in_the_middle_hides_what_is_before_it() -> None:
    known = read(Pass(), page(3))
    begun = step(known, page(90, next="b"), NOON).after
    assert [one.reason for one in step(begun, ShownPage((), cut=REASON), NOON).gaps] == [REASON]


def test_a_changed_post_is_edited_now_unless_the_network_says_when() -> None:
    known = read(Pass(), page(3, 2))
    (changed,) = step(known, ShownPage([entry(3, "Lekt niet"), entry(2)]), NOON).brought
    assert changed["edited_at"] == "2026-03-01T12:00:00Z"
    (told,) = step(known, ShownPage([entry(3, "Lekt niet", edited_at="2026-03-01T11:00:00Z")]), NOON).brought
    assert told["edited_at"] == "2026-03-01T11:00:00Z"


def test_figures_bring_a_post_again_when_they_have_grown_much() -> None:
    def views(count: int) -> ShownPage:
        return ShownPage([entry(3, engagement={"views": count, "likes": None})])

    known = read(Pass(), views(1000))
    assert ids(step(known, views(1010), NOON)) == []
    (grown,) = step(known, views(9000), NOON).brought
    assert grown["id"] == "3"
    # A change of figures, or of anything else but the words, is no edit.
    assert "edited_at" not in grown
    (labelled,) = step(known, ShownPage([entry(3, hashtags=["bug"])]), NOON).brought
    assert "edited_at" not in labelled


def test_a_post_of_1970_ends_no_pass_and_one_of_2099_moves_no_cursor() -> None:
    known = read(Pass(), page(3))
    old = ShownPost({"id": "old"}, NOON.replace(year=1970))
    new = ShownPost({"id": "new"}, NOON.replace(year=2099))
    first = step(known, ShownPage([new, old, entry(6)], "b"), NOON)
    assert first.more
    last = step(first.after, page(5, 3, next="c"), NOON)
    assert ids(last) == ["5"]
    assert step(last.after, page(2), NOON).after.since == NOON


def test_a_pass_that_began_again_brings_its_posts_again_and_reads_on() -> None:
    known = read(Pass(), page(3))
    begun = read(known, page(9, 8, next="b"))
    again = step(begun.again(), page(9, 8, next="b"), NOON)
    assert (ids(again), again.more) == (["9", "8"], True)


def test_a_page_to_go_on_with_counts_only_for_a_pass_that_read_one() -> None:
    assert Pass(next="7").sound() == Pass()
    begun = read(Pass(), page(9, next="b"))
    assert begun.sound() == begun
