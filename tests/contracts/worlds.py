"""Made-up series for the detectors' tests: seasons, noise that varies more than Poisson noise, and a fold over a series."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from processors.signals.types import Reading, Sensitivity, WindowCounts

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FIVE = timedelta(minutes=5)
# Windows of five minutes.
DAY = 288
PROMISE = Sensitivity()


def windows(counts: Iterable[int], start: datetime = MONDAY, length: timedelta = FIVE) -> list[WindowCounts]:
    return [WindowCounts(start + i * length, length, n) for i, n in enumerate(counts)]


def shared(
    pairs: Iterable[tuple[int, int]], start: datetime = MONDAY, due: float | None = None
) -> list[WindowCounts]:
    """The windows of these (negative, scored) pairs. `due` is the number of mentions that each is said to expect."""
    return [WindowCounts(start + i * FIVE, FIVE, s, n, s, due=due) for i, (n, s) in enumerate(pairs)]


def fold(
    detector: Any, series: Sequence[WindowCounts], state: Any = None, promise: Sensitivity = PROMISE
) -> tuple[Any, list[Reading]]:
    """Judge and learn every window. Returns the last state and all readings."""
    state = detector.initial() if state is None else state
    readings = []
    for window in series:
        readings.append(detector.judge(state, window, promise))
        state = detector.learn(state, window, readings[-1])
    return state, readings


def noisy(rng: random.Random, mean: float, extra: float = 0.2) -> int:
    """A negative-binomial count: variance mean + extra * mean**2."""
    if mean <= 0:
        return 0
    rate = rng.gammavariate(1 / extra, extra * mean) if extra else mean
    if rate > 50:
        return max(0, round(rng.gauss(rate, math.sqrt(rate))))
    limit, n, product = math.exp(-rate), 0, rng.random()
    while product > limit:
        n, product = n + 1, product * rng.random()
    return n


def day_and_night(i: int) -> float:
    """A season around 1: five times as much at 15:00 as at 03:00."""
    return math.exp(0.8 * math.sin((i % DAY) / DAY * 2 * math.pi - 0.75 * math.pi))


def background(seed: int, days: float, per_hour: float, extra: float = 0.2) -> list[int]:
    rng = random.Random(seed)
    return [noisy(rng, per_hour / 12 * day_and_night(i), extra) for i in range(round(days * DAY))]


def onsets(readings: Sequence[Reading], quiet: int = 72) -> list[Reading]:
    """The readings that are over, with no other one over in the six hours before."""
    found, last = [], -quiet
    for i, reading in enumerate(readings):
        if reading.over:
            if i - last > quiet:
                found.append(reading)
            last = i
    return found
