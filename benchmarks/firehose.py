"""The way from ingest to stored on Apache Kafka and PostgreSQL, with real roles in processes of their own, beside the naive
pipeline.

The role `ingest` gets a file of mentions as a source; `processors` store the mentions that match. The clock runs from the
definition of the source until every record is stored. Everything waits for the disk as in live use. Nothing is prepared
beforehand but the monitors and one mention a partition, which makes the processes read their models.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient

from benchmarks.child import ended, measured, start
from benchmarks.load import made_up, write_file
from benchmarks.naive_engines import COMMIT_ROWS, TABLE
from benchmarks.place import Engines, House, house
from benchmarks.table import Table
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import save
from tocsin.intake.handover import HandOver
from tocsin.store import schema as s

NAME = "firehose"
ENGINES = True
MONITORS = 1000
SOURCE = "firehose"


def warm(made: House, partitions: int = 8) -> None:
    """Store mentions that match, enough for every processor, so that models, lexicons and monitors are read."""
    hand_over = HandOver(
        made.runtime.stream, partitions=partitions, max_mentions=10, clock=made.runtime.clock
    )
    now = made.runtime.clock.now()
    hand_over.hand_over(
        [
            Mention(source="warm", id=str(n), text="the brand0001 train is late again", created_at=now)
            for n in range(20 * partitions)
        ]
    )
    made.until(lambda: made.waits() == 0, "the first mentions are stored")


def play(
    where: Engines, file: Path, count: int, monitors: int, processors: int, **settings: Any
) -> dict[str, Any]:
    """Seconds from the source's definition to the last mention stored, and what every process used."""
    with house(where, **settings) as made:
        made.runtime.store.migrate()
        made.watch(monitors)
        partitions = made.runtime.settings.stream.partitions
        made.runtime.stream.ensure_topic("mentions", partitions)
        for _ in range(processors):
            made.start("processors")
        made.until(lambda: made.readers() == processors, "processors have partitions")
        ingest = made.start("ingest")
        warm(made, partitions)
        stored_before = made.count(s.mentions)
        time.sleep(1.0)
        engines_before = where.cpu_s()
        for role in made.roles:
            role.mark()
        began = time.perf_counter()
        with made.runtime.store.write() as conn:
            source = SourceDef.model_validate(
                {"name": SOURCE, "kind": "file", "path": str(file), "format": "jsonl"}
            )
            save(conn, source, now=made.runtime.clock.now(), actor="benchmark")
        handed_s = 0.0
        while True:
            time.sleep(0.1)
            if not handed_s and made.received(SOURCE) >= count:
                handed_s = time.perf_counter() - began
            if handed_s and made.waits() == 0:
                break
            for role in made.roles:
                role.used()
            if time.perf_counter() - began > 600:
                raise RuntimeError("not stored within ten minutes")
        seconds = time.perf_counter() - began
        after = where.cpu_s()
        used = {role.name: role.used() for role in made.roles}
        reading = used.pop(ingest.name)
        cpu = {
            "ingest": reading.cpu_s,
            "process": sum(one.cpu_s for one in used.values()),
            **{name: after[name] - engines_before[name] for name in after},
        }
        return {
            "mentions": count,
            "stored": made.count(s.mentions) - stored_before,
            "seconds": seconds,
            "handed_s": handed_s,
            "cpu": cpu,
            "busy": cpu["process"] / seconds / processors,
            "machine": sum(cpu.values()) / seconds / (os.cpu_count() or 1),
            "peak_mib": max(one.peak_mib for one in (reading, *used.values())),
        }


