"""The cost of judging very many monitors live, with all that is read and written.

Every monitor knows fifteen days of its own. The ticker looks every 30 s of a simulated quarter of an hour, as it does in use:
tallies and texts are read, windows judged, readings and states written and committed. Nothing happens, and people speak a little
of every brand, each in words of his own. The clock is simulated, and the looks are real: on the embedded store, and on PostgreSQL
where it can be had.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.child import measured
from benchmarks.judging import SOME
from benchmarks.load import START, runtime
from benchmarks.place import family_cpu_s
from benchmarks.table import Table
from ops.runtime import Runtime
from processors.detection.judgement import judgement
from processors.detection.states import JudgedMonitor, fresh
from processors.signals.registry import WINDOW
from processors.signals.types import WindowCounts
from processors.ticker import DetectionTicker
from processors.understand.gist import gist_of
from tocsin.core.clock import HOUR, SimulatedClock, minute_of, minute_start
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import listed, save
from tocsin.launcher import GARBAGE_FROM
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS

NAME = "ticking"
KNOWN = timedelta(days=15)
LASTS, EVERY = timedelta(minutes=15), timedelta(seconds=30)
# The monitors whose past is judged; the others have the past of one of these.
KINDS = 8
AT_ONCE = 250
# The words that people use, and how many a text has.
WORDS, TEXT_WORDS = [b"word%d" % number for number in range(800)], 14
FIRST, CLOSES, BETWEEN = "the first after a start", "windows close", "between"


def run(mentions: int = 10_000, stores: Sequence[str] = ("SQLite", "PostgreSQL")) -> Table:
    """Seconds a look, by what it finds. `mentions` is the number of monitors here."""
    from tests.engines import EnginesUnavailable

    table = Table(
        f"Looks of the ticker at {mentions:,} monitors, every {EVERY.seconds} s of {LASTS.seconds // 60} minutes; seconds a look",
        ("store", "look", "times", "readings", "processor", "engine", "by the clock", "us a monitor"),
    )
    for store in stores:
        with ExitStack() as stack:
            url, pid = "sqlite", 0
            if store == "PostgreSQL":
                try:
                    url, pid = _postgres(stack)
                except EnginesUnavailable as error:
                    table.notes.append(f"{store}: NOT RUN: {error}")
                    continue
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-"))
            result = measured(__name__, folder=folder, url=url, pid=pid, monitors=mentions)
        for what, looks in result["looks"].items():
            readings, *seconds = (sum(part) / len(looks) for part in zip(*looks, strict=True))
            of_a_core = seconds[0] + seconds[1]
            table.rows.append(
                (store, what, len(looks), round(readings), *seconds, 1e6 * of_a_core / mentions)
            )
        everything = [look for looks in result["looks"].values() for look in looks]
        used = sum(look[1] + look[2] for look in everything) / len(everything) / EVERY.seconds
        longest = max(look[3] for look in everything[1:])
        table.notes.append(
            f"{store}: {used:.1%} of a core over all looks, the engine's work included; the longest look after the first "
            f"{longest:.1f} s of {EVERY.seconds} by the clock; {result['peak_mib']:.0f} MiB at most."
        )
    return table


def _postgres(stack: ExitStack) -> tuple[str, int]:
    from tests.engines.postgres import start_postgres

    server = stack.enter_context(start_postgres())
    assert server._process is not None
    return server.database(), server._process.pid


def work(folder: str, url: str, pid: int, monitors: int) -> dict[str, Any]:
    """The looks by what they find: readings written, seconds of processor time here and of the engine `pid`, and by the clock."""
    looks: dict[str, list[tuple[float, ...]]] = {FIRST: [], CLOSES: [], BETWEEN: []}
    # As in use. Looking for garbage after every 700 objects would be a fifth of the cost.
    gc.set_threshold(GARBAGE_FROM, *gc.get_threshold()[1:])
    with runtime(Path(folder), 1, store=url) as made:
        made.stream.ensure_topic(MENTIONS, 1)
        begins = START + KNOWN
        _define(made, monitors - 1)
        ids = _prepare(made, begins)
        clock, dice = SimulatedClock(begins), random.Random(3)
        for at in _times(begins - HOUR, begins, WINDOW):
            _speak(made, ids, at, dice)
        ticker = DetectionTicker(made.store, made.stream, made.settings, clock)
        before = _readings(made)
        for now in _times(begins, begins + LASTS, EVERY):
            clock.advance(now - clock.now())
            if not (now - begins) % WINDOW:
                _speak(made, ids, now, dice)
            began = time.process_time(), family_cpu_s(pid), time.perf_counter()
            ticker.once()
            ended = time.process_time(), family_cpu_s(pid), time.perf_counter()
            readings = _readings(made)
            what = BETWEEN if readings == before else CLOSES
            took = [after - then for after, then in zip(ended, began, strict=True)]
            looks[what if now > begins else FIRST].append((readings - before, *took))
            before = readings
    return {"looks": looks}


def _times(first: datetime, until: datetime, every: timedelta) -> Iterator[datetime]:
    while first < until:
        yield first
        first += every


def _readings(made: Runtime) -> int:
    with made.store.read() as conn:
        return conn.execute(select(func.count()).select_from(s.readings)).scalar_one()


def _define(made: Runtime, monitors: int) -> None:
    """Define so many further monitors. Nothing is matched here, so any query will do."""
    for first in range(0, monitors, AT_ONCE):
        with made.store.write() as conn:
            for number in range(first, min(first + AT_ONCE, monitors)):
                monitor = Monitor(name=f"further-{number:05d}", query=f"further{number:05d}")
                save(conn, monitor, now=START, actor="benchmark")


def _prepare(made: Runtime, until: datetime) -> list[str]:
    """Give every monitor a past that ends at `until`. Returns their ids."""
    with made.store.read() as conn:
        defined = listed(conn, Monitor)
        pasts = [fresh(one) for one in defined[:KINDS]]
        for seed, one in enumerate(pasts):
            dice = random.Random(seed)
            for start in _times(until - KNOWN, until, WINDOW):
                count = dice.choice(SOME)
                window = WindowCounts(start, WINDOW, count, min(count, dice.choice((0, 0, 1))), count)
                judgement(conn, one, window, window.end, spare_the_quiet=True).teach()
            one.next_window = until
    known: list[JudgedMonitor] = [
        replace(pasts[place % len(pasts)], defined=one, _series=None) for place, one in enumerate(defined)
    ]
    for first in range(0, len(known), AT_ONCE):
        with made.store.write() as conn:
            rows = [row for one in known[first : first + AT_ONCE] for row in one.rows(until)]
            made.store.put(conn, s.detector_state, rows)
    return [one.id for one in defined]


def _speak(made: Runtime, ids: list[str], at: datetime, dice: random.Random) -> None:
    """Tallies and texts of the next window: none to three mentions of each brand."""
    zeros = dict.fromkeys(("positive", "unscored", "triggered", "reach", "reposts"), 0)
    rows, said = [], []
    for id in ids:
        count = dice.choice(SOME)
        negative = min(count, dice.choice((0, 0, 1)))
        if count:
            minute = minute_of(at) + dice.randrange(5)
            place = {"monitor_id": id, "minute": minute, "partition": 0}
            tally = {**place, "authors": b"", **zeros}
            rows.append({**tally, "count": count, "negative": negative, "neutral": count - negative})
            said += [_match(place, number < negative, dice) for number in range(count)]
    with made.store.write() as conn:
        made.store.insert_new(conn, s.tallies, rows)
        for first in range(0, len(said), AT_ONCE):
            made.store.insert_new(conn, s.matches, said[first : first + AT_ONCE])


def _match(place: Mapping[str, Any], negative: bool, dice: random.Random) -> dict[str, Any]:
    """A mention by somebody else than the others, in words of his own."""
    words = b" ".join(dice.choices(WORDS, k=TEXT_WORDS))
    return {
        **place,
        "source": NAME,
        "id": f"{dice.getrandbits(64):016x}",
        "created_at": minute_start(place["minute"]),
        "label": "negative" if negative else "neutral",
        "reach": 0,
        "author": dice.getrandbits(63),
        "signature": dice.getrandbits(63),
        "repost": False,
        "triggers": [],
        "gist": gist_of(words),
    }
