"""What is due in a window, and what the window teaches the expectation: the part of the volume that needs no verdict.

The volume detector asks for it in every window. A series that is judged by its negatives needs no more of the volume than that,
and a verdict would cost three times as much: `DueSeries`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from math import log, sqrt

from processors.signals import expectation
from processors.signals.crowd import most_taken, variance
from processors.signals.expectation import Expectation, HourPlace, place_of
from processors.signals.statistics import four, median_step, six, tidy, wildness
from processors.signals.types import WindowCounts

# A window teaches at most so many times what was due, once twelve hours are known.
TEACHES, TEACHES_DEVIATIONS, TEACHES_FROM_H = 4.5, 2.0, 12
# The median of how far single windows are off, as a logarithm, before any is known.
WINDOW_OFF = log(2.0)


def due_in(known: Expectation, at: HourPlace, hours: float, count: int) -> float:
    """The mentions due in a window of `hours` hours at that place. In a monitor's first window nothing is known, and `count`
    itself is due where it is more.
    """
    due = expectation.due(known, at, hours)
    return max(due, float(count)) if known.hours < 1 and not known.hour_windows else due


def teaches(known: Expectation, count: int, due: float, taken: float, varies: float, off: float) -> float:
    """The mentions that a window teaches, of which the sums take `taken`. `varies` is the variance of `due`, `off` the median of
    how far windows are off.
    """
    if known.hours < TEACHES_FROM_H:
        return float(count)
    deviation = sqrt(varies) * wildness(off)
    return min(taken, max(TEACHES * due, due + TEACHES_DEVIATIONS * deviation) + 0.5)


class DueSeries:
    """The mentions due in the windows of one series, which come in order, as the volume detector would say it."""

    __slots__ = ("_after", "_hours", "_known", "_known_h", "_length", "_next", "_off", "_zone")

    def __init__(self, zone: tzinfo, length: timedelta) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        self._known = Expectation()
        self._known_h = 0.0
        self._off = WINDOW_OFF
        self._next: datetime | None = None
        # The place of the window at `_next`, on an ordinary day.
        self._after: HourPlace | None = None

    def due(self, window: WindowCounts) -> float:
        """The mentions due in this window, which is learned if it is complete and was not met before."""
        start, count, known, hours, following = (
            window.start,
            window.count,
            self._known,
            self._hours,
            self._next,
        )
        at = self._after if start == following and not window.holiday else None
        if at is None:
            at = place_of(start, self._length, self._zone, window.holiday)
        due, off = due_in(known, at, hours, count), self._off
        if not window.complete or (following is not None and start < following):
            return six(due)
        most = most_taken(due, off)
        taken, due = float(count) if count <= most else four(most), six(due)
        varies, end = variance(due), start + self._length
        after = place_of(end, self._length, self._zone)
        taught = teaches(known, count, due, taken, varies, off)
        self._known = expectation.heard(known, at, after, hours, count, taught)
        self._off = median_step(off, abs(count - due) / sqrt(varies + 0.1), self._known_h, hours)
        self._known_h = tidy(self._known_h + hours)
        self._next, self._after = end, after
        return due
