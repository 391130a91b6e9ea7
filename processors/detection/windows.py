"""Windows of five minutes, cut from a monitor's tallies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from processors.detection.coverage import Coverage
from processors.signals.registry import WINDOW
from processors.signals.types import WindowCounts
from tocsin.core.clock import minute_of, minutes_until

WINDOW_MINUTES = 5

# Mentions: all, negative, scored, with a trigger. Then the followers of their authors, summed.
Counts = tuple[int, int, int, int, int]
# Counts by minute.
MinuteCounts = Mapping[int, Counts]
# The minutes of each monitor, by its id.
Tallies = Mapping[str, MinuteCounts]


def window_of(
    counts: MinuteCounts, start: datetime, end: datetime, coverage: Coverage, holiday: str = ""
) -> WindowCounts:
    """The window that begins at `start`, on a day with this holiday, with the counts of its mentions before `end`."""
    count = negative = scored = reach = 0
    for here in _in(counts, start, end):
        count, negative, scored = count + here[0], negative + here[1], scored + here[2]
        reach += here[4]
    complete = coverage.complete(start, start + WINDOW)
    return WindowCounts(start, WINDOW, count, negative, scored, complete, reach=reach, holiday=holiday)


def has_trigger(counts: MinuteCounts, start: datetime, end: datetime) -> bool:
    """Whether any mention in [start, end) says a trigger."""
    return any(here[3] for here in _in(counts, start, end))


def _in(counts: MinuteCounts, start: datetime, end: datetime) -> Iterator[Counts]:
    # The minute that is still filling counts with its mentions so far. Otherwise a crisis would wait for its end.
    for minute in range(minute_of(start), minutes_until(end)):
        if minute in counts:
            yield counts[minute]
