"""The memory of a long replay, which should stay flat. Mentions are made as fast as they are played, on the simulated clock.

The replay does everything that `tocsin replay` does: matching, tallies, windows, baselines, alerts. The mentions come from a
generator, and in a second run from a file that is out of order, so that it must be sorted on disk first.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.child import measured, rss_mib
from benchmarks.load import START, made_up, runtime, write_file
from benchmarks.table import Table
from tocsin.core.mention import Mention

NAME = "memory"
MONITORS = 100
SHARE = 0.1
PER_SECOND = 10.0
SAMPLES = 20
# The part of the run after which caches are full and every monitor has a baseline.
WARM = 0.25


def run(mentions: int = 200_000) -> Table:
    """The memory in use while so many mentions are played, and the peak while a file of as many is sorted and played."""
    table = Table(
        f"Memory of a replay, {MONITORS} monitors, 1 in {1 / SHARE:.0f} matched, {PER_SECOND:g} mentions a second of event time",
        ("mentions", "MiB in use", "mentions/s so far"),
    )
    every = max(1, mentions // SAMPLES)
    played = measured(__name__, mentions=mentions, every=every)
    table.rows += [(0, played["at_start"], 0), *(tuple(sample) for sample in played["samples"])]
    warm = [mib for at, mib, _ in played["samples"] if at >= WARM * mentions]
    if warm:
        table.notes.append(
            f"From {WARM:.0%} of the way to the end: {warm[0]:.1f} -> {warm[-1]:.1f} MiB, {warm[-1] / warm[0] - 1:+.1%}; "
            f"peak {played['peak_mib']:.1f}."
        )
    table.notes.append(
        "SQLite's page cache, 32 MB, is full after some 250,000; what comes later must stay flat."
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary:
        file = write_file(Path(temporary) / "shuffled.jsonl", _shuffled(_made(mentions)))
        size = file.stat().st_size / 2**20
        sorted_first = measured(__name__, mentions=mentions, every=every, file=str(file))
    table.notes.append(
        f"The same out of order in a file of {size:,.0f} MiB, sorted and played: peak {sorted_first['peak_mib']:.1f} MiB, "
        f"{sorted_first['stored']:,} stored (from the generator: {played['stored']:,})."
    )
    return table


def _made(mentions: int) -> Iterator[Mention]:
    return made_up(mentions, SHARE, MONITORS, PER_SECOND)


def _shuffled(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """The mentions out of order, in flat memory: of up to 100,000 mentions held, a random one leaves as the next one comes."""
    dice, held = random.Random(3), list[Mention]()
    for mention in mentions:
        if len(held) < 100_000:
            held.append(mention)
            continue
        place = dice.randrange(len(held))
        yield held[place]
        held[place] = mention
    dice.shuffle(held)
    yield from held


def work(mentions: int, every: int, file: str | None = None) -> dict[str, Any]:
    """Play made-up mentions, or those of a file, in this process."""
    from ops.replay.order import in_order_heard
    from ops.replay.player import Player

    samples: list[tuple[int, float, int]] = []
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder,
        runtime(Path(folder), MONITORS, durable=False) as made,
    ):
        given = _made(mentions)
        if file is not None:
            given = in_order_heard([Path(file)], source="made-up", zone=None, on_bad=_never)
        player = Player(made.store, made.stream, made.settings, START)
        first = next(given, None)
        at_start, began = rss_mib(), time.perf_counter()

        def sampled() -> Iterator[Mention]:
            if first is not None:
                yield first
            for number, mention in enumerate(given, 2):
                yield mention
                if number % every == 0:
                    samples.append((number, rss_mib(), round(number / (time.perf_counter() - began))))

        player.play(sampled())
        stored = player.totals.stored
        player.close()
    return {"samples": samples, "stored": stored, "at_start": at_start}


def _never(path: Path, line: int, _payload: bytes, error: Exception) -> None:
    sys.exit(f"{path}:{line}: made-up mentions cannot be read: {error}")
