"""A second processor added in the middle of a backlog: mentions stored a second, before and after.

Every mention matches, so each one costs understanding and rows. One processor leaves a core idle while it waits for PostgreSQL.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

from benchmarks.firehose import MONITORS, warm
from benchmarks.load import made_up
from benchmarks.place import Engines, House, house
from benchmarks.table import Table
from tocsin.intake.handover import HandOver
from tocsin.store import schema as s

NAME = "scale"
ENGINES = True
# Mentions a second of the backlog's event time.
RATE = 10_000.0


def run(
    mentions: int = 150_000, *, where: Engines, measure_s: float = 8.0, monitors: int = MONITORS
) -> Table:
    """Mentions stored a second by one processor and then by two, over `measure_s` each, on a backlog of so many."""
    table = Table(
        f"A processor added in the middle of a backlog, every mention matched, {os.cpu_count()} cores for everything",
        ("processors", "seconds", "stored", "mentions/s", "records waiting after", "machine busy"),
    )
    with house(where) as made:
        made.runtime.store.migrate()
        made.watch(monitors)
        partitions = made.runtime.settings.stream.partitions
        made.runtime.stream.ensure_topic("mentions", partitions)
        made.start("processors")
        made.until(lambda: made.readers() == 1, "the first processor has partitions")
        warm(made, partitions)
        begun = datetime.now(UTC) - timedelta(seconds=5 + mentions / RATE)
        hand_over = HandOver(
            made.runtime.stream,
            partitions=partitions,
            max_mentions=made.runtime.settings.stream.record_max_mentions,
            clock=made.runtime.clock,
        )
        backlog = made_up(mentions, 1.0, monitors, RATE, begun)
        while some := list(islice(backlog, 10_000)):
            hand_over.hand_over(some)
        time.sleep(1.0)
        one = _phase(made, table, 1, measure_s)
        began = time.perf_counter()
        made.start("processors")
        made.until(lambda: made.readers() == 2, "the second processor has partitions")
        took = time.perf_counter() - began
        # The new processor reads its models meanwhile.
        time.sleep(2.0)
        two = _phase(made, table, 2, measure_s)
    table.notes.append(
        f"The second had its partitions {took:.1f} s after it was started. With it: {two / max(one, 1e-9):.2f} times the rate."
    )
    return table


def _phase(made: House, table: Table, processors: int, measure_s: float) -> float:
    """Measure one row of the table. Returns the mentions stored a second."""
    stored, began = made.count(s.seen), time.perf_counter()
    engines_before = made.engines.cpu_s()
    for role in made.roles:
        role.mark()
    time.sleep(measure_s)
    seconds = time.perf_counter() - began
    more = made.count(s.seen) - stored
    after = made.engines.cpu_s()
    cpu = sum(role.used().cpu_s for role in made.roles) + sum(
        after[name] - engines_before[name] for name in after
    )
    waiting = made.waits()
    table.rows.append(
        (
            processors,
            seconds,
            more,
            round(more / seconds),
            waiting,
            f"{cpu / seconds / (os.cpu_count() or 1):.0%}",
        )
    )
    if not waiting:
        table.notes.append("The backlog ended before the measurement did: give more --mentions.")
    return more / seconds
