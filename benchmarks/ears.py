"""A simulated week of sources of all kinds, each asked every half hour and failing now and then: the worker's memory stays flat.

The sources are the connectors of all networks, polled and streaming, of a mailbox and of a topic, against their fakes. Each
round of half an hour brings new posts to each; one fetch in twenty fails. After each simulated day the resident memory is
read, and the number of objects that Python holds: memory that was given back and is not used again stays resident.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from benchmarks.table import Table
from ingest.worker import IngestWorker
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import save
from tocsin.health.gaps import newest_gaps
from tocsin.settings import Settings
from tocsin.store.opening import open_store
from tocsin.stream.sqlite import SqliteStream

NAME = "ears"
STEP = timedelta(minutes=30)
A_DAY = int(timedelta(days=1) / STEP)
START = datetime(2026, 3, 2, tzinfo=UTC)
# One fetch in so many fails.
FAILS = 20


def run(mentions: int = 7 * A_DAY, seed: int = 1, a_day: int = A_DAY) -> Table:
    """The memory after each simulated day. `mentions` is the number of rounds (of half an hour) here,
    and `a_day` of those in a row."""
    table = Table("", ["day", "RSS MB", "mentions", "gaps", "objects"])
    with ExitStack() as ends, tempfile.TemporaryDirectory() as folder:
        for sources, *row in _days(Path(folder), mentions, a_day, random.Random(seed), ends):
            table.title = f"{mentions // a_day} simulated days of {sources} sources, asked every half hour"
            table.rows.append(row)
    return table


def _days(
    folder: Path, rounds: int, a_day: int, chance: random.Random, ends: ExitStack
) -> Iterator[tuple[int, int, float, int, int, int]]:
    from tests.contracts.loopback import posts
    from tests.ingest.stages import ENVIRONMENT, KEPT, stages_of

    clock = SimulatedClock(START)
    store = ends.enter_context(closing(open_store("sqlite", folder, durable=False)))
    stream = ends.enter_context(closing(SqliteStream(folder / "stream.db", durable=False)))
    ends.enter_context(mock.patch.dict("os.environ", ENVIRONMENT))
    stages = stages_of(clock)
    with store.write() as conn:
        for kind, stage in stages.items():
            ends.callback(stage.close)
            stage.source.interval = STEP
            definition = SourceDef.model_validate({"name": kind, "kind": kind} | stage.settings)
            save(conn, definition, now=START, actor="benchmark")
    settings = Settings.model_validate({"data": folder})
    worker = IngestWorker(store, stream, settings, clock, make=lambda one: stages[one.name].source)
    there, count = list(posts(0)), 0
    for n in range(rounds):
        now = clock.set(START + (n + 1) * STEP)
        fresh = [
            replace(one, at=now - timedelta(minutes=one.number % 20)) for one in posts(5, first=5 * n + 1)
        ]
        # A network shows its newest posts.
        there = [*there, *fresh][-KEPT:]
        for stage in stages.values():
            stage.fail(chance.randrange(FAILS) == 0)
            stage.offer(there)
        count += worker.collect_once()
        if (n + 1) % a_day == 0:
            gc.collect()
            with store.read() as conn:
                gaps = len(newest_gaps(conn, 10_000))
            yield len(stages), (n + 1) // a_day, _resident_mb(), count, gaps, sys.getallocatedblocks()


def _resident_mb() -> float:
    """The memory of this process, with the fakes that live in it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6
