"""The choice of monitors with something new to judge. A cheap look at the newest tallies finds them, so that an alert need not
wait for the tick, and ten thousand quiet monitors cost no judging.

A monitor is stirred when its open window holds a new trigger, or has grown by enough since the monitor was last stirred. The
needed growth is a share of the count so far: however large a storm, a monitor is stirred a dozen times a window and not with
every look. Late mentions of older minutes wait for the regular tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from processors.detection.tallies import load_tallies
from processors.detection.windows import WINDOW_MINUTES, Counts
from processors.signals.registry import WINDOW
from processors.signals.types import Sensitivity
from tocsin.core.clock import MINUTE, minute_of
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY
from tocsin.store.statements import total

# No window stays open for longer.
LOOKED_BACK = timedelta(hours=1)
NEWEST_MINUTES = 2
# A window stirs its monitor with half as many mentions again as at the last time, and at least `AT_LEAST` more.
# Smaller growth without a trigger can wait for the tick.
GROWTH = 2
AT_LEAST = 8

# An open window with less than this part (a quarter) of the mentions that an alert needs is not worth judging.
FEW = 4
# Monitors differ in their promise alone, and not in the mentions that an alert needs.
_ANY = Sensitivity()

# Statements are made once: every look asks the first of them.
_t, _d = s.tallies, s.detector_state
_NEWEST = (
    select(_t.c.monitor_id, _t.c.minute, total(_t.c.count), total(_t.c.triggered))
    .where(_t.c.minute >= bindparam("first"), _t.c.minute <= bindparam("last"), _t.c.partition > HISTORY)
    .group_by(_t.c.monitor_id, _t.c.minute)
)
_OPEN_FROM = select(_d.c.monitor_id, _d.c.next_window).where(_d.c.kind == bindparam("lead"))


class Stirring:
    """The memory of the open windows. `look` names the monitors that are stirred now, each once for what stirred it."""

    def __init__(self) -> None:
        self._window = -1
        # The minutes of the open window, as last seen.
        self._minutes: dict[str, dict[int, tuple[int, int]]] = {}
        # Mentions and triggers in the open window when the monitor was last stirred.
        self._said: dict[str, tuple[int, int]] = {}

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
            # A minute that has not changed has stirred its monitor already, or does not stir it.
            if minutes.get(at) != counts:
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
    """The memory of every monitor's open tallies. `look` names the monitors whose tallies are the same as at the last look, or
    too few to be judged before their window closes.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        # The monitors that had ever been judged by the time of the last look.
        self.judged: Set[str] = frozenset()

    def look(self, conn: Connection, now: datetime, closed_until: datetime) -> frozenset[str]:
        """The ids of monitors without a window to close whose tallies have not changed since the last look, or are too few."""
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
            # A window ahead of now was opened by a clock that was set back since.
            opens = opened + WINDOW > closed_until and opened <= now + WINDOW
            if opens and (self._seen.get(monitor) == seen[monitor] or _too_few(here for _, here in counts)):
                still.add(monitor)
        self._seen = seen
        return frozenset(still)


def few(mentions: int, sensitivity: Sensitivity) -> bool:
    """Whether so many mentions are too few for an open window to be judged, apart from triggers."""
    return mentions < sensitivity.at_least_mentions // FEW


def _too_few(counts: Iterable[Counts]) -> bool:
    mentions, triggers = 0, 0
    for here in counts:
        mentions, triggers = mentions + here[0], triggers + here[3]
    return not triggers and few(mentions, _ANY)
