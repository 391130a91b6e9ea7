"""A simulated week of twenty sources, each asked every half hour and failing now and then: the memory of the worker stays flat.

The sources are the connectors of all polled networks, and further feeds, against their fakes on loopback. Each round of half an
hour brings new posts to each network; one fetch in twenty fails. The resident memory is read after each simulated day.
"""

from __future__ import annotations

import gc
import random
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.table import Table
from ingest.kinds import make_source
from ingest.source import Source
from ingest.worker import IngestWorker
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import save
from tocsin.health.gaps import newest_gaps
from tocsin.settings import Settings
from tocsin.store.opening import open_store
from tocsin.stream.sqlite import SqliteStream

NAME = "ears"
SOURCES = 20
STEP = timedelta(minutes=30)
A_DAY = int(timedelta(days=1) / STEP)
START = datetime(2026, 3, 2, tzinfo=UTC)
# One fetch in so many fails.
FAILS = 20


def run(mentions: int = 7 * A_DAY, seed: int = 1, a_day: int = A_DAY) -> Table:
    """The resident memory after each simulated day. `mentions` is the number of rounds (of half an hour) here,
    and `a_day` of those in a row."""
    table = Table(
        f"A simulated week of {SOURCES} sources, asked every half hour", ["day", "RSS MB", "mentions", "gaps"]
    )
    with ExitStack() as ends, tempfile.TemporaryDirectory() as folder:
        for row in _days(Path(folder), mentions, a_day, random.Random(seed), ends):
            table.rows.append(row)
    return table


def _days(folder: Path, rounds: int, a_day: int, chance: random.Random, ends: ExitStack) -> Any:
    from tests.contracts.loopback import INGEST, Loopback, Reply, posts
    from tests.ingest.networks import NETWORKS
    from tocsin.definitions.source_kinds import source_kind

    clock = SimulatedClock(START)
    store = ends.enter_context(_closing(open_store("sqlite", folder, durable=False)))
    stream = ends.enter_context(_closing(SqliteStream(folder / "stream.db", durable=False)))
    polled = [one for one in NETWORKS.values() if not source_kind(one.kind).streams]
    networks = (polled + [NETWORKS["feed"]] * SOURCES)[:SOURCES]
    sources: dict[str, Source] = {}
    worlds = []
    for number, network in enumerate(networks):
        ends.enter_context(mock.patch.dict("os.environ", network.environment))
        server = ends.enter_context(_closing(Loopback()))
        world = server.begin(network)
        world.clock = clock
        name = f"{network.kind}-{number}"
        definition = SourceDef.model_validate(
            {"name": name, "kind": network.kind} | network.settings(world.url)
        )
        made = network.make(definition, world) if network.make else make_source(definition, INGEST, clock)
        made.interval = STEP
        sources[name] = ends.enter_context(_closing(made))
        worlds.append(world)
        with store.write() as conn:
            save(conn, definition, now=START, actor="benchmark")
    settings = Settings.model_validate({"data": folder})
    worker = IngestWorker(store, stream, settings, clock, make=lambda one: sources[one.name])
    count = 0
    for n in range(rounds):
        now = clock.set(START + (n + 1) * STEP)
        for world in worlds:
            world.requests.clear()
            world.fault = Reply(b"away", 503) if chance.randrange(FAILS) == 0 else None
            fresh = [
                replace(one, at=now - timedelta(minutes=one.number % 20)) for one in posts(5, first=5 * n + 1)
            ]
            # A network shows its newest posts.
            world.posts = [*world.posts, *fresh][-50:]
        count += worker.collect_once()
        if (n + 1) % a_day == 0:
            gc.collect()
            with store.read() as conn:
                gaps = len(newest_gaps(conn, 10_000))
            yield (n + 1) // a_day, _resident_mb(), count, gaps


def _resident_mb() -> float:
    """The memory of this process, with the fakes that live in it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


class _closing:  # like contextlib.closing, for anything
    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __enter__(self) -> Any:
        return self._thing

    def __exit__(self, *_: object) -> None:
        self._thing.close()
