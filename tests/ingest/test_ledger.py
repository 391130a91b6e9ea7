"""The ledger of gaps: what could not be heard is written down to the minute, with the reason, and a backfill is no spike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import update

from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, Gap, Removed, Source
from ingest.worker import IngestWorker
from tests.ingest.house import NOON, House
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import names, restore
from tocsin.health import gaps
from tocsin.health.gaps import SourceGap
from tocsin.health.rhythm import BUCKETS, Rhythm, rhythm_of
from tocsin.store import schema as s

MINUTE = timedelta(minutes=1)


@dataclass
class Scripted:
    """A source that answers as the test says."""

    answer: Callable[[datetime], Fetched] = lambda now: Fetched()
    kind: str = "feed"
    target: str = "here"
    interval: timedelta = MINUTE
    remote: bool = False
    asked: list[datetime] = field(default_factory=list)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        self.asked.append(now)
        return self.answer(now)

    def close(self) -> None:
        pass


def fails(now: datetime) -> Fetched:
    raise FetchFailed("forum.example answered 503 Service Unavailable")


def worker_of(house: House, **sources: Source) -> IngestWorker:
    for name in sources:
        house.define(name, "feed", url="https://forum.example/rss")

    def make(definition: SourceDef) -> Source:
        return sources[definition.name]

    return house.worker(make=make)


def play(house: House, worker: IngestWorker, until: datetime, step: timedelta = MINUTE) -> None:
    while house.clock.now() < until:
        house.clock.advance(step)
        worker.collect_once()


def ledger(house: House, source: str = "forum") -> list[SourceGap]:
    with house.store.read() as conn:
        return [one for one in reversed(gaps.newest_gaps(conn, 100)) if one.source == source]


def test_an_outage_is_a_gap_from_the_last_answer_to_the_next_with_what_came_late(house: House) -> None:
    source = Scripted()
    worker = worker_of(house, forum=source)
    worker.collect_once()
    play(house, worker, NOON + 2 * MINUTE)
    assert ledger(house) == []
    source.answer = fails
    play(house, worker, NOON + 5 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.cause, gap.starts_at, gap.ends_at, gap.open) == ("failed", NOON + 2 * MINUTE, None, True)
    assert gap.words == "blind on forum since 12:02: forum.example answered 503 Service Unavailable"
    late = [Mention("forum", str(n), "alo", NOON + 3 * MINUTE) for n in range(5)]
    batches = [Fetched(late[:3], more=True), Fetched(late[3:])]
    source.answer = lambda now: batches.pop(0) if batches else Fetched()
    play(house, worker, NOON + 20 * MINUTE)
    (gap,) = ledger(house)
    assert gap.ends_at is not None
    first_answer = next(at for at in source.asked if at > NOON + 5 * MINUTE)
    assert (gap.starts_at, gap.ends_at, gap.filled_at, gap.filled) == (
        NOON + 2 * MINUTE,
        first_answer,
        first_answer,
        5,
    )
    assert gap.words.endswith("Service Unavailable; 5 came late")
    assert not gap.open


@pytest.mark.slow("many fetches")
def test_a_source_that_fails_again_while_it_catches_up_is_in_the_same_gap(house: House) -> None:
    source = Scripted(fails)
    worker = worker_of(house, forum=source)
    worker.collect_once()
    source.answer = lambda now: Fetched(more=True) if len(source.asked) == 2 else fails(now)
    play(house, worker, NOON + 3 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.starts_at, gap.ends_at) == (NOON, None)
    # Another worker takes the gap over with the source.
    source.answer = lambda now: Fetched()
    play(house, house.worker(make=lambda definition: source), NOON + 30 * MINUTE)
    (gap,) = ledger(house)
    first_answer = next(at for at in source.asked if at > NOON + 3 * MINUTE)
    assert gap.ends_at == gap.filled_at == first_answer


def test_the_gap_of_a_source_that_is_paused_ends_then_and_goes_on_until_it_is_heard_again(
    house: House,
) -> None:
    source = Scripted()
    worker = worker_of(house, forum=source)
    worker.collect_once()
    source.answer = fails
    play(house, worker, NOON + 20 * MINUTE)
    house.define("forum", "feed", url="https://forum.example/rss", enabled=False)
    play(house, worker, NOON + 21 * MINUTE)
    (gap,) = ledger(house)
    paused_at = NOON + 21 * MINUTE
    assert (gap.starts_at, gap.ends_at, gap.filled_at) == (NOON, paused_at, None)
    play(house, worker, NOON + 80 * MINUTE)
    assert ledger(house) == [gap]

    asked = len(source.asked)
    house.define("forum", "feed", url="https://forum.example/rss")
    play(house, worker, NOON + 81 * MINUTE)
    # It is asked at once, and a new failure is a first one.
    assert source.asked[asked:] == [NOON + 81 * MINUTE]
    assert house.row(s.source_state, name="forum").failures == 1
    assert ledger(house)[0].ends_at is None
    health = house.row(s.health, component="source:forum")
    assert (health.state, health.detail["reason"].split(":")[0]) == ("degraded", "fails for 1 min")
    late = Mention("forum", "1", "alo", NOON + 30 * MINUTE)
    source.answer = lambda now: Fetched([late])
    play(house, worker, NOON + 83 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.starts_at, gap.ends_at, gap.filled) == (NOON, source.asked[asked + 1], 1)


def test_a_source_that_answers_when_it_is_on_again_has_one_gap_with_the_pause_in_it(house: House) -> None:
    source = Scripted()
    worker = worker_of(house, forum=source)
    worker.collect_once()
    source.answer = fails
    play(house, worker, NOON + 5 * MINUTE)
    house.remove("forum")
    play(house, worker, NOON + 6 * MINUTE)
    assert ledger(house)[0].ends_at == NOON + 6 * MINUTE
    with house.store.write() as conn:
        value = SourceDef.model_validate(
            {"name": "forum", "kind": "feed", "url": "https://forum.example/rss"}
        )
        ended = names(conn, "source", ended=True)
        restore(conn, value, next(iter(ended)), now=house.clock.now(), actor="test")
    source.answer = lambda now: Fetched()
    play(house, worker, NOON + 40 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.starts_at, gap.ends_at, gap.open) == (NOON, NOON + 7 * MINUTE, False)


def test_a_silence_that_is_told_ends_with_the_pause_of_its_source(house: House) -> None:
    settings = {"url": "https://forum.example/rss", "expected_every_minutes": 5}
    source = Scripted()
    worker = worker_of(house, forum=source)
    house.define("forum", "feed", **settings)
    source.answer = lambda now: Fetched([Mention("forum", "1", "alo", NOON)])
    worker.collect_once()
    source.answer = lambda now: Fetched()
    play(house, worker, NOON + 20 * MINUTE)
    assert [(one.cause, one.ends_at) for one in ledger(house)] == [("silent", None)]
    house.define("forum", "feed", **settings, enabled=False)
    play(house, worker, NOON + 21 * MINUTE)
    assert [(one.ends_at, one.open) for one in ledger(house)] == [(NOON + 21 * MINUTE, False)]


def test_what_a_source_tells_is_written_once_and_is_never_filled(house: House) -> None:
    told = Gap(NOON - 7 * MINUTE, NOON, "the cursor is too old")
    source = Scripted(lambda now: Fetched(gaps=[told], cursor={"n": 1}))
    worker = worker_of(house, forum=source)
    play(house, worker, NOON + 3 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.cause, gap.starts_at, gap.ends_at, gap.filled_at) == ("told", told.start, told.end, None)
    assert gap.words == "blind on forum from 11:53 to 12:00: the cursor is too old"


def test_a_source_that_nobody_asked_was_not_heard(house: House) -> None:
    source = Scripted()
    worker_of(house, forum=source).collect_once()
    house.clock.advance(timedelta(hours=2))
    worker = house.worker(make=lambda definition: source)
    worker.collect_once()
    play(house, worker, house.clock.now() + 5 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.starts_at, gap.ends_at) == (NOON, NOON + timedelta(hours=2))
    assert gap.reason == "it was not asked for 120 min"


@pytest.mark.parametrize(("wait", "gaps_then"), [(5 * MINUTE, 0), (timedelta(hours=2), 1)])
def test_waiting_for_the_budget_is_a_gap_only_if_it_takes_long(
    house: House, wait: timedelta, gaps_then: int
) -> None:
    def spent(now: datetime) -> Fetched:
        raise BudgetSpent("the host takes no more requests of ours", wait)

    worker = worker_of(house, forum=Scripted(spent))
    worker.collect_once()
    assert [one.reason for one in ledger(house)] == ["the host takes no more requests of ours"] * gaps_then
    assert house.row(s.source_state, name="forum").failures == 0


def test_mentions_without_a_time_are_spread_over_the_gap_that_they_fill(house: House) -> None:
    """All stamped with the time of the fetch, they would look like a spike of that minute."""

    def undated(now: datetime) -> Fetched:
        return Fetched([Mention("forum", f"{now:%H%M}-{n}", "alo", now) for n in range(9)])

    source = Scripted()
    worker = worker_of(house, forum=source)
    worker.collect_once()
    source.answer = fails
    play(house, worker, NOON + 10 * MINUTE)
    source.answer = undated
    house.clock.set(NOON + 100 * MINUTE)
    worker.collect_once()
    late = house.streamed()
    assert [one.created_at for one in late] == [NOON + n * 10 * MINUTE for n in range(1, 10)]
    assert all(one.extra == {"_undated": True} for one in late)
    house.clock.advance(MINUTE)
    worker.collect_once()
    fresh = [one for one in house.streamed() if not one.extra]
    assert {one.created_at for one in fresh} == {NOON + 101 * MINUTE}


def test_silence_where_talk_is_the_rule_is_a_gap_until_something_comes(house: House) -> None:
    def one_comes(now: datetime) -> Fetched:
        return Fetched([Mention("forum", now.isoformat(), "alo", now)])

    source = Scripted(one_comes)
    worker = worker_of(house, forum=source)
    worker.collect_once()
    taught = Rhythm(logs=(math.log1p(120),) * BUCKETS, days=(9,) * BUCKETS)
    with house.store.write() as conn:
        conn.execute(update(s.source_state).values(rhythm=msgspec.to_builtins(taught)))
    source.answer = lambda now: Fetched()
    play(house, worker, NOON + 60 * MINUTE, 10 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.cause, gap.starts_at, gap.ends_at) == ("silent", NOON, None)
    health = house.row(s.health, component="source:forum")
    assert (health.state, health.detail["reason"]) == (
        "blind",
        "silent for 60 min, some 120 posts used to come in such a time",
    )
    source.answer = one_comes
    play(house, worker, NOON + 70 * MINUTE, 10 * MINUTE)
    (gap,) = ledger(house)
    assert (gap.ends_at, gap.open) == (NOON + 70 * MINUTE, False)
    assert house.row(s.health, component="source:forum").state == "ok"
    assert rhythm_of(house.row(s.source_state, name="forum").rhythm).hour > 0


def test_what_a_network_deletes_is_noted_until_the_processors_erase_it(house: House) -> None:
    gone = [Removed(id="7"), Removed(author="ada"), Removed(id="8", source="other"), Removed(id="x" * 300)]
    worker_of(house, forum=Scripted(lambda now: Fetched(removed=gone))).collect_once()
    rows = {(one.source, one.what, one.value) for one in house.rows(s.removals)}
    assert rows == {("forum", "post", "7"), ("forum", "author", "ada"), ("other", "post", "8")}
