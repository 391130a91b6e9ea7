"""The stories and the accounts of a window, as the store tells them: exact after edits, erasures and older rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from processors.detection.copies import Copies, copies_in, texts_in, told_in
from processors.detection.day_stories import day_stories
from processors.detection.evidence import look
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import keep
from tocsin.core.mention import Author, Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s
from tocsin.store.port import Store

NOON = START + timedelta(hours=12)
END = NOON + timedelta(hours=1)
WASTE = "Brightwater is pouring filthy waste into the river at night, please share before they delete this"
VARIANTS = [
    WASTE,
    f"BREAKING {WASTE} https://short.example/1",
    WASTE.replace("waste", "poison"),
    f"{WASTE} #riverwatch",
    f"{WASTE} wake up",
    WASTE.replace("please share", "pls RT"),
]

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def said(id: str, text: str, at: datetime, who: str | None, **more: object) -> Mention:
    author = Author(id=who, handle=who) if who else None
    return Mention(source="forum", id=id, text=text, created_at=at, lang="en", author=author, **more)  # type: ignore[arg-type]  # whatever a test adds


def flood() -> list[Mention]:
    """Six lightly edited copies by six accounts, a repost of one, and two posts of other people."""
    copies = [said(f"c{n}", text, NOON + timedelta(minutes=n), f"u{n}") for n, text in enumerate(VARIANTS)]
    repost = said("r", f"RT @u0: {WASTE}", NOON + timedelta(minutes=30), "u9")
    others = [
        said("o1", "Brightwater never answered me at all this week", NOON + timedelta(minutes=3), "ada"),
        said("o2", "my brightwater filter broke", NOON + timedelta(minutes=4), None),
    ]
    return [*copies, repost, *others]


def monitor(store: Store) -> str:
    with store.read() as conn:
        [one] = repository.listed(conn, Monitor)
        return one.id


def test_lightly_edited_copies_are_set_aside_as_one_story_and_its_figures_are_told(store: Store) -> None:
    keep(store, flood())
    mine = monitor(store)
    with store.read() as conn:
        found = copies_in(conn, mine, NOON, END)
        # The repost and the post that stays are one voice in the tone.
        assert found == Copies(5, 1, found.negative, reposted=1)
        told = told_in(conn, mine, NOON, END, 9)
        seen = look(conn, mine, Monitor(name="Brightwater", query="brightwater"), NOON, END)
        before = told_in(conn, mine, START, NOON, 0)
        read = texts_in(conn, mine, NOON, END)
        # What was read once says the same to whoever asks.
        assert copies_in(conn, mine, NOON, END, read) == found
        assert told_in(conn, mine, NOON, END, 9, read) == told == seen.told
    assert (told.distinct, told.automated, before.distinct, before.stories) == (3, 0, 0, [])
    [story] = told.stories
    assert (story.count, story.reposts, story.authors) == (7, 1, 7)
    assert (story.source, story.id, story.since, story.until) == (
        "forum",
        "c0",
        NOON,
        NOON + timedelta(minutes=30),
    )
    assert seen.told == told


def test_a_mention_has_one_story_and_count_for_its_day(store: Store) -> None:
    mentions = flood()
    keep(store, [*mentions, said("later", WASTE, NOON + timedelta(days=1), "u7")])
    mine, m = monitor(store), s.mentions.c
    with store.read() as conn:
        rows = conn.execute(m.source.table.select()).all()
        found = day_stories(conn, mine, rows)
        alone = day_stories(conn, mine, [row for row in rows if row.id == "c3"])
    assert {one for _, one in found} == {"r", *(f"c{n}" for n in range(6))}
    assert {(one.count, one.day) for one in found.values()} == {(7, START)}
    assert alone["forum", "c3"] == found["forum", "c0"]


def test_rows_of_older_code_fold_by_their_signature_until_they_are_understood_anew(store: Store) -> None:
    keep(store, flood())
    with store.write() as conn:
        conn.execute(update(s.matches).values(gist=None))
    with store.read() as conn:
        told = told_in(conn, monitor(store), NOON, END, 9)
    # The first text, its tagged copy and its repost have one signature.
    assert [one.count for one in told.stories] == [3]


def test_an_account_that_looks_automated_counts_once_and_is_named_with_its_reasons(store: Store) -> None:
    bot = [
        said(f"b{n}", f"Brightwater offer number {w} of today only", NOON + n * timedelta(minutes=2), "bot")
        for n, w in enumerate([*NUMBERS, *NUMBERS])
    ]
    people = [
        said(f"p{n}", f"brightwater {w} again", NOON + timedelta(minutes=n), f"p{n}")
        for n, w in enumerate(["broke", "fell", "leaks"])
    ]
    keep(store, [*bot, *people])
    mine = monitor(store)
    with store.read() as conn:
        told = told_in(conn, mine, NOON, END, 27)
        copies = copies_in(conn, mine, NOON, END)
        earlier = copies_in(conn, mine, NOON, NOON + timedelta(minutes=4))
    assert told.automated == 24
    [one] = told.automated_authors
    assert (one.id, one.posts) == ("b0", 24)
    assert one.why.keys() >= {"pace", "equal gaps"} and one.why["pace"] == 24
    assert copies.aside == 23
    # Two posts look like anybody's: what comes later is not known yet.
    assert earlier == Copies(0, 0)
