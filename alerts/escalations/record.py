"""The one place that writes a change of an escalation: row, entry, event and audit entry together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from alerts import record, states
from alerts.alert import get as get_alert
from alerts.change import Move
from alerts.escalations.escalation import Escalation, of_alert
from alerts.escalations.states import ENDED, after
from alerts.turn import Turn
from tocsin.core.clock import iso
from tocsin.core.errors import Conflict, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.store import audit
from tocsin.store import schema as s

MAX_TEXT = 20_000
_e = s.escalations.c


def newest_entries(conn: Connection, escalation_id: str, after: int, most: int) -> Sequence[Row[Any]]:
    """The entries of the escalation's history that follow number `after`, the newest first, at most `most`."""
    x = s.escalation_entries.c
    query = select(s.escalation_entries).where(x.escalation_id == escalation_id, x.seq > after)
    return conn.execute(query.order_by(x.seq.desc()).limit(most)).all()


def begun(turn: Turn, escalation: Escalation, text: str) -> None:
    """Write a new escalation with its first entry."""
    turn.conn.execute(insert(s.escalations), asdict(escalation))
    _tell(turn, escalation, "create", None, text=text)


def change(
    turn: Turn,
    escalation: Escalation,
    action: str,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    **values: Any,
) -> Escalation:
    """Take the arrow `action` and write all that goes with it; return the escalation as it is now.

    `values` are columns that change besides. Raises `IllegalTransition` when there is no such arrow, and `Conflict` when the
    escalation changed since it was read.
    """
    return _write(turn, escalation, after(escalation.status, action), action, text, detail, False, values)


def flag(
    turn: Turn,
    escalation: Escalation,
    action: str,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    privileged: bool = False,
    **values: Any,
) -> Escalation:
    """Write something down without a change of status."""
    return _write(turn, escalation, escalation.status, action, text, detail, privileged, values)


def _write(
    turn: Turn,
    escalation: Escalation,
    status: str,
    action: str,
    text: str | None,
    detail: Mapping[str, Any] | None,
    privileged: bool,
    values: Mapping[str, Any],
) -> Escalation:
    changed = replace(escalation, **values, status=status, version=escalation.version + 1)
    running = changed.clocks()
    changed = replace(changed, deadline_at=min(running.values()) if running else None)
    old, new = asdict(escalation), asdict(changed)
    written = turn.conn.execute(
        update(s.escalations).where(_e.id == escalation.id, _e.version == escalation.version),
        {name: value for name, value in new.items() if old[name] != value},
    )
    if written.rowcount != 1:
        raise Conflict(
            Sentence("the escalation {id} changed since you looked: read it again", id=escalation.id)
        )
    _tell(turn, changed, action, escalation.status, text=text, detail=detail, privileged=privileged)
    if status in ENDED and status != escalation.status:
        _stand_down(turn, changed)
    return changed


def _stand_down(turn: Turn, escalation: Escalation) -> None:
    """The last escalation has ended: the alert goes back to the person who had acknowledged it, and that
    acknowledgement expires as usual.
    """
    alert = get_alert(turn.conn, escalation.alert_id)
    open_still = any(one.status not in ENDED for one in of_alert(turn.conn, alert.id))
    if alert.status != states.ESCALATED or open_still:
        return
    expires = turn.now + timedelta(minutes=alert.the_policy.acknowledge_expires_minutes)
    move = Move(alert, "stand_down", {"ack_expires_at": expires}, detail={"escalation": escalation.id})
    record.move(turn.conn, move, alert, turn.actor, turn.now)


def _tell(
    turn: Turn,
    escalation: Escalation,
    action: str,
    before: str | None,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    privileged: bool = False,
) -> None:
    """The entry in the history, the audit entry and the event of what has happened to the escalation."""
    _entry(turn, escalation, action, before, text, detail, privileged)
    audit.append(
        turn.conn,
        at=turn.now,
        actor=turn.actor.name,
        role=turn.actor.role,
        action=f"escalation.{action}",
        object=escalation.id,
        detail={
            "alert": escalation.alert_id,
            "from": before,
            "to": escalation.status,
            "text_sha256": audit.text_hash(text) if text else None,
            **(detail or {}),
        },
    )
    record.event(
        turn.conn,
        escalation.alert_id,
        f"escalation.{action}",
        turn.now,
        _summary(escalation),
        escalation.version,
        escalation_id=escalation.id,
    )


def _entry(
    turn: Turn,
    escalation: Escalation,
    action: str,
    before: str | None,
    text: str | None,
    detail: Mapping[str, Any] | None,
    privileged: bool,
) -> None:
    x = s.escalation_entries
    last = turn.conn.execute(select(func.max(x.c.seq)).where(x.c.escalation_id == escalation.id)).scalar_one()
    if text is not None and len(text) > MAX_TEXT:
        raise WrongInput(
            Sentence("a text may have {most} characters, this one has {n}", most=MAX_TEXT, n=len(text))
        )
    turn.conn.execute(
        insert(x),
        {
            "escalation_id": escalation.id,
            "seq": (last or 0) + 1,
            "at": turn.now,
            "actor": turn.actor.name,
            "role": turn.actor.role,
            "action": action,
            "from_status": before,
            "to_status": escalation.status,
            "text": text,
            "privileged": privileged,
            "detail": dict(detail) if detail is not None else None,
        },
    )


def _summary(escalation: Escalation) -> dict[str, Any]:
    """What an event says of an escalation: figures and names, no text."""
    return {
        "id": escalation.id,
        "alert_id": escalation.alert_id,
        "team": escalation.team,
        "status": escalation.status,
        "severity": escalation.severity,
        "deadline_at": iso(escalation.deadline_at) if escalation.deadline_at else None,
        "claimed_by": escalation.claimed_by,
        "version": escalation.version,
    }
