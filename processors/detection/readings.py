"""The stored readings, as charts, lists and the API ask for them. Judging reads none of them here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Row, cast, func, literal_column, select, type_coerce

from tocsin.core.clock import DAY
from tocsin.store import schema as s

_r = s.readings.c
_MICRO = timedelta(microseconds=1)


def readings_between(
    conn: Connection, monitor_id: str, kind: str, start: datetime, end: datetime, most: int | None = None
) -> Sequence[Row[Any]]:
    """The readings of the windows that begin in [start, end), the oldest first; of more than `most`, the newest."""
    mine = (_r.monitor_id == monitor_id, _r.kind == kind, _r.window_start >= start, _r.window_start < end)
    query = select(s.readings).where(*mine).order_by(_r.window_start.desc()).limit(most)
    return conn.execute(query).all()[::-1]


def amendments_between(
    conn: Connection, monitor_id: str, start: datetime, end: datetime
) -> dict[datetime, tuple[int, int, int]]:
    """By the beginning of its window in [start, end), the mentions that came after a window had closed, and how many of them are
    negative and scored. Mentions that were taken out since count below zero. No verdict has them.
    """
    a = s.amendments.c
    mine = (a.monitor_id == monitor_id, a.window_start >= start, a.window_start < end)
    sums = (func.sum(a.count), func.sum(a.negative), func.sum(a.scored))
    rows = conn.execute(select(a.window_start, *sums).where(*mine).group_by(a.window_start))
    return {at: (int(count), int(negative), int(scored)) for at, count, negative, scored in rows}


def newest_reading(conn: Connection, monitor_id: str, kind: str) -> tuple[datetime, datetime] | None:
    """The beginning and the tick of the newest window that was judged."""
    mine = (_r.monitor_id == monitor_id, _r.kind == kind)
    query = select(_r.window_start, _r.tick).where(*mine).order_by(_r.window_start.desc()).limit(1)
    row = conn.execute(query).first()
    return (row.window_start, row.tick) if row is not None else None


def newest_readings(conn: Connection, monitors: Sequence[str], kind: str, since: datetime) -> dict[str, Any]:
    """The newest reading since that time of each of these monitors that has one: `window_start`, `state`, `observed`,
    `expected`.
    """
    newest = (
        select(_r.monitor_id, func.max(_r.window_start).label("at"))
        .where(_r.monitor_id.in_(monitors), _r.kind == kind, _r.window_start >= since)
        .group_by(_r.monitor_id)
        .subquery()
    )
    found = conn.execute(
        select(_r.monitor_id, _r.window_start, _r.state, _r.observed, _r.expected)
        .join(newest, (newest.c.monitor_id == _r.monitor_id) & (newest.c.at == _r.window_start))
        .where(_r.kind == kind)
    )
    latest: dict[str, Any] = {}
    for row in found:
        latest[row.monitor_id] = row
    return latest


def days_as_high(
    conn: Connection, monitor_id: str, kind: str, score: float, until: datetime, most: int
) -> tuple[int, int]:
    """Of the days before `until`, `most` at most, how many were judged by what the monitor matches then, and how many of these
    had a window with that score or a higher one. A day is 24 hours, counted back from `until`.
    """
    mine = (_r.monitor_id == monitor_id, _r.kind == kind)
    newest = (
        select(_r.series).where(*mine, _r.window_start <= until).order_by(_r.window_start.desc()).limit(1)
    )
    before = (*mine, _r.window_start < until, _r.series == newest.scalar_subquery())
    first = conn.execute(select(func.min(_r.window_start)).where(*before)).scalar()
    if first is None:
        return 0, 0
    days = min(most, (until - first) // DAY)
    high = select(_r.window_start).where(*before, _r.window_start >= until - days * DAY, _r.score >= score)
    return days, len({(until - _MICRO - at) // DAY for at in conn.execute(high).scalars()})


def readings_by_slot(
    conn: Connection, monitors: Sequence[str], kind: str, since: datetime, length: timedelta
) -> Sequence[Row[Any]]:
    """The sums of the readings in slots of this length: `monitor_id`, `slot` (its number since 1970), `n`, `negative`, `scored`
    and `over` (whether any was).
    """
    # On whole integers every engine divides alike.
    slot = type_coerce(_r.window_start, BigInteger) // literal_column(str(length // _MICRO), BigInteger)
    slot = slot.label("slot")
    query = (
        select(
            _r.monitor_id,
            slot,
            func.sum(_r.count).label("n"),
            func.sum(_r.negative).label("negative"),
            func.sum(_r.scored).label("scored"),
            func.max(cast(_r.over, Integer)).label("over"),
        )
        .where(_r.monitor_id.in_(monitors), _r.kind == kind, _r.window_start >= since)
        .group_by(_r.monitor_id, slot)
    )
    return conn.execute(query).all()
