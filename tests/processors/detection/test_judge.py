"""Judging on ticks: it uses no future, does not depend on how it is cut, and is rebuilt from the store."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from alerts.words import words_for
from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.states import KindState
from processors.detection.tallies import load_tallies
from processors.detection.watermark import take_barrier, watermark
from processors.signals.registry import WINDOW
from processors.signals.types import Reading, WindowCounts
from processors.signals.volume import Volume, VolumeState
from processors.ticker import DetectionTicker
from tests.processors.detection.conftest import START
from tests.stores import store_at
from tocsin.core.clock import MINUTE, SimulatedClock, minute_of
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor, SourceDef
from tocsin.health.sources import component_of
from tocsin.settings import Settings
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.store.offsets import advance, take_over
from tocsin.store.port import Store
from tocsin.store.source_state import count_received
from tocsin.stream.port import MENTIONS, Record
from tocsin.stream.sqlite import SqliteStream

BURST = START + timedelta(days=1, hours=10)
GRACE = timedelta(seconds=30)
ALL_HEARD = Coverage()


def keep(store: Store, mentions: list[Mention]) -> None:
    from processors.monitors import watched
    from processors.storing.writer import Writer
    from processors.understand import Understander, default_scorers
    from tests.processors.batches import read_batch

    writer = Writer(store, Understander(default_scorers()), sample_rate=0.0)
    with store.read() as conn:
        matcher = watched(conn).matcher
    for start in range(0, len(mentions), 1000):
        value = encode_mentions(mentions[start : start + 1000])
        prepared = writer.understand(read_batch([Record(MENTIONS, 0, start, value, START)], matcher, 0.0))
        with store.write() as conn:
            writer.write(conn, prepared, START)


WORDS = [
    "table",
    "river",
    "glass",
    "morning",
    "bottle",
    "train",
    "shop",
    "cold",
    "warm",
    "bread",
    "garden",
    "window",
    "street",
    "letter",
    "yellow",
    "paper",
    "stone",
    "market",
    "bridge",
    "lemon",
    "winter",
    "summer",
    "kitchen",
    "doctor",
    "school",
    "music",
    "silver",
    "harbour",
    "coffee",
    "ticket",
]


def talk(*, flood: bool = False) -> list[Mention]:
    """A day and a half of some twelve mentions an hour, then a burst: many people, or one text copied by a few accounts."""
    dice = random.Random(11)
    posts: list[tuple[datetime, str, str]] = []
    at = START
    while at < BURST + timedelta(hours=1):
        at += timedelta(seconds=dice.expovariate(1 / 300))
        posts.append(
            (
                at,
                f"brightwater {' '.join(dice.sample(WORDS, 6))}",
                f"u{dice.randrange(500)}",
            )
        )
    for i in range(120):
        text = (
            "brightwater poisons our children, share before they delete this"
            if flood
            else f"brightwater is awful {' '.join(dice.sample(WORDS, 6))}"
        )
        posts.append((BURST + timedelta(seconds=8 * i), text, f"thin{i % 5}" if flood else f"b{i}"))
    posts.sort()
    return [
        Mention(source="forum", id=str(i), text=text, created_at=at, lang="en", author=Author(id=who))
        for i, (at, text, who) in enumerate(posts)
    ]


def judge(
    store: Store,
    until: datetime,
    cuts: int,
    first: datetime = START,
    every: timedelta = MINUTE,
    heard: Coverage = ALL_HEARD,
) -> None:
    """Tick every minute up to `until`, or as rarely as `every` says, and commit and load again `cuts` times."""
    now, step = first, (until - first) / cuts
    for part in range(cuts):
        end = until if part == cuts - 1 else START + ((first + (part + 1) * step) - START) // MINUTE * MINUTE
        with store.write() as conn:
            detection = Detection(repository.listed(conn, Monitor))
            detection.load(conn)
            start = detection.tallies_from(conn)
            assert start is not None
            tallies = load_tallies(conn, [d.id for d in repository.listed(conn, Monitor)], start, until)
            while now < end:
                now += every
                detection.tick(conn, tallies, now, now - GRACE, now, heard)
            detection.flush(conn, store, now)


def signals(store: Store) -> list[Any]:
    with store.read() as conn:
        return [
            dict(row._mapping)
            for row in conn.execute(select(s.signals).order_by(s.signals.c.tick, s.signals.c.id))
        ]


@pytest.mark.slow("judges days of windows")
def test_a_burst_is_signalled_within_minutes_with_evidence_that_can_be_checked(store: Store) -> None:
    keep(store, talk())
    judge(store, BURST + timedelta(minutes=30), cuts=1)
    first = next(one for one in signals(store) if one["kind"] == "volume" and one["state"] == "over")
    assert BURST < first["tick"] <= BURST + timedelta(minutes=6)
    evidence = first["evidence"]
    assert evidence["observed"] > 2 * evidence["expected"]
    assert evidence["count"] == sum(evidence["networks"].values()) == sum(evidence["languages"].values())
    assert evidence["window_end"] <= first["tick"].isoformat().replace("+00:00", "Z")


@pytest.mark.slow("judges hours several times")
def test_how_the_ticks_are_cut_into_transactions_changes_nothing(store: Store, tmp_path: Path) -> None:
    other = store_at(tmp_path / "other.db")
    with other.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="brightwater"), now=START, actor="test")
    for one, cuts in ((store, 1), (other, 37)):
        keep(one, talk())
        judge(one, BURST + timedelta(hours=1), cuts)
    assert signals(store) == signals(other)
    with store.read() as a, other.read() as b:
        in_order = select(s.readings).order_by(*s.readings.primary_key)
        assert a.execute(in_order).all() == b.execute(in_order).all()
    other.close()


@pytest.mark.slow("judges hours several times")
def test_what_is_stored_ahead_of_the_tick_is_not_seen(store: Store, tmp_path: Path) -> None:
    seen_all = talk()
    until = BURST + timedelta(minutes=12)
    keep(store, seen_all)
    judge(store, until, cuts=3)
    other = store_at(tmp_path / "other.db")
    with other.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="brightwater"), now=START, actor="test")
    keep(other, [m for m in seen_all if m.created_at < until])
    judge(other, until, cuts=3)
    assert signals(store) == signals(other) != []
    other.close()


@pytest.mark.slow("judges days of windows")
def test_copies_of_one_text_are_set_aside_and_said_once(store: Store) -> None:
    keep(store, talk(flood=True))
    judge(store, BURST + timedelta(hours=1), cuts=2)
    volume = [one for one in signals(store) if one["kind"] == "volume"]
    assert [one["state"] for one in volume] == ["set_aside"]
    assert volume[0]["evidence"]["copies"] > 10
    assert volume[0]["evidence"]["copy_groups"] == 1


@pytest.mark.slow("judges hours of windows")
def test_an_episode_calms_after_half_an_hour_of_calm(store: Store) -> None:
    keep(store, talk())
    judge(store, BURST + timedelta(hours=1), cuts=1)
    later = [m for m in talk() if m.created_at < BURST]
    moved = [
        msgspec.structs.replace(
            m, id=f"later{m.id}", created_at=m.created_at + (BURST + timedelta(hours=1) - START)
        )
        for m in later
    ]
    keep(store, moved[:300])
    judge(store, BURST + timedelta(hours=12), cuts=2, first=BURST + timedelta(hours=1))
    states = [one["state"] for one in signals(store) if one["kind"] == "volume"]
    assert states[-1] == "calm"
    assert states.count("calm") == 1


@pytest.mark.slow("judges hours twice")
def test_the_state_rebuilt_from_stored_readings_is_the_state_that_was_kept(store: Store) -> None:
    keep(store, talk())
    judge(store, BURST + timedelta(minutes=40), cuts=5)
    with store.read() as conn:
        kept = conn.execute(
            select(s.detector_state.c.state).where(s.detector_state.c.kind == "volume")
        ).scalar_one()
        rows = conn.execute(
            select(s.readings).where(s.readings.c.kind == "volume").order_by(s.readings.c.window_start)
        ).all()
    detector = Volume(UTC, WINDOW)
    state = detector.initial()
    for row in rows:
        window = WindowCounts(
            row.window_start,
            timedelta(seconds=row.length_s),
            row.count,
            row.negative,
            row.scored,
            row.complete,
        )
        reading = Reading(
            row.kind, row.window_start, window.length, row.score, row.observed, row.expected, row.lower, row.upper,
            row.over, row.state, row.baseline, {k: v for k, v in row.detail.items() if k != "copies"},
        )  # fmt: skip
        state = detector.learn(state, window, reading)
    assert msgspec.convert(kept, KindState[VolumeState]).detector == state


@pytest.mark.slow("judges days of windows")
def test_windows_that_nobody_could_hear_teach_nothing_and_calm_nothing(store: Store) -> None:
    keep(store, [m for m in talk() if m.created_at < BURST])
    with store.write() as conn:
        detection = Detection(repository.listed(conn, Monitor))
        start = detection.tallies_from(conn)
        assert start is not None
        tallies = load_tallies(conn, [d.id for d in repository.listed(conn, Monitor)], start, BURST)
        deaf = Coverage(deaf=[(BURST - timedelta(hours=5), BURST)])
        detection.tick(conn, tallies, BURST, BURST - GRACE, BURST, deaf)
        detection.flush(conn, store, BURST)
        rows = conn.execute(
            select(s.readings).where(s.readings.c.kind == "volume").order_by(s.readings.c.window_start)
        ).all()
    assert {row.complete for row in rows if row.window_start >= BURST - timedelta(hours=5)} == {False}
    assert {row.complete for row in rows if row.window_start < BURST - timedelta(hours=5)} == {True}
    assert not any(row.over for row in rows if not row.complete)


@pytest.mark.slow("judges days of windows")
def test_a_change_of_the_query_starts_a_new_series_that_learns(store: Store) -> None:
    keep(store, talk())
    judge(store, START + timedelta(hours=30), cuts=1)
    with store.write() as conn:
        repository.save(
            conn, Monitor(name="Brightwater", query="brightwater OR water"), now=START, actor="test"
        )
    judge(store, START + timedelta(hours=31), cuts=1, first=START + timedelta(hours=30))
    with store.read() as conn:
        r = s.readings
        states = conn.execute(
            select(r.c.series, r.c.state).where(r.c.kind == "volume").order_by(r.c.window_start)
        ).all()
    assert states[-1].state == "learning"
    assert states[-1].series != states[0].series
    assert states[-20].state == "warm"


def test_a_window_closes_only_when_what_was_in_the_stream_is_stored(store: Store) -> None:
    now = BURST
    with store.write() as conn:
        at = take_over(conn, "c", MENTIONS, 0, "me", now)
        take_barrier(conn, "c", MENTIONS, now - GRACE, {0: 5}, now)
        held = watermark(conn, "c", MENTIONS, now, GRACE, timedelta(minutes=10))
        advance(conn, "c", MENTIONS, 0, at, 5, 0, now)
        free = watermark(conn, "c", MENTIONS, now, GRACE, timedelta(minutes=10))
    assert held.closed_until < now - GRACE
    assert minute_of(free.closed_until) == minute_of(now - GRACE)


def test_what_holds_the_past_back_too_long_is_closed_incomplete_and_said(store: Store) -> None:
    with store.write() as conn:
        take_over(conn, "c", MENTIONS, 0, "me", BURST)
        for minute in range(30):
            at = BURST + minute * MINUTE
            take_barrier(conn, "c", MENTIONS, at - GRACE, {0: 5}, at)
        mark = watermark(conn, "c", MENTIONS, at, GRACE, timedelta(minutes=10))
    assert mark.closed_until == at - GRACE - timedelta(minutes=10)
    assert not mark.coverage.complete(mark.closed_until - WINDOW, mark.closed_until)
    assert "behind" in mark.coverage.missing[0]


def test_time_in_which_tocsin_did_not_run_was_not_heard(store: Store) -> None:
    with store.write() as conn:
        for at in (BURST, BURST + timedelta(hours=3)):
            take_barrier(conn, "c", MENTIONS, at, {}, at)
        mark = watermark(conn, "c", MENTIONS, at, GRACE, timedelta(minutes=10))
    assert not mark.coverage.complete(BURST + timedelta(hours=1), BURST + timedelta(hours=1) + WINDOW)
    assert mark.coverage.complete(BURST - timedelta(hours=1), BURST - timedelta(hours=1) + WINDOW)


def test_a_backlog_is_said_with_whatever_is_judged_meanwhile(store: Store) -> None:
    with store.write() as conn:
        take_barrier(conn, "c", MENTIONS, BURST, {0: 900, 1: 500}, BURST)
        offsets.take_over(conn, "c", MENTIONS, 1, "test", BURST)
        said = [
            watermark(
                conn, "c", MENTIONS, BURST + timedelta(seconds=after), GRACE, timedelta(minutes=10)
            ).coverage.missing
            for after in (5, 20)
        ]
    assert said == [[], ["1,400 records of the stream wait to be read: there is more than is counted here"]]


def test_while_every_source_fails_nothing_is_heard(store: Store) -> None:
    row = {"failures": 9, "received": 1, "rejected": 0, "last_success_at": BURST - timedelta(hours=1)}
    with store.write() as conn:
        repository.save(conn, SourceDef(name="feed", kind="feed"), now=BURST, actor="test")
        store.put(conn, s.source_state, [{"name": "feed", **row}])
        store.put(conn, s.health, [{"component": "source:feed", "at": BURST, "state": "blind", "detail": {}}])
        take_barrier(conn, "c", MENTIONS, BURST, {}, BURST)
        mark = watermark(conn, "c", MENTIONS, BURST, GRACE, timedelta(minutes=10))
    assert not mark.coverage.complete(BURST - timedelta(minutes=30), BURST)
    assert mark.coverage.missing == ["feed is blind"]


def test_a_source_that_has_just_brought_its_first_mentions_is_not_called_never_heard(store: Store) -> None:
    """Reports on sources are some seconds old. What an alert is raised by was heard."""
    long = "a forum with a very long name " * 6
    said = {"at": BURST, "state": "degraded", "detail": {"heard": False}}
    with store.write() as conn:
        for name in ("shop", "wall", long):
            store.put(conn, s.health, [{"component": component_of(name), **said}])
        take_barrier(conn, "c", MENTIONS, BURST, {}, BURST)
        for name in ("shop", long):
            count_received(conn, name, now=BURST, received=1, rejected=0, posted=(BURST, BURST))
        mark = watermark(conn, "c", MENTIONS, BURST, GRACE, timedelta(minutes=10))
    assert mark.coverage.missing == ["wall was never heard"]


def test_evidence_calls_a_source_what_the_page_calls_it_and_older_evidence_is_read_as_before(
    store: Store,
) -> None:
    details = {
        "a": {"heard": True, "state": "failing"},
        "b": {"heard": True, "state": "silent"},
        "c": {"heard": True, "state": "ok", "reason": "its budget is nearly used up"},
        "d": {},
    }
    with store.write() as conn:
        for name, detail in details.items():
            said = {"at": BURST, "state": "degraded", "detail": detail}
            store.put(conn, s.health, [{"component": component_of(name), **said}])
        take_barrier(conn, "c", MENTIONS, BURST, {}, BURST)
        missing = watermark(conn, "c", MENTIONS, BURST, GRACE, timedelta(minutes=10)).coverage.missing
    assert missing == ["a is failing", "b is silent", "c is heard only in part", "d is degraded"]
    dutch = words_for("nl", "UTC")
    assert [dutch.unseen(one) for one in missing] == [
        "a faalt",
        "b is stil",
        "c wordt maar deels gehoord",
        "d wordt maar deels gezien",
    ]


@pytest.mark.slow("judges days of windows")
def test_two_tickers_judge_each_window_once(store: Store, tmp_path: Path) -> None:
    keep(store, [m for m in talk() if m.created_at < START + timedelta(hours=6)])
    stream = SqliteStream(tmp_path / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 2)
    clock = SimulatedClock(START + timedelta(hours=5))
    tickers = [DetectionTicker(store, stream, Settings(), clock) for _ in range(2)]
    for _ in range(60):
        for ticker in tickers:
            ticker.once()
        clock.advance(timedelta(seconds=20))
    with store.read() as conn:
        starts = (
            conn.execute(select(s.readings.c.window_start).where(s.readings.c.kind == "volume"))
            .scalars()
            .all()
        )
    assert len(starts) == len(set(starts))
    assert max(starts) == START + timedelta(hours=5, minutes=10)
    stream.close()


def test_three_people_who_report_a_danger_are_heard_while_the_baseline_still_learns(
    store: Store,
) -> None:
    calm = [m for m in talk() if m.created_at < START + timedelta(minutes=40)]
    texts = (
        "brightwater gave my son food poisoning",
        "food poisoning from brightwater again",
        "brightwater: food poisoning, all of us",
    )
    danger = [
        Mention(
            source="forum",
            id=f"danger{i}",
            text=text,
            created_at=START + timedelta(minutes=31 + 2 * i),
            lang="en",
            author=Author(id=f"parent{i}"),
        )
        for i, text in enumerate(texts)
    ]
    keep(store, calm + danger[:2])
    judge(store, START + timedelta(minutes=35), cuts=1)
    assert signals(store) == []
    keep(store, danger[2:])
    judge(store, START + timedelta(minutes=40), cuts=1, first=START + timedelta(minutes=35))
    first = signals(store)[0]
    assert first["tick"] == START + timedelta(minutes=36)
    assert (first["facts"]["learning"], first["facts"]["triggers"]) == (True, {"safety": 3})
