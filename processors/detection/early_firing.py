"""Which monitors have something new to judge: a cheap look at the newest tallies, so that an alert need not wait for the tick,
and ten thousand quiet monitors cost no judging.

A monitor is stirred when its open window has grown by enough since it was last found so, or holds a new trigger. The growth is a
share of what is there already, so however large a storm, a monitor is stirred a dozen times a window and not with every look.
What only came late, for older minutes, waits for the regular tick.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from processors.detection.tallies import load_tallies
from processors.detection.windows import WINDOW_MINUTES
from processors.signals.registry import WINDOW
from tocsin.core.clock import MINUTE, minute_of
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s
from tocsin.store.statements import total

LOOKED_BACK = timedelta(hours=1)  # no window stays open for longer
NEWEST_MINUTES = 2
GROWTH = 2  # half as many again as at the last time, and
AT_LEAST = 8  # so many mentions more: what is smaller and says no trigger can wait for the tick

# Made once: the first is asked with every look.
_t, _d = s.tallies, s.detector_state
_NEWEST = (
    select(_t.c.monitor_id, _t.c.minute, total(_t.c.count), total(_t.c.triggered))
    .where(_t.c.minute >= bindparam("first"), _t.c.minute <= bindparam("last"))
    .group_by(_t.c.monitor_id, _t.c.minute)
)
_OPEN_FROM = select(_d.c.monitor_id, _d.c.next_window).where(_d.c.kind == bindparam("lead"))


class Stirring:
    """Remembers what it saw. `look` says which monitors are stirred now; each is said once for what stirred it."""

    def __init__(self) -> None:
        self._window = -1
        self._minutes: dict[str, dict[int, tuple[int, int]]] = {}  # of the open window, as last seen
        self._said: dict[
            str, tuple[int, int]
        ] = {}  # mentions and triggers in the open window when last stirred

    def look(self, conn: Connection, now: datetime) -> frozenset[str]:
        """The ids of the monitors that are stirred at `now`."""
        minute = minute_of(now)
        window = minute - minute % WINDOW_MINUTES
        if window != self._window:
            self._window, self._minutes, self._said = window, {}, {}
        rows = conn.execute(
            _NEWEST, {"first": max(window, minute - NEWEST_MINUTES + 1), "last": minute}
        ).all()
        touched = set()
        for monitor, at, count, triggered in rows:
            minutes = self._minutes.setdefault(monitor, {})
            counts = (count, triggered)
            if minutes.get(at) != counts:  # what has not changed since has stirred it, or does not
                minutes[at] = counts
                touched.add(monitor)
        stirred = {monitor for monitor in touched if self._stirs(monitor)}
        return frozenset(stirred)

    def _stirs(self, monitor: str) -> bool:
        counts = self._minutes[monitor].values()
        mentions, triggers = sum(count for count, _ in counts), sum(triggered for _, triggered in counts)
        before, triggers_before = self._said.get(monitor, (0, 0))
        if mentions - before >= max(AT_LEAST, before // GROWTH) or triggers > triggers_before:
            self._said[monitor] = (mentions, triggers)
            return True
        return False


class Stillness:
    """Remembers the open tallies of every monitor. `look` says of which monitors a judge would see what was seen before."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self.judged: Set[str] = frozenset()  # the monitors that ever were, as of the last look

    def look(self, conn: Connection, now: datetime, closed_until: datetime) -> frozenset[str]:
        """The ids of monitors that have no window to close, and no other tallies since than at the last look."""
        open_from: dict[str, datetime] = {
            row.monitor_id: row.next_window
            for row in conn.execute(_OPEN_FROM, {"lead": SIGNAL_KINDS.lead.kind}).all()
        }
        self.judged = open_from.keys()
        if not open_from:
            return frozenset()
        start = max(min(open_from.values()), now - LOOKED_BACK)
        tallies = load_tallies(conn, list(open_from), start, now + MINUTE)
        seen, still = {}, set()
        for monitor, opened in open_from.items():
            first = minute_of(opened)
            counts = sorted(one for one in tallies.get(monitor, {}).items() if one[0] >= first)
            seen[monitor] = hash((first, *counts))
            if self._seen.get(monitor) == seen[monitor] and opened + WINDOW > closed_until:
                still.add(monitor)
        self._seen = seen
        return frozenset(still)
