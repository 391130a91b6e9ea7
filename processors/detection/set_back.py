"""Monitors that were judged by a clock that was ahead and was set back since: what was judged ahead of time is judged again.

Their states have learned windows that had not come yet, as silence, and would learn nothing until the clock shows that time
again. So the readings that were made ahead are taken away, and the states are learned anew from the readings before them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select

from processors.detection.acceptances import standing_acceptances
from processors.detection.rebuilding import learn_again
from processors.detection.states import JudgedMonitor
from processors.signals.registry import WINDOW
from tocsin.core.clock import CLOCKS_APART, minute_of, minute_start
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

# Longer than any memory of a detector but its slowest spreads. It bounds the work for one monitor.
LEARNED_FROM = timedelta(days=28)

# Made once: every look of the ticker asks it.
_d = s.detector_state.c
_LATEST = select(func.max(_d.next_window)).where(_d.kind == bindparam("lead"))


def any_ahead(conn: Connection, now: datetime) -> bool:
    """Whether any monitor was judged by a clock that was ahead of `now`."""
    found = conn.execute(_LATEST, {"lead": SIGNAL_KINDS.lead.kind}).scalar()
    return found is not None and found > now + WINDOW


def set_back(conn: Connection, one: JudgedMonitor, now: datetime, closed_until: datetime) -> bool:
    """Put the monitor back to the first window that was judged ahead of time. Returns whether that was so."""
    if one.next_window is None or one.next_window <= now + WINDOW:
        return False
    begin = _first_ahead(conn, one, now, closed_until)
    r = s.readings
    conn.execute(delete(r).where(r.c.monitor_id == one.id, r.c.window_start >= begin))
    for standing in one.standings:
        standing.state = standing.kind.detector.initial()
        standing.episode.set_back(begin)
    learn_up_to(conn, one, begin)
    one.next_window, one.changed = begin, True
    return True


def _first_ahead(conn: Connection, one: JudgedMonitor, now: datetime, closed_until: datetime) -> datetime:
    """The first window that was judged at a time that has not come yet; at the latest, the one that is open now."""
    r = s.readings
    first = conn.execute(
        select(func.min(r.c.window_start)).where(r.c.monitor_id == one.id, r.c.tick > now + CLOCKS_APART)
    ).scalar()
    minutes = int(WINDOW.total_seconds()) // 60
    minute = minute_of(min(closed_until, now))
    opened = minute_start(minute - minute % minutes)
    return opened if first is None else min(first, opened)


def learn_up_to(conn: Connection, one: JudgedMonitor, until: datetime) -> None:
    """Learn the readings before `until`, and where people have accepted a new normal on the way, accept each there."""
    since = until - LEARNED_FROM
    for accepted in (row.first_window for row in standing_acceptances(conn, one)):
        if since <= accepted <= until:
            learn_again(conn, one, since, accepted)
            for standing in one.standings:
                standing.state = standing.kind.detector.accept(standing.state)
            since = accepted
    learn_again(conn, one, since, until)
