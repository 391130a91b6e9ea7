"""What the clock alone brings about: acknowledgements that expire, snoozes that end, steps that are due,
calm that lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from alerts import record, states
from alerts.actor import ENGINE
from alerts.alert import Alert, from_row
from alerts.context import Context
from alerts.escalations import escalation
from alerts.ladder import next_due as next_rung_due
from alerts.ladder import rung
from alerts.on_signal import UNANSWERED
from alerts.outbox import queue
from alerts.paging import page_rung, waiting
from alerts.severity import severity
from tocsin.store import schema as s

REST: Final[dict[str, timedelta]] = {
    states.ACKNOWLEDGED: timedelta(hours=2),
    states.MERGED: timedelta(hours=2),
    states.DISMISSED: timedelta(hours=6),
}
"""How long an alert in this status must have been calm until it is resolved by itself. A firing one never
is.
"""

_a = s.alerts.c
_LIVE = _a.live > ""  # not "is not null": this form lets the engine use the index


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that time brings about: which rows, when, and what then."""

    name: str
    where: Callable[[datetime], ColumnElement[bool]]
    at: ColumnElement[Any]
    condition: ColumnElement[bool]
    act: Callable[[Connection, Context, Alert, datetime], object]
    later: timedelta = timedelta(0)  # after the time in `at`


def _expire(conn: Connection, _context: Context, alert: Alert, now: datetime) -> None:
    record.change(
        conn,
        alert,
        "expire",
        ENGINE,
        now,
        detail={"acknowledged_by": alert.acknowledged_by},
        **UNANSWERED,
        step=0,
        next_step_at=now,
    )


def _wake(conn: Connection, context: Context, alert: Alert, now: datetime) -> None:
    if alert.calmed_at is not None:
        _resolve(conn, context, alert, now)
        return
    record.change(conn, alert, "wake", ENGINE, now, **UNANSWERED, step=0, next_step_at=now)


def _resolve(conn: Connection, _context: Context, alert: Alert, now: datetime) -> None:
    record.change(
        conn,
        alert,
        "resolve",
        ENGINE,
        now,
        detail={"calm_since": alert.calmed_at.isoformat() if alert.calmed_at else None},
        live=None,
        resolved_at=now,
        ack_expires_at=None,
        snoozed_until=None,
        next_step_at=None,
    )


def _step(conn: Connection, context: Context, alert: Alert, now: datetime) -> None:
    verdict = waiting(conn, context, alert, now)
    if verdict is not None and verdict.until is not None and verdict.until > now:
        detail = {"waits": verdict.reason, "until": verdict.until.isoformat()}
        record.change(conn, alert, "hold", ENGINE, now, detail=detail, next_step_at=verdict.until)
        return
    due = alert.next_step_at or now
    policy = alert.the_policy
    if rung(policy, alert.severity, alert.step) is None:
        record.change(conn, alert, "exhaust", ENGINE, now, next_step_at=None, detail={"steps": alert.step})
        return
    reasons = severity(alert.the_facts).reasons
    why = f"Nobody has answered yet: step {alert.step + 1}" if alert.step else ""
    page_rung(conn, context, alert, "page", now, reasons, why_now=why)
    record.change(
        conn,
        alert,
        "step",
        ENGINE,
        now,
        detail={"step": alert.step + 1},
        step=alert.step + 1,
        next_step_at=next_rung_due(policy, alert.severity, alert.step, due, now),
    )


def _condition(
    at: ColumnElement[Any], condition: ColumnElement[bool], later: timedelta
) -> Callable[[datetime], Any]:
    return lambda now: and_(_LIVE, condition, at <= now - later)


def _due(
    name: str,
    at: ColumnElement[Any],
    condition: ColumnElement[bool],
    act: Callable[[Connection, Context, Alert, datetime], object],
    later: timedelta = timedelta(0),
) -> Due:
    return Due(name, _condition(at, condition, later), at, condition, act, later)


TABLE: Final[tuple[Due, ...]] = (
    _due(
        "acknowledgement expires",
        _a.ack_expires_at,
        and_(_a.status == states.ACKNOWLEDGED, _a.calmed_at.is_(None)),
        _expire,
    ),
    _due("snooze ends", _a.snoozed_until, _a.status == states.SNOOZED, _wake),
    *(
        _due(f"calm lasts, {status}", _a.calmed_at, _a.status == status, _resolve, rest)
        for status, rest in REST.items()
    ),
    _due("step is due", _a.next_step_at, _a.status == states.FIRING, _step),
)
"""Asked in this order at every step of the engine."""


def run(conn: Connection, context: Context, now: datetime, limit: int) -> dict[str, int]:
    """Do everything that is due at `now`, at most `limit` of each; returns how many of each were done."""
    done: dict[str, int] = {}
    for due in TABLE:
        rows = context.store.claim(conn, s.alerts, due.where(now), (due.at, _a.id), limit)
        for row in rows:
            due.act(conn, context, from_row(row), now)
        if rows:
            done[due.name] = len(rows)
    overdue = escalation.page_overdue(conn, context, now, limit)
    if overdue:
        done["escalation overdue"] = overdue
    return done


def anything(conn: Connection, now: datetime) -> bool:
    """Whether there is anything to do at `now`: one cheap look, so that an idle engine never takes the
    writer's lock.
    """
    checks: Sequence[Any] = (
        select(s.signals.c.id).where(s.signals.c.handled_at.is_(None)),
        select(_a.id).where(or_(*(due.where(now) for due in TABLE))),
        select(s.escalations.c.id).where(escalation.overdue(now)),
    )
    return any(conn.execute(check.limit(1)).first() is not None for check in checks)


def next_at(conn: Connection) -> datetime | None:
    """The next moment at which the clock brings something about; None when nothing is waiting for it.

    Signals not yet handled count with their tick, notices in the outbox with when they are due.
    """
    moments: list[datetime | None] = [
        conn.execute(select(func.min(s.signals.c.tick)).where(s.signals.c.handled_at.is_(None))).scalar_one(),
        conn.execute(
            select(func.min(s.notices.c.due_at)).where(s.notices.c.status == queue.QUEUED)
        ).scalar_one(),
        escalation.next_overdue(conn),
    ]
    for due in TABLE:
        first = conn.execute(select(func.min(due.at)).where(_LIVE, due.condition)).scalar_one()
        moments.append(first + due.later if first is not None else None)
    return min((moment for moment in moments if moment is not None), default=None)
