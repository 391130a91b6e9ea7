"""The processor when store or partitions go away: it reads a dropped batch again before any later record counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import Connection, func, select

from ops.transfer.export import export
from processors.storing.batch import BatchOutcome
from processors.storing.batch_size import FIRST_BYTES
from processors.worker import StreamProcessor
from tests.engines.postgres import Postgres
from tests.stores import embedded_at, prepare
from tocsin.core.clock import SimulatedClock
from tocsin.core.errors import StoreUnavailable
from tocsin.core.mention import Mention, encode_mentions
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.settings import Settings
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class CutStore(SqliteStore):
    """A store whose next transaction is cut in the moment of its commit."""

    cut = False

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        with super().write(alone=alone) as conn:
            yield conn
            if self.cut:
                self.cut = False
                raise StoreUnavailable("the line was cut")


@pytest.mark.slow("takes in many mentions")
def test_nothing_after_a_dropped_batch_counts_before_the_batch_does(tmp_path: Path) -> None:
    prepare(tmp_path / "store.db")
    store = CutStore(tmp_path / "store.db", durable=False)
    stream = SqliteStream(tmp_path / "s.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    with store.write() as conn:
        save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
    bulk = "kvikkado " + "x" * 60_000
    records = [
        (0, encode_mentions([Mention("shop", f"{n}-{k}", bulk, NOON) for k in range(8)])) for n in range(12)
    ]
    # More bytes than two polls bring.
    assert sum(len(value) for _, value in records) > 2 * FIRST_BYTES
    stream.append(MENTIONS, records, NOON)
    processor = StreamProcessor(
        store, stream, Settings.model_validate({"data": tmp_path}), SimulatedClock(NOON)
    )

    def at() -> int:
        with store.read() as conn:
            return offsets.stored(conn, stream.cluster, MENTIONS).get(0, 0)

    def kept() -> set[str]:
        with store.read() as conn:
            return {row.id for row in conn.execute(select(s.mentions.c.id))}

    # This brings the partition.
    assert processor.once(timedelta(0)) == 0
    store.cut = True
    with pytest.raises(StoreUnavailable):
        processor.once(timedelta(0))
    # As the loop does.
    processor.read_again()
    while at() < len(records):
        processor.once(timedelta(0))
        assert kept() == {f"{n}-{k}" for n in range(at()) for k in range(8)}
    stream.close()
    store.close()


@pytest.mark.slow("takes in many mentions")
def test_a_reader_that_cannot_even_leave_reads_on_from_what_is_stored(tmp_path: Path) -> None:
    prepare(tmp_path / "store.db")
    store = SqliteStore(tmp_path / "store.db", durable=False)
    stream = SqliteStream(tmp_path / "s.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    with store.write() as conn:
        save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
    processor = StreamProcessor(
        store, stream, Settings.model_validate({"data": tmp_path}), SimulatedClock(NOON)
    )

    def broken(*_: object) -> NoReturn:
        raise ValueError("a mistake of ours")

    def append(id: str) -> None:
        stream.append(MENTIONS, [(0, encode_mentions([Mention("shop", id, "kvikkado", NOON)]))], NOON)

    # This brings the partition.
    assert processor._loop.round(processor._round) >= 0
    append("polled and dropped")
    left, processor.consumer.close = processor.consumer.close, broken  # type: ignore[method-assign]
    stores, processor._store_records = processor._store_records, broken  # type: ignore[method-assign]
    assert processor._loop.round(processor._round) > 0
    left()
    processor._store_records = stores  # type: ignore[method-assign]
    append("polled later")
    for _ in range(10):
        processor._loop.round(processor._round)
    with store.read() as conn:
        kept = {row.id for row in conn.execute(select(s.mentions.c.id))}
    assert kept == {"polled and dropped", "polled later"}
    processor.close()
    stream.close()
    store.close()


class OftenCut(PostgresStore):
    """A store that cuts some transactions in the moment of their commit. It notes which threads wrote."""

    cut_at: frozenset[int] = frozenset()
    wrote: list[str]

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        with super().write(alone=alone) as conn:
            yield conn
            self.wrote.append(threading.current_thread().name)
            if len(self.wrote) in self.cut_at:
                raise StoreUnavailable("the line was cut")


def test_a_batch_is_stored_while_the_next_is_read_and_each_once_whatever_is_cut(
    tmp_path: Path, postgres: Postgres
) -> None:
    store = OftenCut(postgres.database())
    store.wrote = []
    stream = SqliteStream(tmp_path / "s.db", durable=False)
    store.migrate()
    stream.ensure_topic(MENTIONS, 2)
    with store.write() as conn:
        save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
    text = "kvikkado " + "x" * 800

    def record(n: int) -> tuple[int, bytes]:
        # The last ten mentions of the record before come again. Often that record is in the batch before, on its way to the
        # store.
        ids = [*(f"{n - 2}-{k}" for k in range(90, 100) if n > 1), *(f"{n}-{k}" for k in range(100))]
        return n % 2, encode_mentions([Mention("shop", id, text, NOON) for id in ids])

    stream.append(MENTIONS, [record(n) for n in range(60)], NOON)
    store.wrote.clear()
    store.cut_at = frozenset({3, 4, 8})
    stop = threading.Event()
    processor = StreamProcessor(
        store, stream, Settings.model_validate({"data": tmp_path}), SimulatedClock(NOON)
    )
    outcomes: list[BatchOutcome] = []
    processor.on_batch = outcomes.append
    running = threading.Thread(target=processor.run, args=(stop,))
    running.start()
    deadline = time.monotonic() + 60
    while processor.lag() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    running.join()
    with store.read() as conn:
        assert offsets.stored(conn, stream.cluster, MENTIONS) == {0: 30, 1: 30}
        assert conn.execute(select(func.count()).select_from(s.mentions)).scalar_one() == 6000
        assert conn.execute(select(func.sum(s.tallies.c.count))).scalar_one() == 6000
    assert sum(one.stored for one in outcomes) <= 6000
    assert store.wrote.count("commit") >= 6
    assert len(store.wrote) > max(store.cut_at), "all of the cuts were met"
    stream.close()
    store.close()


@pytest.mark.slow("takes in many mentions")
def test_told_to_stop_it_ends_with_the_transaction_that_is_open(tmp_path: Path) -> None:
    store = embedded_at(tmp_path / "store.db")
    stream = SqliteStream(tmp_path / "s.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    with store.write() as conn:
        save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
    records = [
        (0, encode_mentions([Mention("shop", f"{n}-{k}", "kvikkado", NOON) for k in range(100)]))
        for n in range(20)
    ]
    stream.append(MENTIONS, records, NOON)
    settings = Settings.model_validate({"data": tmp_path})
    stop = threading.Event()
    processor = StreamProcessor(store, stream, settings, SimulatedClock(NOON))
    processor.on_batch = lambda _outcome: stop.set()
    processor.run(stop)
    with store.read() as conn:
        at = offsets.stored(conn, stream.cluster, MENTIONS)[0]
        kept = len(conn.execute(select(s.mentions.c.id)).all())
    assert 0 < at < len(records)
    assert kept == 100 * at
    again = StreamProcessor(store, stream, settings, SimulatedClock(NOON))
    while again.once(timedelta(0)) or again.lag():
        pass
    with store.read() as conn:
        assert len(conn.execute(select(s.mentions.c.id)).all()) == 2000
    again.close()
    stream.close()
    store.close()


def test_what_is_scored_together_is_stored_alike_however_short_the_transactions_are(tmp_path: Path) -> None:
    shown = []
    for rows in (1, 10_000):
        store = embedded_at(tmp_path / f"store{rows}.db")
        stream = SqliteStream(tmp_path / f"s{rows}.db", durable=False)
        stream.ensure_topic(MENTIONS, 1)
        with store.write() as conn:
            save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
        # Each record repeats a mention of the one before, and edits another.
        later = NOON + timedelta(minutes=1)
        records = [
            [
                Mention("shop", f"{n}", "kvikkado is great", NOON),
                Mention("shop", f"{n + 1}", "kvikkado", NOON),
                Mention("shop", f"{n - 1}", "kvikkado is awful", NOON, edited_at=later),
            ]
            for n in range(1, 20)
        ]
        stream.append(MENTIONS, [(0, encode_mentions(some)) for some in records], NOON)
        settings = Settings.model_validate({"data": tmp_path})
        processor = StreamProcessor(store, stream, settings, SimulatedClock(NOON))
        processor._batch_size.rows = rows
        batches = list[BatchOutcome]()
        processor.on_batch = batches.append
        while processor.once(timedelta(0)) or processor.lag():
            pass
        assert len(batches) == (19 if rows == 1 else 1)
        with store.read() as conn:
            shown.append([b"".join(export(conn, kind)) for kind in ("mentions", "tallies")])
        processor.close()
        stream.close()
        store.close()
    assert shown[0] == shown[1]
    assert shown[0][0].count(b"is awful") == 19
