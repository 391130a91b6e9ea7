"""The events of alerts and escalations, in the order of their numbers. The event stream, ETags and replays read them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from tocsin.store import schema as s

_e = s.alert_events.c


def first_and_newest(conn: Connection) -> tuple[int, int]:
    """The numbers of the first event that is kept and of the newest; (0, 0) where there is none."""
    first, newest = conn.execute(select(func.min(_e.seq), func.max(_e.seq))).one()
    return first or 0, newest or 0


def newest_event(conn: Connection) -> int:
    """The number of the newest event, which grows with every change of an alert or an escalation; 0 where there is none."""
    return int(conn.execute(select(func.max(_e.seq))).scalar() or 0)


def events_after(conn: Connection, seq: int, limit: int | None = None) -> list[Row[Any]]:
    """The events after this number in their order, at most `limit`."""
    query = select(s.alert_events).where(_e.seq > seq).order_by(_e.seq).limit(limit)
    return list(conn.execute(query))
