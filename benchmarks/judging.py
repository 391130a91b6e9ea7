"""The cost of judging: microseconds of processor time that each kind of signal takes for a monitor's closed window.

The windows are those of a small brand, of none to three mentions, and nothing happens. No store is asked and none is written:
this is the arithmetic alone, of judging and of learning.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from benchmarks.table import Table
from processors.signals.registry import WINDOW, JudgedKind, detectors
from processors.signals.types import Reading, Sensitivity, WindowCounts

NAME = "judging"
START = datetime(2026, 3, 2, tzinfo=UTC)
MONITORS = 10_000

T = TypeVar("T")


def run(mentions: int = 4_000, seed: int = 3) -> Table:
    """Microseconds a window by kind of signal. `mentions` is the number of windows here."""
    kinds, dice = detectors(UTC), random.Random(seed)
    costs = {one.name: [0.0, 0.0] for one in kinds}
    states = [one.detector.initial() for one in kinds]
    for place in range(mentions):
        _judge(kinds, states, _window(place, dice), costs)
    table = Table("Judging a closed window of a quiet monitor, one thread", ("kind", "judge us", "learn us"))
    for name, (judge, learn) in costs.items():
        table.rows.append((name, judge / mentions * 1e6, learn / mentions * 1e6))
    each = sum(map(sum, costs.values())) / mentions
    table.rows.append(("all", *(sum(one[i] for one in costs.values()) / mentions * 1e6 for i in range(2))))
    table.notes.append(
        f"The windows of {MONITORS:,} monitors, once in five minutes: {each * MONITORS:.1f} s of a core."
    )
    return table


def _judge(
    kinds: tuple[JudgedKind, ...],
    states: list[object],
    window: WindowCounts,
    costs: dict[str, list[float]],
) -> None:
    """Judge one window by every kind, and learn it, as `processors.detection` does. Adds to `costs`, in seconds."""
    sensitivity, readings = Sensitivity(), list[Reading]()
    for kind, state in zip(kinds, states, strict=True):
        reading = _timed(costs[kind.name], 0, lambda: kind.detector.judge(state, window, sensitivity))  # noqa: B023  # called at once
        readings.append(reading)
        if kind.signal.says_due:
            window = msgspec.structs.replace(window, due=reading.detail["window_expected"])
    for place, (kind, reading) in enumerate(zip(kinds, readings, strict=True)):
        if kind.signal.judges_empty or window.count:
            states[place] = _timed(
                costs[kind.name],
                1,
                lambda: kind.detector.learn(states[place], window, reading),  # noqa: B023  # called at once
            )


def _timed(cost: list[float], place: int, work: Callable[[], T]) -> T:
    began = time.process_time()
    done = work()
    cost[place] += time.process_time() - began
    return done


def _window(place: int, dice: random.Random) -> WindowCounts:
    count = dice.choice((0, 0, 0, 1, 1, 2, 3))
    negative = min(count, dice.choice((0, 0, 1)))
    return WindowCounts(START + place * WINDOW, WINDOW, count, negative, count)
