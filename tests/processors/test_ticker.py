"""Judging live: a stirred monitor is judged at the next look, and a look judges nothing where nothing is new."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from processors.detection.early_firing import AT_LEAST, GROWTH, Stirring
from processors.detection.judge import Detection
from processors.detection.states import Memory
from processors.ticker import DetectionTicker
from tests.stores import embedded_at
from tocsin.core.clock import SimulatedClock, minute_of
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

NOW = datetime(2026, 3, 2, 9, 2, 10, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = embedded_at(tmp_path / "store.db")
    yield made
    made.close()


def tallied(
    store: SqliteStore, monitor: str, at: datetime, count: int, triggered: int = 0, partition: int = 0
) -> None:
    zeros = dict.fromkeys(("negative", "positive", "unscored", "reach", "reposts"), 0)
    row = {"monitor_id": monitor, "minute": minute_of(at), "partition": partition, "authors": b"", **zeros}
    with store.write() as conn:
        counts = {"count": count, "neutral": count, "triggered": triggered}
        store.add(conn, s.tallies, [{**row, **counts}], list(counts))


def looked(store: SqliteStore, stirring: Stirring, at: datetime = NOW) -> frozenset[str]:
    with store.read() as conn:
        return stirring.look(conn, at)


def test_a_handful_of_mentions_stirs_and_fewer_do_not(store: SqliteStore) -> None:
    stirring = Stirring()
    tallied(store, "a", NOW, AT_LEAST - 1)
    assert looked(store, stirring) == set()
    tallied(store, "a", NOW, 1, partition=3)
    assert looked(store, stirring) == {"a"}
    assert looked(store, stirring) == set()


def test_a_monitor_is_stirred_again_by_a_share_of_what_is_there(store: SqliteStore) -> None:
    stirring = Stirring()
    tallied(store, "a", NOW, 800)
    assert looked(store, stirring) == {"a"}
    tallied(store, "a", NOW, 800 // GROWTH - 1)
    assert looked(store, stirring) == set()
    tallied(store, "a", NOW, 1)
    assert looked(store, stirring) == {"a"}


def test_a_new_trigger_stirs_at_once_whatever_the_volume(store: SqliteStore) -> None:
    stirring = Stirring()
    tallied(store, "a", NOW, 900)
    looked(store, stirring)
    tallied(store, "a", NOW, 1, triggered=1)
    assert looked(store, stirring) == {"a"}


def test_the_open_window_is_summed_over_minutes_that_are_no_longer_looked_at(store: SqliteStore) -> None:
    stirring = Stirring()
    tallied(store, "a", NOW, 80)
    assert looked(store, stirring) == {"a"}
    later = NOW + timedelta(minutes=2)
    tallied(store, "a", later, 80 // GROWTH - 1)
    assert looked(store, stirring, later) == set()
    tallied(store, "a", later, 1)
    assert looked(store, stirring, later) == {"a"}


def test_a_new_window_begins_anew(store: SqliteStore) -> None:
    stirring = Stirring()
    tallied(store, "a", NOW, 500)
    looked(store, stirring)
    later = NOW + timedelta(minutes=5)
    tallied(store, "a", later, AT_LEAST)
    assert looked(store, stirring, later) == {"a"}


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[SqliteStream]:
    made = SqliteStream(tmp_path / "stream.db", durable=False)
    made.ensure_topic(MENTIONS, 2)
    yield made
    made.close()


def judged_at(store: SqliteStore) -> dict[str, datetime]:
    """When each monitor was judged last, by its name."""
    d, tick = s.detector_state, timedelta(seconds=Settings().detection.tick_s)
    with store.read() as conn:
        names = {one.id: one.name for one in repository.listed(conn, Monitor)}
        found = conn.execute(select(d.c.monitor_id, d.c.next_tick).where(d.c.kind == "volume"))
        return {names[id]: next_tick - tick for id, next_tick in found}


def two_monitors(store: SqliteStore) -> tuple[str, str]:
    with store.write() as conn:
        one, two = (
            repository.save(conn, Monitor(name=name, query=name), now=NOW, actor="test").id
            for name in ("loud", "quiet")
        )
    for id in (one, two):
        tallied(store, id, NOW, 3)
    return one, two


def test_a_stirred_monitor_is_judged_before_its_tick_and_a_quiet_one_is_not(
    store: SqliteStore, stream: SqliteStream
) -> None:
    loud, _ = two_monitors(store)
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    ticker.once()
    assert judged_at(store) == {"loud": NOW, "quiet": NOW}
    clock.advance(timedelta(seconds=2))
    tallied(store, loud, NOW, AT_LEAST)
    ticker.once()
    assert judged_at(store) == {"loud": NOW + timedelta(seconds=2), "quiet": NOW}


def test_a_tick_judges_what_has_changed_by_little_and_passes_over_what_has_not(
    store: SqliteStore, stream: SqliteStream
) -> None:
    loud, _ = two_monitors(store)
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    # New at the first look, known at the second.
    for _ in range(3):
        ticker.once()
        clock.advance(timedelta(seconds=16))
    tallied(store, loud, NOW, 1)
    ticker.once()
    assert judged_at(store) == {"loud": NOW + timedelta(seconds=48), "quiet": NOW + timedelta(seconds=16)}


def test_a_mention_alone_waits_for_its_window_to_close_unless_it_says_a_trigger(
    store: SqliteStore, stream: SqliteStream
) -> None:
    one, two = two_monitors(store)
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    ticker.once()
    clock.advance(timedelta(minutes=6))
    ticker.once()
    closed = clock.now()
    assert set(judged_at(store).values()) == {closed}
    for triggered in (0, 1):
        tallied(store, one, clock.now(), 1 - triggered, triggered)
        tallied(store, two, clock.now(), 1 - triggered)
        clock.advance(timedelta(seconds=16))
        ticker.once()
        assert judged_at(store) == {"loud": clock.now() if triggered else closed, "quiet": closed}
    clock.advance(timedelta(minutes=5))
    ticker.once()
    assert set(judged_at(store).values()) == {clock.now()}


def test_a_monitor_of_which_nothing_was_heard_is_judged_from_its_first_mention(
    store: SqliteStore, stream: SqliteStream
) -> None:
    two_monitors(store)
    with store.write() as conn:
        late = repository.save(conn, Monitor(name="late", query="late"), now=NOW, actor="test").id
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    ticker.once()
    clock.advance(timedelta(seconds=16))
    ticker.once()
    assert set(judged_at(store)) == {"loud", "quiet"}
    tallied(store, late, NOW, 1)
    clock.advance(timedelta(seconds=16))
    ticker.once()
    assert judged_at(store)["late"] == NOW + timedelta(seconds=32)


@pytest.mark.slow("takes in many mentions")
def test_a_window_closes_though_nothing_is_said_any_more(store: SqliteStore, stream: SqliteStream) -> None:
    two_monitors(store)
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    for _ in range(30):
        ticker.once()
        clock.advance(timedelta(seconds=16))
    with store.read() as conn:
        closed = (
            conn.execute(select(s.readings.c.window_start).where(s.readings.c.kind == "volume"))
            .scalars()
            .all()
        )
    assert closed == [datetime(2026, 3, 2, 9, 0, tzinfo=UTC), datetime(2026, 3, 2, 9, 0, tzinfo=UTC)]


def everything(store: SqliteStore) -> list[list[tuple[object, ...]]]:
    """The rows that judging wrote, table by table."""
    orders = {
        s.readings: ("monitor_id", "kind", "window_start"),
        s.detector_state: ("monitor_id", "kind"),
        s.signals: ("id",),
    }
    with store.read() as conn:
        return [
            [tuple(row) for row in conn.execute(select(table).order_by(*(table.c[name] for name in order)))]
            for table, order in orders.items()
        ]


def three_busy_hours(path: Path, tickers: int) -> list[list[tuple[object, ...]]]:
    """The same three hours and burst, judged in turn by so many tickers. 0 stands for one ticker that starts again each time."""
    store, stream = embedded_at(path / "store.db"), SqliteStream(path / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    loud, quiet = two_monitors(store)
    clock, dice = SimulatedClock(NOW), random.Random(3)
    several = [DetectionTicker(store, stream, Settings(), clock) for _ in range(tickers)]
    for turn in range(130):
        now = clock.advance(timedelta(seconds=90))
        tallied(store, loud, now, dice.randrange(3) if turn < 110 else 60)
        if turn % 2:
            tallied(store, quiet, now, 1)
        if turn == 90:
            with store.write() as conn:
                repository.save(conn, Monitor(name="quiet", query="quiet OR still"), now=now, actor="test")
        ticker = several[turn % tickers] if several else DetectionTicker(store, stream, Settings(), clock)
        ticker.once()
    found = everything(store)
    store.close()
    stream.close()
    return found


@pytest.mark.slow("three busy hours, three times over")
def test_what_a_ticker_remembers_is_what_it_would_load(tmp_path: Path) -> None:
    found = []
    for tickers in (0, 1, 3):
        (tmp_path / str(tickers)).mkdir()
        found.append(three_busy_hours(tmp_path / str(tickers), tickers))
    readings, _, signals = found[0]
    assert len(readings) > 60 and signals
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_a_turn_that_was_not_committed_is_not_remembered(store: SqliteStore) -> None:
    two_monitors(store)
    memory = Memory()
    with store.write() as conn:
        monitors = repository.listed(conn, Monitor)
        born = Detection(monitors)
        born.tallies_from(conn)
        born.flush(conn, store, NOW)
    memory.keep(born.monitors)
    assert memory.take(monitors[0], NOW) is not None
    # Taken before, and not kept since.
    assert memory.take(monitors[0], NOW) is None
    # Somebody else has judged it since.
    assert memory.take(monitors[1], NOW + timedelta(seconds=15)) is None


def test_no_more_states_are_remembered_than_asked_for(store: SqliteStore) -> None:
    two_monitors(store)
    memory = Memory(most=1)
    with store.write() as conn:
        monitors = repository.listed(conn, Monitor)
        born = Detection(monitors)
        born.tallies_from(conn)
        born.flush(conn, store, NOW)
    memory.keep(born.monitors)
    assert [memory.take(one, NOW) is not None for one in monitors] == [True, False]


@pytest.mark.slow("takes in many mentions")
def test_after_a_clock_was_set_back_monitors_are_judged_and_minutes_close_as_ever(
    store: SqliteStore, stream: SqliteStream
) -> None:
    loud, _ = two_monitors(store)
    ahead = NOW + timedelta(hours=2)
    ticker = DetectionTicker(store, stream, Settings(), SimulatedClock(ahead))
    for _ in range(2):
        ticker.once()
    assert judged_at(store)["loud"] == ahead
    clock = SimulatedClock(NOW)
    ticker._clock = clock
    ticker.once()
    assert judged_at(store) == {"loud": NOW, "quiet": NOW}
    for _ in range(12):
        clock.advance(timedelta(seconds=60))
        tallied(store, loud, clock.now(), 2)
        ticker.once()
    assert judged_at(store)["loud"] == clock.now()
    with store.read() as conn:
        minutes = list(conn.execute(select(s.barriers.c.minute)).scalars())
        opened = conn.execute(select(s.detector_state.c.next_window)).scalars().first()
    assert max(minutes) <= minute_of(clock.now())
    assert clock.now() - timedelta(minutes=10) < opened <= clock.now()


def lived(folder: Path, jumps_at: int | None) -> dict[str, list[object]]:
    """What detection knows after three hours of talk, of which the clock was two hours ahead for a while, or never."""
    folder.mkdir()
    store, stream = embedded_at(folder / "store.db"), SqliteStream(folder / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 2)
    with store.write() as conn:
        monitor = repository.save(conn, Monitor(name="loud", query="loud"), now=NOW, actor="test").id
    clock = SimulatedClock(NOW)
    ticker = DetectionTicker(store, stream, Settings(), clock)
    for step in range(36):
        clock.advance(timedelta(minutes=5))
        tallied(store, monitor, clock.now(), 3 + step % 4)
        if step == jumps_at:
            ticker._clock = SimulatedClock(clock.now() + timedelta(hours=2))
            for _ in range(2):
                ticker.once()
            ticker._clock = clock
        ticker.once()
    d, r = s.detector_state.c, s.readings.c
    with store.read() as conn:
        known = conn.execute(select(d.kind, d.next_window, d.state).order_by(d.kind))
        judged = conn.execute(
            select(r.kind, r.window_start, r["count"], r.expected).order_by(*s.readings.primary_key)
        )
        found: dict[str, list[object]] = {"known": list(known), "judged": list(judged)}
    store.close()
    stream.close()
    return found


@pytest.mark.slow("plays three hours of ticks, twice")
def test_what_was_judged_by_a_clock_that_was_ahead_is_judged_and_learned_again(tmp_path: Path) -> None:
    assert lived(tmp_path / "ahead", 20) == lived(tmp_path / "never", None)
