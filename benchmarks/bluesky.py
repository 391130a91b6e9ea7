"""A day of Bluesky through ingest and the matcher, as fast as it goes, with faults: nothing is lost, nothing is double.

One process has the ingest worker and a processor on the embedded engines, as the stream process of `tocsin up`. The source
hears two instances of Jetstream that another process fakes (`benchmarks/jetstream.py`). A day lies between the first event and
the last; the worker hears it as after an outage of a day, as fast as it can. Every post is looked for in what was handed over,
and every post that names a brand in what was stored and in the tallies.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.child import ended, measured, rss_mib, start
from benchmarks.jetstream import DAY, Day, planned, streaming
from benchmarks.load import runtime
from benchmarks.table import Table
from tocsin.core.mention import Handed
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import save
from tocsin.store import schema as s

NAME = "bluesky"
MONITORS = 1000
# Every kind of fault so often.
ROUNDS = 2
LIVE_RATE = 300
SAMPLES = 20


def run(mentions: int = 200_000, monitors: int = MONITORS, rounds: int = ROUNDS, here: bool = False) -> Table:
    """What came, what was lost or double, and the processor time of the worker and of the matcher for each post."""
    began = datetime.now(UTC) - DAY - timedelta(minutes=1)
    options: dict[str, Any] = {"posts": mentions, "start": began.isoformat(), "monitors": monitors}
    happened: list[str] = []
    with _instances(options | {"rounds": rounds}, happened, here=here) as url:
        result = measured("benchmarks.bluesky", url=url, **options)
    table = Table(
        f"A day of Bluesky, {mentions:,} events, {monitors:,} monitors, with {rounds * 10} faults",
        ("events", "posts", "handed over", "again", "lost", "stored", "expected", "in tallies", "events/s",
         "ingest us", "match us", "peak MiB"),
    )  # fmt: skip
    count = result["events"]
    table.rows.append(
        (
            count,
            result["posts"],
            result["handed"],
            result["again"],
            result["lost"],
            result["stored"],
            result["expected"],
            result["tallied"],
            round(count / result["seconds"]),
            1e6 * result["ingest_cpu"] / count,
            1e6 * result["match_cpu"] / count,
            round(result["peak_mib"]),
        )
    )
    one = (result["ingest_cpu"] + result["match_cpu"]) / count
    table.notes += [
        "us: microseconds of processor time an event; ingest is the connection's thread, reading and hand-over.",
        f"At {LIVE_RATE} posts a second the stream role uses {LIVE_RATE * one:.1%} of a core for them; "
        f"a whole day ({LIVE_RATE * 86_400:,} posts) takes it {LIVE_RATE * 86_400 * one / 60:.0f} minutes of one.",
        f"MiB in use along the way: {', '.join(f'{mib:.0f}' for mib in result['held_mib'])}.",
        f"The faults that came: {', '.join(f'{n} x {kind}' for kind, n in Counter(happened).items())}.",
        f"Dead letters: {result['dead_letters']}: the message that is no JSON; equal ones are one.",
    ]
    return table


@contextmanager
def _instances(options: dict[str, Any], happened: list[str], *, here: bool) -> Iterator[str]:
    """The address of the instances, in a process of their own or (`here`) in this one. Fills in the faults that came."""
    if here:
        day = Day(options["posts"], datetime.fromisoformat(options["start"]), options["monitors"])
        with streaming(day, planned(options["posts"], options["rounds"])) as made:
            yield made.url
            happened += made.done
        return
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder,
        start("benchmarks.jetstream", folder=folder, **options) as process,
    ):
        address = Path(folder) / "url"
        while not address.exists():
            if process.poll() is not None:
                raise RuntimeError("the fake instances ended before they began")
            time.sleep(0.05)
        yield address.read_text()
        happened += ended(process, "benchmarks.jetstream")["faults"]


class _Watching:
    """A hand-over that notes which posts went through it, by the number in their id."""

    def __init__(self, inner: Any, posts: int) -> None:
        self._inner, self.came = inner, bytearray(posts)
        self.handed = 0

    def hand_over(self, mentions: Sequence[Handed], now: datetime | None = None) -> None:
        self._inner.hand_over(mentions, now)
        self.handed += len(mentions)
        for one in mentions:
            index = int(one.id[-13:])
            self.came[index] = min(255, self.came[index] + 1)


def work(url: str, posts: int, start: str, monitors: int) -> dict[str, Any]:
    """Hear the day, in this process."""
    from ingest.worker import IngestWorker
    from processors.worker import StreamProcessor
    from tocsin.intake.handover import HandOver

    day = Day(posts, datetime.fromisoformat(start), monitors)
    deleted = {gone for index in range(posts) if (gone := day.deletes(index)) is not None}
    wanted = bytearray(day.deletes(index) is None and index not in deleted for index in range(posts))
    expected = sum(map(day.matches, range(posts)))
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder,
        runtime(Path(folder), monitors) as made,
    ):
        settings = made.settings.model_copy(
            update={
                "ingest": made.settings.ingest.model_copy(
                    update={"allowed_private_networks": ("127.0.0.0/8",)}
                )
            }
        )
        source = SourceDef.model_validate(
            {"name": "sky", "kind": "bluesky", "instances": [f"{url}/a", f"{url}/b"], "first_minutes": 2160}
        )
        with made.store.write() as conn:
            save(conn, source, now=made.clock.now(), actor="benchmark")
        watching = _Watching(HandOver.to(made.stream, settings.stream, made.clock), posts)
        worker = IngestWorker(made.store, made.stream, settings, made.clock, watching)
        processor = StreamProcessor(made.store, made.stream, settings, made.clock)
        stop, matched, match_cpu = threading.Event(), threading.Event(), [0.0]

        def match() -> None:
            # As in live use, where what was read is trimmed: the stream is full after some five million events otherwise.
            processor.run(matched)
            match_cpu[0] = time.thread_time()

        began, began_cpu = time.perf_counter(), time.process_time()
        hearing = threading.Thread(target=worker.run, args=(stop,))
        matching = threading.Thread(target=match)
        hearing.start()
        matching.start()
        first, held = 0, list[float]()
        while (first := _missing(wanted, watching.came, first)) < posts and _alive(hearing, matching):
            if first >= len(held) * posts / SAMPLES:
                held.append(rss_mib())
            time.sleep(0.2)
        stop.set()
        hearing.join()
        while processor.lag() and matching.is_alive():
            time.sleep(0.05)
        matched.set()
        matching.join()
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        with made.store.read() as conn:
            stored = conn.execute(select(func.count()).select_from(s.seen)).scalar_one()
            tallied = conn.execute(select(func.coalesce(func.sum(s.tallies.c.count), 0))).scalar_one()
            letters = Counter(conn.execute(select(s.dead_letters.c.reason)).scalars())
    return {
        "events": posts,
        "posts": sum(wanted),
        "handed": watching.handed,
        "again": sum(count - 1 for count in watching.came if count > 1),
        "lost": sum(1 for want, came in zip(wanted, watching.came, strict=True) if want and not came),
        "stored": stored,
        "expected": expected,
        "tallied": int(tallied),
        "seconds": seconds,
        "ingest_cpu": cpu - match_cpu[0],
        "match_cpu": match_cpu[0],
        "dead_letters": letters.total(),
        "held_mib": [*held, rss_mib()],
    }


def _missing(wanted: bytearray, came: bytearray, first: int) -> int:
    """The first post from `first` on that has not come. To look at all of them each time would cost more than to hear them."""
    while first < len(wanted) and wanted[first] <= came[first]:
        first += 1
    return first


def _alive(*threads: threading.Thread) -> bool:
    return all(one.is_alive() for one in threads)
