"""The cost of judging: microseconds of processor time that each kind of signal takes for a monitor's closed window.

The windows are those of small brands, of none to three mentions, and nothing happens. No store is asked and none is written: this
is the arithmetic alone, of judging and of learning. Beside it stands the same with the quiet spared, as the product does it, and
both must have taught the same.
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
# The mentions of a window: of a brand that people speak of in every second window, and of a brand that they hardly speak of.
SOME, HARDLY_ANY = (0, 0, 0, 1, 1, 2, 3), (0,) * 19 + (1,)

T = TypeVar("T")


def run(mentions: int = 4_000, seed: int = 3) -> Table:
    """Microseconds a window by kind of signal. `mentions` is the number of windows here."""
    some, hardly = (_costs(counts, mentions, seed) for counts in (SOME, HARDLY_ANY))
    columns = ("kind", "judge us", "learn us", "quiet spared us", "hardly any talk us", "quiet spared us")
    table = Table("Judging a closed window of a quiet monitor, one thread", columns)
    for name, cost in some.items():
        judge, learn, whole = hardly[name]
        table.rows.append((name, *cost, judge + learn, whole))
    table.rows.append(("all", *(sum(float(row[i]) for row in table.rows) for i in range(1, len(columns)))))
    judge, learn, spared, hardly_whole, hardly_spared = (float(one) for one in table.rows[-1][1:])
    table.notes.append(
        f"The windows of {MONITORS:,} monitors, once in five minutes: {spared * MONITORS / 1e6:.2f} s of a core, and "
        f"{(judge + learn) / spared:.1f} times as much if the quiet were not spared; where there is hardly any talk "
        f"{hardly_spared * MONITORS / 1e6:.2f} s, and {hardly_whole / hardly_spared:.1f} times as much."
    )
    return table


def _costs(counts: tuple[int, ...], windows: int, seed: int) -> dict[str, list[float]]:
    """The costs by kind, in microseconds a window: of judging, of learning, and of both with the quiet spared."""
    kinds, dice = detectors(UTC), random.Random(seed)
    costs = {one.name: [0.0, 0.0, 0.0] for one in kinds}
    whole, spared = ([one.detector.initial() for one in kinds] for _ in range(2))
    for place in range(windows):
        window = _window(place, counts, dice)
        _judge(kinds, whole, window, costs)
        _spare(kinds, spared, window, costs)
    if whole != spared:
        raise RuntimeError(f"seed {seed}: sparing the quiet has taught another state")
    return {name: [part / windows * 1e6 for part in parts] for name, parts in costs.items()}


def _judge(
    kinds: tuple[JudgedKind, ...],
    states: list[object],
    window: WindowCounts,
    costs: dict[str, list[float]],
) -> None:
    """Judge one window by every kind, and learn it. Adds to `costs`, in seconds."""
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


def _spare(
    kinds: tuple[JudgedKind, ...],
    states: list[object],
    window: WindowCounts,
    costs: dict[str, list[float]],
) -> None:
    """The same as `processors.detection` does it: a kind that has nothing to say is not judged."""
    sensitivity = Sensitivity()
    for place, kind in enumerate(kinds):
        began = time.process_time()
        state, quiet = states[place], kind.quiet
        after = quiet(state, window, sensitivity) if quiet is not None else None
        if after is None:
            reading = kind.detector.judge(state, window, sensitivity)
            if kind.signal.says_due:
                window = msgspec.structs.replace(window, due=reading.detail["window_expected"])
        if kind.signal.judges_empty or window.count:
            states[place] = after if after is not None else kind.detector.learn(state, window, reading)
        costs[kind.name][2] += time.process_time() - began


def _timed(cost: list[float], place: int, work: Callable[[], T]) -> T:
    began = time.process_time()
    done = work()
    cost[place] += time.process_time() - began
    return done


def _window(place: int, counts: tuple[int, ...], dice: random.Random) -> WindowCounts:
    count = dice.choice(counts)
    negative = min(count, dice.choice((0, 0, 1)))
    return WindowCounts(START + place * WINDOW, WINDOW, count, negative, count)
