"""Reach: who was reached about an alert, by receipt, and who could not be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from alerts.outbox import queue
from tocsin.store import schema as s

BEGINNINGS: Final = ("open", "fire", "part", "worsen", "raise", "expire", "wake", "reopen")
"""The actions with which an alert's ladder begins."""

_n = s.notices.c
_t = s.alert_timeline.c

# Made once: each rung asks them.
_BEGAN = select(func.max(_t.at)).where(_t.alert_id == bindparam("alert_id"), _t.action.in_(BEGINNINGS))
_NEWEST = (
    select(_n.body)
    .where(_n.alert_id == bindparam("alert_id"), *queue.ASKED)
    .order_by(_n.created_at.desc(), _n.id)
    .limit(1)
)
_ASKED = select(_n.person, _n.step, _n.status).where(_n.alert_id == bindparam("alert_id"), *queue.ASKED)
_IN_ORDER = (_n.created_at, _n.id)
_ASKED_EVER = _ASKED.order_by(*_IN_ORDER)
_ASKED_SINCE = _ASKED.where(_n.created_at >= bindparam("began")).order_by(*_IN_ORDER)


def ladder_began(conn: Connection, alert_id: str) -> datetime | None:
    """The time at which the alert's present ladder began. None: the alert has no record."""
    found: datetime | None = conn.execute(_BEGAN, {"alert_id": alert_id}).scalar_one()
    return found


def asked_at(conn: Connection, alert_id: str, by: datetime) -> datetime | None:
    """The time at which somebody was last asked about this alert, at or before `by`. None: nobody was."""
    actions = [f"notice_{kind}" for kind in queue.ASKING]
    asked = select(func.max(_t.at)).where(_t.alert_id == alert_id, _t.action.in_(actions), _t.at <= by)
    found: datetime | None = conn.execute(asked).scalar_one()
    return found


def nobody(conn: Connection, alert_id: str, steps: Sequence[int]) -> bool:
    """Whether these rungs of the present ladder rang and reached nobody. A notice that still waits may yet reach somebody."""
    rows = [row for row in _asked(conn, alert_id) if row.step in steps]
    failed = any(row.status in queue.LOST for row in rows)
    return failed and not any(row.status in queue.HOPEFUL for row in rows)


def could_not_be_reached(conn: Connection, alert_id: str) -> list[str]:
    """The names of the people whom no notice of the present ladder reached, in the order in which they were asked."""
    by_person: dict[str, set[str]] = defaultdict(set)
    for row in _asked(conn, alert_id):
        by_person[row.person].add(row.status)
    return [
        name
        for name, statuses in by_person.items()
        if statuses.intersection(queue.LOST) and not statuses.intersection(queue.HOPEFUL)
    ]


def last_said(conn: Connection, alert_id: str) -> dict[str, Any] | None:
    """The body of the newest notice that asked about this alert. None: none did."""
    found: dict[str, Any] | None = conn.execute(_NEWEST, {"alert_id": alert_id}).scalar_one_or_none()
    return found


def _asked(conn: Connection, alert_id: str) -> Sequence[Row[Any]]:
    began = ladder_began(conn, alert_id)
    query = _ASKED_EVER if began is None else _ASKED_SINCE
    return list(conn.execute(query, {"alert_id": alert_id, "began": began}))
