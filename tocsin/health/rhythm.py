"""The rhythm of a source: how many mentions come in each hour, learnt from what came. So a silence is told from a quiet hour.

Hours of working days and of weekends are learnt apart, in UTC. Each hour of the week keeps the mean of log(1 + mentions), and
newer days weigh more. So a burst says little about what comes every day, and hours with nothing say much. Only whole hours
teach, in which the source was heard from their beginning to their end.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tocsin.core.clock import HOUR

BUCKETS: Final = 48
# An hour is known after so many days; a rhythm after so many hours in all.
KNOWN_DAYS, KNOWN_HOURS = 3, 48
# The weight of a new day is at least one in so many.
MEMORY: Final = 10
# So many mentions that did not come are a silence, not chance.
DUE: Final = 20.0
# No silence is told before so long, however busy the source is.
SHORTEST: Final = timedelta(minutes=30)
# The newest part of a silence, which alone is judged.
LONGEST: Final = timedelta(days=14)
# An hour is whole if it is looked at so soon after it began.
SOON: Final = timedelta(minutes=2)


class Rhythm(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rhythm of one source. `hour` is the running hour, in hours since 1970, and `received` the source's count when it
    began; `whole` says whether the hour may teach. `logs` and `days` have a place per hour: working days, then weekends.
    """

    hour: int = 0
    received: int = 0
    whole: bool = False
    logs: tuple[float, ...] = (0.0,) * BUCKETS
    days: tuple[int, ...] = (0,) * BUCKETS

    def after(self, received: int, now: datetime, heard: bool) -> Rhythm:
        """The rhythm after a look at the source's count. The same object where nothing changed."""
        hour = _hour(now)
        if hour == self.hour:
            spoilt = self.whole and not heard
            return msgspec.structs.replace(self, whole=False) if spoilt else self
        logs, days = self.logs, self.days
        if hour == self.hour + 1 and self.whole and heard and received >= self.received:
            logs, days = self._learnt(_bucket(self.hour), received - self.received)
        begins = now - _start(hour) <= SOON
        return Rhythm(hour, received, heard and begins, logs, days)

    def per_hour(self, at: datetime) -> float | None:
        """The mentions that usually come in the hour of `at`; None where that is not known yet."""
        if sum(self.days) < KNOWN_HOURS:
            return None
        place = _bucket(_hour(at))
        return math.expm1(self.logs[place]) if self.days[place] >= KNOWN_DAYS else None

    def due(self, since: datetime, until: datetime) -> float:
        """The mentions that usually come between the two. Hours that are not known count as none."""
        due, at = 0.0, max(since, until - LONGEST)
        while at < until:
            ends = min(_start(_hour(at) + 1), until)
            due += (self.per_hour(at) or 0.0) * ((ends - at) / HOUR)
            at = ends
        return due

    def _learnt(self, place: int, count: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        days = self.days[place] + 1
        before = self.logs[place]
        log = round(before + (math.log1p(count) - before) / min(days, MEMORY), 4)
        return (
            (*self.logs[:place], log, *self.logs[place + 1 :]),
            (*self.days[:place], min(days, 1000), *self.days[place + 1 :]),
        )


UNKNOWN: Final = Rhythm()
"""The rhythm of a source that has taught nothing yet."""


def rhythm_of(stored: Any) -> Rhythm:
    """The rhythm as stored. A rhythm that cannot be read is learnt anew."""
    try:
        found = msgspec.convert(stored, Rhythm) if stored else UNKNOWN
    except msgspec.ValidationError:
        return UNKNOWN
    return found if len(found.logs) == len(found.days) == BUCKETS else UNKNOWN


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)


def _start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _bucket(hour: int) -> int:
    at = _start(hour)
    return at.hour + (24 if at.weekday() >= 5 else 0)
