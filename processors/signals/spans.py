"""The spans that a reading speaks of, and the recent windows that sums come from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

LONGEST_SPAN = timedelta(hours=12)
"""The longest span that a reading speaks of. The last hour stands for what began earlier."""

T = TypeVar("T")


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
        return recent if len(recent) <= keep else recent[-keep:]
    missing = min(keep, round((start - following) / length))
    return (*recent, *(unknown,) * missing)[-keep:]
