"""The spans that a reading looks at, and the recent windows that their sums come from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

SPANS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6))
HOUR = timedelta(hours=1)

T = TypeVar("T")


def spans_in_windows(length: timedelta) -> tuple[int, ...]:
    """The spans as numbers of windows, each once, rising. A window longer than every span is a span of its own."""
    return tuple(sorted({max(1, round(span / length)) for span in SPANS}))


def up_to_an_hour(spans: tuple[int, ...], length: timedelta) -> int:
    """The number of spans that are no longer than an hour; at least one."""
    return max(1, sum(n * length <= HOUR for n in spans))


def moved(
    recent: tuple[T, ...],
    following: datetime | None,
    start: datetime,
    length: timedelta,
    unknown: T,
    keep: int,
) -> tuple[T, ...]:
    """The recent windows as seen from a window at `start`, the newest `keep` of them.

    `following` is the time at which the window after the newest recent one would start. Every missing window in between is
    `unknown`.
    """
    if following is None or start <= following:
        return recent[-keep:]
    missing = min(keep, round((start - following) / length))
    return (*recent, *(unknown,) * missing)[-keep:]
