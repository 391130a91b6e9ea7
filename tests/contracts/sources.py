"""The contract of every source. A test module gives the fixture `bench` and imports `*` from here.

A bench is the world that one kind of source reads, with posts, outages and rubbish.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.kinds import KINDS
from ingest.source import Cursor, Fetched, FetchFailed, Source
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Mention, whole
from tocsin.definitions.source_kinds import source_kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = "the source"
MOST_FETCHES = 50
LATEST_S = 15.0


@dataclass(frozen=True)
class Bench:
    """The world of one source.

    `make` makes the source, as a new process would. `offer` puts these posts where the source reads, the newest last; earlier
    posts stay there. `spoil` puts these bytes there instead. `leave` makes that place go away.
    """

    make: Callable[[], Source]
    offer: Callable[[Sequence[str]], None]
    spoil: Callable[[bytes], None]
    leave: Callable[[], None]
    # Cursors as another version or a person may have written them.
    odd_cursors: tuple[dict[str, Any], ...] = ()
    # The identity of the mention that is made of a post.
    id_of: Callable[[str], str] = str


def asked(source: Source) -> bool:
    """Whether the source is asked for mentions. Other sources wait for pushes and never bring anything."""
    return source_kind(source.kind).asked


def everything(
    source: Source, cursor: Cursor | None = None, *, least: int = 1
) -> tuple[list[Mention], Cursor | None]:
    """All mentions that there are now, `least` of them at the least. The cursor is kept as the worker keeps it: as JSON."""
    found: list[Mention] = []
    # A stream's answer comes when its thread has run: on a busy machine the first fetch may come too early.
    until = time.monotonic() + (LATEST_S if source_kind(source.kind).streams else 0.0)
    fetches = 0
    while fetches < MOST_FETCHES:
        fetched = source.fetch(cursor, NOW)
        found += [whole(one) for one in fetched.mentions]
        cursor = None if fetched.cursor is None else json.loads(json.dumps(fetched.cursor))
        if fetched.more:
            fetches += 1
        elif len(found) >= least or time.monotonic() >= until:
            return found, cursor
        else:
            time.sleep(0.02)
    raise AssertionError(f"after {MOST_FETCHES} fetches there is still more")


def ids(mentions: Sequence[Mention]) -> list[str]:
    return sorted(one.id for one in mentions)


def expected(bench: Bench, source: Source, posts: Sequence[str]) -> list[str]:
    return sorted(map(bench.id_of, posts)) if asked(source) else []


def failed(source: Source, cursor: Cursor | None) -> Fetched | TocsinError:
    """The result of a fetch, or its error. An error outside our own tree fails the test."""
    try:
        return source.fetch(cursor, NOW)
    except TocsinError as error:
        assert str(error)
        return error


def test_a_source_says_what_it_is(bench: Bench) -> None:
    source = bench.make()
    assert source.kind in KINDS
    assert KINDS[source.kind][1] is type(source)
    assert isinstance(source.target, str)
    assert source.interval > timedelta(0)
    assert source.remote in (True, False)


def test_what_is_offered_is_brought_once(bench: Bench) -> None:
    bench.offer(["a", "b", "c"])
    source = bench.make()
    found, cursor = everything(source, least=3)
    assert ids(found) == expected(bench, source, ["a", "b", "c"])
    assert everything(source, cursor, least=0)[0] == []


def test_every_mention_has_a_source(bench: Bench) -> None:
    bench.offer(["a", "b"])
    source = bench.make()
    for one in everything(source, least=2)[0]:
        assert one.source == NAME


def test_it_goes_on_at_its_cursor_in_another_process(bench: Bench) -> None:
    bench.offer(["a", "b"])
    first = bench.make()
    _, cursor = everything(first, least=2)
    first.close()
    bench.offer(["a", "b", "c", "d"])
    second = bench.make()
    assert ids(everything(second, cursor, least=2)[0]) == expected(bench, second, ["c", "d"])


def test_without_its_cursor_it_brings_the_same_mentions_again(bench: Bench) -> None:
    """They have the same identities and the same content, so the store counts them once."""
    bench.offer(["a", "b"])
    first, again = (everything(bench.make(), least=2)[0] for _ in range(2))
    assert [one.key for one in first] == [one.key for one in again]
    assert first == again


def test_a_fetch_that_is_asked_twice_answers_twice(bench: Bench) -> None:
    """The cursor alone is the progress: mentions that a worker got before it died come again."""
    bench.offer(["a"])
    source = bench.make()
    assert ids(everything(source, None)[0]) == ids(everything(source, None)[0])


def test_a_place_that_is_away_is_a_failure_and_nothing_is_lost(bench: Bench) -> None:
    bench.offer(["a"])
    source = bench.make()
    _, cursor = everything(source)
    bench.leave()
    if asked(source):
        with pytest.raises(FetchFailed):
            source.fetch(cursor, NOW)
    bench.offer(["a", "b"])
    found, _ = everything(source, cursor)
    assert bench.id_of("b") in ids(found) or not asked(source)


def test_a_source_that_is_not_asked_does_not_answer(bench: Bench) -> None:
    bench.offer(["a"])
    source = bench.make()
    assert source.fetch(None, NOW).answered is asked(source)


@pytest.mark.parametrize(
    "cursor",
    [
        {"what": "is this"},
        {"offset": "far", "etag": 7},
        {"offset": -5, "seen": "all"},
        {"offset": 10**30, "body": []},
        {},
    ],
    ids=str,
)
def test_a_cursor_that_it_cannot_read_counts_as_none(bench: Bench, cursor: dict[str, Any]) -> None:
    bench.offer(["a", "b"])
    source = bench.make()
    assert ids(everything(source, cursor, least=2)[0]) == expected(bench, source, ["a", "b"])


def test_the_cursors_that_others_may_have_left_lose_nothing(bench: Bench) -> None:
    bench.offer(["a", "b"])
    for cursor in bench.odd_cursors:
        source = bench.make()
        assert ids(everything(source, cursor, least=2)[0]) == expected(bench, source, ["a", "b"]), cursor


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xfe\x00",
        b"\x1f\x8b\x08\x00 no gzip",
        b"<?xml version='1.0'?><rss><channel>",
        b"{]\n" * 50,
        b'{"id": "1"}\n[1, 2]\n"x"\nnull\n',
        b'id,created_at,text\n1,yesterday,"never closed\n',
        b"a" * 200_000,
        "ş😀\u202e".encode() * 500,
    ],
    ids=range(10),
)
def test_rubbish_is_said_and_nothing_else_leaks(bench: Bench, rubbish: bytes) -> None:
    bench.spoil(rubbish)
    source = bench.make()
    answer = failed(source, None)
    if isinstance(answer, Fetched):
        assert not answer.mentions
        for one in answer.bad:
            assert one.error.reason
            assert one.payload, (one.position, one.error)
        json.dumps(answer.cursor)
    source.close()


def test_after_rubbish_it_reads_what_is_right_again(bench: Bench) -> None:
    bench.spoil(b"\x00" * 100)
    source = bench.make()
    answer = failed(source, None)
    cursor = answer.cursor if isinstance(answer, Fetched) else None
    bench.offer(["a", "b"])
    assert ids(everything(source, cursor, least=2)[0]) == expected(bench, source, ["a", "b"])


def test_it_may_be_closed_twice_and_asked_again(bench: Bench) -> None:
    bench.offer(["a"])
    source = bench.make()
    everything(source)
    source.close()
    source.close()
    assert ids(everything(source)[0]) == expected(bench, source, ["a"])
    source.close()


def test_asking_changes_nothing_where_it_looks(bench: Bench) -> None:
    """A test of a source (`tocsin sources test`) shows its posts, and the worker still gets all of them."""
    bench.offer(["a", "b"])
    everything(bench.make(), least=2)
    source = bench.make()
    assert ids(everything(source, least=2)[0]) == expected(bench, source, ["a", "b"])
