"""Several places that one source reads in turn, such as the timelines of three instances; each is a lane with its own cursor.

A fetch asks one lane. A round asks every lane until it has no more. A lane that fails waits, ever longer, while the others go
on, and the source says which part of it is not heard. Only when every lane fails does the source fail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, read_cursor

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""The waits of a lane that fails while others answer; each is twice the one before."""

SOON = timedelta(minutes=10)
"""A wait for the next request that nobody need hear of."""

Read: TypeAlias = Callable[[str, Cursor | None, datetime], Fetched]
"""Asks one lane by its key, from that lane's own cursor. The result's cursor is the lane's too."""


class LanesCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far each lane was read, by its key. A lane that is gone from the settings is forgotten."""

    lanes: dict[str, dict[str, Any]] = {}


@dataclass(slots=True)
class _Lane:
    """One place, as this process knows it. A new process asks it at once."""

    key: str
    failures: int = 0
    error: FetchFailed | None = None
    warning: str | None = None
    rests_until: datetime | None = None
    # The count of questions at which this lane was last asked.
    turn: int = 0

    def failed(self, error: FetchFailed, now: datetime) -> None:
        wait = error.retry_after or timedelta(0)
        # A spent budget is waiting, not failing.
        if not isinstance(error, BudgetSpent):
            self.failures += 1
            wait = max(wait, min(FIRST_WAIT * 2 ** min(self.failures - 1, 20), LONGEST_WAIT))
        self.error, self.rests_until = error, now + wait

    def is_next(self, now: datetime) -> bool:
        """Whether it only waits for its next request, and not for long."""
        soon = self.rests_until is not None and self.rests_until <= now + SOON
        return isinstance(self.error, BudgetSpent) and soon

    def answered(self, fetched: Fetched, now: datetime) -> None:
        self.failures, self.error, self.warning = 0, None, fetched.warning
        self.rests_until = now + fetched.retry_after if fetched.retry_after else None


class InTurn:
    """A source that reads its places in turn. A kind of such a source derives from it and makes its `_lanes`."""

    _lanes: PlacesInTurn

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The posts of the next place."""
        return self._lanes.fetch(cursor, now)

    def close(self) -> None:
        pass


class PlacesInTurn:
    """The lanes of one source. `keys` are unique and stay the same as long as the place does."""

    def __init__(self, keys: Sequence[str], read: Read) -> None:
        self._read = read
        self._lanes = {key: _Lane(key) for key in keys}
        self._round: deque[str] = deque()
        self._turns = 0

    def change(self, keys: Sequence[str]) -> None:
        """Have these lanes from the next round on. Lanes that stay keep what is known of them."""
        if list(keys) != list(self._lanes):
            self._lanes = {key: self._lanes.get(key) or _Lane(key) for key in keys}
            self._round = deque(key for key in self._round if key in self._lanes)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The posts of the next lane. Raises `FetchFailed` at the end of a round in which every lane failed."""
        places = read_cursor(cursor, LanesCursor).lanes
        if not self._round:
            self._round.extend(self._due(now))
        lane = self._lanes[self._round.popleft()]
        try:
            fetched = self._read(lane.key, places.get(lane.key), now)
        except FetchFailed as error:
            lane.failed(error, now)
            return self._without(cursor, now)
        self._turns += 1
        lane.turn = self._turns
        lane.answered(fetched, now)
        if fetched.more and not fetched.retry_after:
            self._round.append(lane.key)
        after = {key: at for key, at in places.items() if key in self._lanes}
        if fetched.cursor is not None:
            after[lane.key] = dict(fetched.cursor)
        return replace(
            fetched,
            cursor=msgspec.to_builtins(LanesCursor(after)),
            more=bool(self._round),
            retry_after=None if self._round else self._all_rest(now),
            warning=self._trouble(now),
        )

    def _due(self, now: datetime) -> Sequence[str]:
        """The lanes of a new round, first the one that waits longest: the requests may not suffice for all.

        Where all of them rest, the worker has waited long enough: all are asked.
        """
        waiting = sorted(self._lanes.values(), key=lambda one: one.turn)
        due = [one.key for one in waiting if one.rests_until is None or one.rests_until <= now]
        return due or [one.key for one in waiting]

    def _without(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The answer of a fetch whose lane failed: nothing, unless it was the last hope of the round."""
        errors = [one.error for one in self._lanes.values() if one.error is not None]
        if self._round or len(errors) < len(self._lanes):
            more = bool(self._round)
            return Fetched(cursor=cursor, more=more, answered=not more, warning=self._trouble(now))
        wait = self._all_rest(now) or timedelta(0)
        real = [error for error in errors if not isinstance(error, BudgetSpent)]
        if not real:
            raise BudgetSpent(str(errors[0]), wait)
        status = real[0].status
        raise FetchFailed(self._trouble(now) or str(real[0]), wait, status=status)

    def _all_rest(self, now: datetime) -> timedelta | None:
        """The time until the first lane may be asked again; None where one may be asked now."""
        rests = [one.rests_until for one in self._lanes.values()]
        ends = [end for end in rests if end is not None and end > now]
        return min(ends) - now if ends and len(ends) == len(rests) else None

    def _trouble(self, now: datetime) -> str | None:
        """The parts that are not heard, in words; None where all are, or will be soon."""
        deaf = [str(one.error) for one in self._lanes.values() if one.error and not one.is_next(now)]
        faults = [one.warning for one in self._lanes.values() if one.warning and not one.error]
        if not deaf and not faults:
            return None
        counted = f"{len(deaf)} of {len(self._lanes)} places are not heard: "
        said = "; ".join(dict.fromkeys([*deaf, *faults]))
        return f"{counted if deaf and len(self._lanes) > 1 else ''}{said}"[:500]
