"""The one place that writes a change of an alert: row, timeline, event and audit entry together.

Every change raises `version`, so a person who looked before the change finds out. Ids of events are deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from alerts import states
from alerts.actor import Actor
from alerts.alert import Alert, columns
from alerts.change import Move, bounded
from tocsin.core.clock import iso
from tocsin.core.errors import Conflict
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence
from tocsin.store import audit
from tocsin.store import schema as s

HIDDEN = frozenset({"update"})
"""Actions that move figures only. They write the row and an event, but no line in the timeline or the audit chain."""


def opened(conn: Connection, alert: Alert, actor: Actor, now: datetime, reason: str | None = None) -> Alert:
    """Write a new alert with the first line of its timeline."""
    conn.execute(insert(s.alerts), columns(alert))
    _tell(conn, alert, actor, now, "open", None, reason, {"severity": alert.severity})
    return alert


def move(conn: Connection, step: Move, alert: Alert, actor: Actor, now: datetime) -> Alert:
    """Take the step on `alert`, as it was read or left in this transaction; return the alert as it is now.

    Raises `IllegalTransition` when the state machine has no such arrow, and `Conflict` when the alert changed since it was read.
    """
    changed = step.outcome(now, alert)
    written = conn.execute(
        update(s.alerts).where(s.alerts.c.id == alert.id, s.alerts.c.version == alert.version),
        _difference(alert, changed),
    )
    if written.rowcount != 1:
        raise Conflict(Sentence("the alert {id} changed since you looked: read it again", id=alert.id))
    _tell(conn, changed, actor, now, step.action, alert.status, bounded(step.reason), step.detail)
    return changed


def newest_lines(conn: Connection, alert_id: str, after: int, most: int) -> Sequence[Row[Any]]:
    """The lines of the alert's timeline that follow number `after`, the newest first, at most `most`."""
    t = s.alert_timeline.c
    query = select(s.alert_timeline).where(t.alert_id == alert_id, t.seq > after)
    return conn.execute(query.order_by(t.seq.desc()).limit(most)).all()


def unanswered_since(conn: Connection, alert_id: str) -> Row[Any] | None:
    """The line of the alert's timeline since which nobody has it: the last one that led to firing from elsewhere. None: it never
    fired.
    """
    t = s.alert_timeline.c
    led = (t.to_status == states.FIRING, t.from_status != states.FIRING)
    query = select(s.alert_timeline).where(t.alert_id == alert_id, *led)
    return conn.execute(query.order_by(t.seq.desc()).limit(1)).one_or_none()


def note(
    conn: Connection,
    alert: Alert,
    actor: Actor,
    now: datetime,
    text: str,
    action: str = "note",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """A note of somebody's in the timeline, or another line that changes nothing, with its event."""
    seq = entry(conn, alert, action, actor, now, reason=text or None, detail=detail)
    event(conn, alert.id, action, now, {"id": alert.id, "seq": seq}, seq)


def entry(
    conn: Connection,
    alert: Alert,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """A line in the timeline that changes nothing else (a note, a notice's end). Returns its number."""
    return _line(conn, alert.id, actor, now, action, alert.status, alert.status, bounded(reason), detail)


def event(
    conn: Connection,
    alert_id: str,
    kind: str,
    now: datetime,
    data: Mapping[str, Any],
    *parts: object,
    escalation_id: str | None = None,
) -> None:
    """One row for dashboards and the relay. `parts` make its id unique and the same in every run."""
    conn.execute(
        insert(s.alert_events),
        {
            "id": stable_id("ev", alert_id, escalation_id or "", kind, *parts),
            "alert_id": alert_id,
            "escalation_id": escalation_id,
            "at": now,
            "kind": kind,
            "data": dict(data),
        },
    )


def _difference(before: Alert, after: Alert) -> dict[str, Any]:
    old, new = columns(before), columns(after)
    return {name: value for name, value in new.items() if old[name] != value}


def _tell(
    conn: Connection,
    alert: Alert,
    actor: Actor,
    now: datetime,
    action: str,
    before: str | None,
    reason: str | None,
    detail: Mapping[str, Any] | None,
) -> None:
    if action not in HIDDEN:
        _line(conn, alert.id, actor, now, action, before, alert.status, reason, detail)
        audit.append(
            conn,
            at=now,
            actor=actor.name,
            role=actor.role,
            action=f"alert.{action}",
            object=alert.id,
            detail={
                "from": before,
                "to": alert.status,
                "severity": alert.severity,
                "reason_sha256": audit.text_hash(reason) if reason else None,
            },
        )
    event(conn, alert.id, action, now, summary(alert), alert.version)


def summary(alert: Alert) -> dict[str, Any]:
    """What an event says of an alert: figures and names, no post."""
    return {
        "id": alert.id,
        "monitor_id": alert.monitor_id,
        "monitor": alert.monitor,
        "kind": alert.kind,
        "status": alert.status,
        "severity": alert.severity,
        "score": alert.score,
        "opened_at": iso(alert.opened_at),
        "calmed_at": iso(alert.calmed_at) if alert.calmed_at else None,
        "acknowledged_by": alert.acknowledged_by,
        "drill": alert.drill,
        "version": alert.version,
    }


def _line(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    action: str,
    before: str | None,
    after: str | None,
    reason: str | None,
    detail: Mapping[str, Any] | None,
) -> int:
    # Where engines lock rows, other writers to this alert wait here: two lines must not take one number.
    conn.execute(_LOCK, {"alert_id": alert_id})
    seq = (conn.execute(_LAST, {"alert_id": alert_id}).scalar_one() or 0) + 1
    conn.execute(
        insert(s.alert_timeline),
        {
            "alert_id": alert_id,
            "seq": seq,
            "at": now,
            "actor": actor.name,
            "role": actor.role,
            "action": action,
            "from_status": before,
            "to_status": after,
            "reason": reason,
            "detail": dict(detail) if detail is not None else None,
        },
    )
    return seq


# Made once: each line asks both.
_LOCK = select(s.alerts.c.id).where(s.alerts.c.id == bindparam("alert_id")).with_for_update()
_LAST = select(func.max(s.alert_timeline.c.seq)).where(s.alert_timeline.c.alert_id == bindparam("alert_id"))
