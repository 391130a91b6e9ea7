"""Counts of alerts and notices, for dashboards: what there is now, what there ever was, how long a page took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, select

from alerts import states
from alerts.outbox import queue
from alerts.outbox.queue import SENT
from tocsin.store import schema as s

NOT_FIRED: Final = (states.CANDIDATE, states.SUPPRESSED)


def live(conn: Connection) -> Sequence[tuple[str, int, int]]:
    """For each status and severity, how many alerts are not over."""
    a = s.alerts.c
    query = select(a.status, a.severity, func.count()).where(a.live.is_not(None))
    return [(row[0], row[1], row[2]) for row in conn.execute(query.group_by(a.status, a.severity))]


def notices(conn: Connection) -> Sequence[tuple[str, int]]:
    """For each status, how many notices there are."""
    status = s.notices.c.status
    query = select(status, func.count()).group_by(status)
    return [(row[0], row[1]) for row in conn.execute(query)]


def fired(conn: Connection) -> Sequence[tuple[str, int, int]]:
    """For each kind and severity of today, how many alerts ever fired."""
    a = s.alerts.c
    query = select(a.kind, a.severity, func.count()).where(a.status.not_in(NOT_FIRED))
    return [(row[0], row[1], row[2]) for row in conn.execute(query.group_by(a.kind, a.severity))]


def deliveries(conn: Connection) -> Sequence[tuple[str, str, int]]:
    """For each kind of channel and each outcome, how many attempts ended so."""
    n, r = s.notices.c, s.receipts.c
    query = select(n.channel, r.outcome, func.count()).join_from(s.receipts, s.notices, n.id == r.notice_id)
    return [(row[0], row[1], row[2]) for row in conn.execute(query.group_by(n.channel, r.outcome))]


def seconds_to_page(conn: Connection) -> tuple[int, float]:
    """The number of alerts that have reached somebody, and the sum of the seconds from their opening until then."""
    a, n = s.alerts.c, s.notices.c
    first = (
        select(n.alert_id, func.min(n.ended_at).label("at"))
        .where(n.status == SENT, n.kind.in_(queue.ASKING), n.escalation_id.is_(None))
        .group_by(n.alert_id)
        .subquery()
    )
    found = conn.execute(select(a.opened_at, first.c.at).join_from(s.alerts, first, first.c.alert_id == a.id))
    took = [max(0.0, (row.at - row.opened_at).total_seconds()) for row in found]
    return len(took), sum(took)