def made_file(folder: Path, name: str, count: int, share: float, monitors: int, per_second: float) -> Path:
    """A file of mentions posted in the last minutes, as many a second as are expected to be stored."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5 + count / per_second)
    return write_file(folder / name, made_up(count, share, monitors, per_second, start))


@dataclass(frozen=True, slots=True)
class Load:
    """The load: its share of matches, how many mentions, and how many of them a second by their times of posting."""

    name: str
    share: float
    mentions: int
    per_second: float
    # Mentions for the naive pipeline: fewer, because it is slow and its speed is steady.
    naive: int
    processors: Sequence[int] = (2,)


def run(
    mentions: int = 1_000_000,
    *,
    where: Engines,
    loads: Sequence[Load] | None = None,
    monitors: int = MONITORS,
) -> Table:
    """Mentions a second and processor time a mention, of our processes and the naive ones, on the same engines in one run."""
    table = Table(
        f"Ingest to stored on Apache Kafka and PostgreSQL, {monitors:,} monitors, {os.cpu_count()} cores for everything",
        (
            *("what comes", "pipeline", "mentions", "stored", "mentions/s", "naive x"),
            *("CPU us each", "ingest", "process", "kafka", "postgres", "peak MiB"),
        ),
    )
    loads = loads or (
        Load("1 in 50 matches", 0.02, mentions, 100_000.0, 60_000, (1, 2)),
        Load("all match", 1.0, max(1, mentions // 16), 10_000.0, 6_000),
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary:
        for load in loads:
            file = made_file(
                Path(temporary), f"{load.share}.jsonl", load.mentions, load.share, monitors, load.per_second
            )
            fed = naively(where, file, load.naive, monitors, beside=True)
            alone = naively(where, file, load.naive, monitors, beside=False)
            naive_speed = max(one["mentions"] / one["seconds"] for one in (fed, alone))
            table.rows.append(_row(load, "naive, its producer beside it", fed, naive_speed))
            table.rows.append(_row(load, "naive, on a backlog", alone, naive_speed))
            for processors in load.processors:
                got = play(where, file, load.mentions, monitors, processors)
                name = f"1 ingest, {processors} processor{'s' * (processors > 1)}"
                table.rows.append(_row(load, name, got, naive_speed))
                table.notes.append(
                    f"{load.name}, {name}: all of it in the stream after {got['handed_s']:.1f} s "
                    f"({load.mentions / got['handed_s']:,.0f}/s), stored after {got['seconds']:.1f} s; "
                    f"the processors were {got['busy']:.0%} busy, the machine {got['machine']:.0%}."
                )
            table.notes.append(
                f"{load.name}: the naive producer alone sends {alone['producer_speed']:,.0f} records/s; "
                f'the naive loop commits every {COMMIT_ROWS} rows. "naive x" is against the faster of its two ways.'
            )
            file.unlink()
    return table


def naively(where: Engines, file: Path, count: int, monitors: int, *, beside: bool) -> dict[str, Any]:
    """The naive pipeline over the first `count` mentions, beside its running producer, or on what the producer left."""
    topic = f"naive-{uuid.uuid4().hex[:8]}"
    store = where.postgres.database()
    with psycopg.connect(store) as db:
        db.execute(TABLE)
    admin = KafkaAdminClient(bootstrap_servers=where.kafka.bootstrap)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}, timeout_ms=30_000)
    admin.wait_for_topics([topic], timeout_ms=30_000)
    admin.close()
    module, common = (
        "benchmarks.naive_engines",
        {"bootstrap": where.kafka.bootstrap, "topic": topic, "most": count},
    )
    loop_options = {"who": "loop", "store": store, "monitors": monitors, **common}
    produced = {} if beside else measured(module, who="producer", file=str(file), **common)
    before = where.cpu_s()
    with start(module, **loop_options) as loop:
        assert loop.stdout is not None
        loop.stdout.readline()
        if beside:
            before = where.cpu_s()
            produced = measured(module, who="producer", file=str(file), **common)
        got = ended(loop, module)
    after = where.cpu_s()
    ours = {"ingest": produced["cpu"] if beside else 0.0, "process": got["cpu"]}
    got["cpu"] = ours | {name: after[name] - before[name] for name in after}
    got["producer_speed"] = produced["mentions"] / produced["seconds"]
    return got


def _row(load: Load, pipeline: str, got: dict[str, Any], naive_speed: float) -> Sequence[int | float | str]:
    count, cpu = got["mentions"], got["cpu"]
    speed = count / got["seconds"]
    return (
        load.name,
        pipeline,
        count,
        got["stored"],
        round(speed),
        f"{speed / naive_speed:.1f} x",
        *(1e6 * used / count for used in (sum(cpu.values()), *cpu.values())),
        round(got["peak_mib"]),
    )
