"""The alerts that fired, with the figures of that time, for replays and back-tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from tocsin.store import schema as s

FIRING: Final = ("fire", "suppress", "merge")
"""The events for which a replay prints an alert. It prints no candidates."""


def fired_alerts(
    conn: Connection, fired: Mapping[str, datetime]
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """For each alert of `fired`, the time at which it would have fired, and the alert with the figures of that time.

    `worst` is the severity of the alert at the end of the replay.
    """
    a, e, g, t = s.alerts, s.alert_events, s.signals, s.alert_timeline
    for id, at in fired.items():
        alert = dict(conn.execute(select(a).where(a.c.id == id)).one()._mapping)
        here = (e.c.alert_id == id, e.c.at == at, e.c.kind.in_(FIRING))
        event = conn.execute(select(e.c.data).where(*here).order_by(e.c.seq).limit(1)).scalar_one()
        why = (t.c.alert_id == id, t.c.at == at, t.c.action.in_(FIRING))
        reason = conn.execute(select(t.c.reason).where(*why).order_by(t.c.seq).limit(1)).scalar_one()
        signal = conn.execute(
            select(g.c.facts, g.c.evidence, g.c.score)
            .where(g.c.fingerprint == alert["fingerprint"], g.c.tick <= at)
            .order_by(g.c.tick.desc(), g.c.id)
            .limit(1)
        ).one()
        yield (
            at,
            {
                **alert,
                **signal._mapping,
                "severity": event["severity"],
                "status": event["status"],
                "reason": reason,
                "worst": alert["severity"],
            },
        )


def has_alert(conn: Connection, monitor: str, statuses: Sequence[str], severity: int) -> bool:
    """Whether the monitor of this name has an alert in one of these statuses, at least as grave as this severity."""
    a = s.alerts.c
    query = select(a.id).where(a.monitor == monitor, a.status.in_(statuses), a.severity <= severity)
    return conn.execute(query.limit(1)).first() is not None
