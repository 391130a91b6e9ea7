"""Clocks, and conversions of times. A decision takes the time as its argument `now`; only the edges of the program hold a
`Clock`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The latest time that a person may give. The earliest is `EPOCH`."""

CLOCKS_APART = timedelta(minutes=2)
"""The clocks of our machines differ by less. What was written at a later time than that from now was written by a clock that was
ahead and was set back since.
"""

_MICRO = timedelta(microseconds=1)
# Two days from the ends of the calendar, so that every zone can show what `from_micros` gives.
_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


class Clock(Protocol):
    """The source of the time for the edges. `now()` is aware, in UTC, and goes back no further than the system's clock does."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that moves only when it is told to. Replays, the demo's background and tests run on it."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by`. Returns the new time."""
        return self.set(self._now + by)

    def set(self, to: datetime) -> datetime:
        """Move to `to`. Raises ValueError for a time before now: decisions would be taken again in another order of time."""
        if to < self._now:
            raise ValueError(f"a clock cannot go back from {self._now.isoformat()} to {to.isoformat()}")
        self._now = to.astimezone(UTC)
        return self._now


def passed(span: timedelta, since: datetime | None, now: datetime) -> bool:
    """Whether `span` has passed since then. It counts as passed where there is no `since`, and where `since` lies ahead of
    `now`: the clock was set back, and whoever goes by it would stand still for as long.
    """
    return since is None or not timedelta(0) <= now - since < span


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 UTC, exactly (no floats)."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`. A number near the ends of the calendar, or beyond them, gives the nearest time that every
    zone can show: a stored number must not stop its reader.
    """
    if _FIRST_MICROS <= micros <= _LAST_MICROS:
        return EPOCH + micros * _MICRO
    return _FIRST if micros < 0 else _LAST


_FIRST_MICROS, _LAST_MICROS = to_micros(_FIRST), to_micros(_LAST)


def minute_of(at: datetime) -> int:
    """The number of whole minutes since 1970 UTC: the key of tallies."""
    since = at - EPOCH
    return since.days * 1_440 + since.seconds // 60


def minutes_until(at: datetime) -> int:
    """The first minute that has not begun before `at`: minutes below it hold everything that was posted before `at`."""
    return -((EPOCH - at) // MINUTE)


def minute_start(minute: int) -> datetime:
    """The time at which minute number `minute` begins."""
    return EPOCH + minute * MINUTE


def iso(at: datetime) -> str:
    """The time in ISO 8601, in UTC with a Z, and with a fraction of a second only where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def which_of_two(local: datetime) -> str:
    """The offset with a space before it (" UTC+2"), where the clock of its zone shows this time twice, as in the night in which
    summer time ends; else empty.
    """
    offset = local.utcoffset()
    if offset is None or local.replace(fold=1 - local.fold).utcoffset() == offset:
        return ""
    minutes = offset // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    return f" UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
