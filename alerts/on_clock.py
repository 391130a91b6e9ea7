"""The changes that the clock alone makes: acknowledgements expire, snoozes end, steps fall due, lasting calm resolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from alerts import held, states
from alerts.alert import Alert, from_row
from alerts.apply import apply
from alerts.change import Change, Move, Page
from alerts.escalations import clocks
from alerts.ladder import next_due as next_rung_due
from alerts.ladder import rung
from alerts.on_signal import UNANSWERED
from alerts.outbox import queue
from alerts.paging import waiting
from alerts.severity import severity
from alerts.turn import Turn
from tocsin.store import schema as s

REST: Final[dict[str, timedelta]] = {
    states.ACKNOWLEDGED: timedelta(hours=2),
    states.MERGED: timedelta(hours=2),
    states.DISMISSED: timedelta(hours=6),
}
"""The time that an alert in this status must have been calm until it is resolved by itself. A firing alert never is."""

_a = s.alerts.c
# This form, and not "is not null", lets the engine use the index.
_LIVE = _a.live > ""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that time brings about: the rows, the time, and the change."""

    name: str
    where: Callable[[datetime], ColumnElement[bool]]
    at: ColumnElement[Any]
    condition: ColumnElement[bool]
    decide: Callable[[Turn, Alert], Change]
    # The wait after the time in `at`.
    later: timedelta = timedelta(0)


def _expire(turn: Turn, alert: Alert) -> Change:
    values = {**UNANSWERED, "step": 0, "next_step_at": turn.now}
    detail = {"acknowledged_by": alert.acknowledged_by}
    return Change("expired", alert, (Move(alert, "expire", values, detail=detail),))


def _wake(turn: Turn, alert: Alert) -> Change:
    if alert.calmed_at is not None:
        return _resolve(turn, alert)
    values = {**UNANSWERED, "step": 0, "next_step_at": turn.now}
    return Change("woken", alert, (Move(alert, "wake", values),))


def _resolve(turn: Turn, alert: Alert) -> Change:
    detail = {"calm_since": alert.calmed_at.isoformat() if alert.calmed_at else None}
    values = {
        "live": None,
        "resolved_at": turn.now,
        "ack_expires_at": None,
        "snoozed_until": None,
        "next_step_at": None,
    }
    return Change("resolved", alert, (Move(alert, "resolve", values, detail=detail),))


def _step(turn: Turn, alert: Alert) -> Change:
    """The next rung is taken, or has to wait, or no rung is left."""
    verdict = waiting(turn, alert)
    if verdict is not None and verdict.until is not None and verdict.until > turn.now:
        detail: dict[str, Any] = {"waits": verdict.reason, "until": verdict.until.isoformat()}
        detail[held.STAMP] = held.stamp(turn.conn)
        hold = Move(alert, "hold", {"next_step_at": verdict.until}, detail=detail)
        return Change("held", alert, (hold,))
    policy = alert.the_policy
    if rung(policy, alert.severity, alert.step) is None:
        exhaust = Move(alert, "exhaust", {"next_step_at": None}, detail={"steps": alert.step})
        return Change("exhausted", alert, (exhaust,))
    why = f"Nobody has answered yet: step {alert.step + 1}" if alert.step else ""
    page = Page(alert, "page", severity(alert.the_facts).reasons, why)
    due = next_rung_due(policy, alert.severity, alert.step, alert.next_step_at or turn.now, turn.now)
    values = {"step": alert.step + 1, "next_step_at": due}
    return Change("paged", alert, (page, Move(alert, "step", values, detail={"step": alert.step + 1})))


def _condition(
    at: ColumnElement[Any], condition: ColumnElement[bool], later: timedelta
) -> Callable[[datetime], Any]:
    return lambda now: and_(_LIVE, condition, at <= now - later)


def _due(
    name: str,
    at: ColumnElement[Any],
    condition: ColumnElement[bool],
    decide: Callable[[Turn, Alert], Change],
    later: timedelta = timedelta(0),
) -> Due:
    return Due(name, _condition(at, condition, later), at, condition, decide, later)


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
"""The due things, in the order in which every step of the engine asks for them."""


def run(turn: Turn, limit: int) -> dict[str, int]:
    """Do everything that is due at the turn's time, at most `limit` of each kind; returns how many of each were done."""
    again = held.look_again(turn, limit)
    done: dict[str, int] = {"held step looked at again": again} if again else {}
    for due in TABLE:
        where = and_(due.where(turn.now), _a.fingerprint.not_in(turn.passed_over))
        rows = turn.store.claim(turn.conn, s.alerts, where, (due.at, _a.id), limit)
        for row in rows:
            turn.attempt(row.fingerprint, partial(_take, turn, due, row))
        if rows:
            done[due.name] = len(rows)
    overdue = clocks.page_overdue(turn, limit)
    if overdue:
        done["escalation overdue"] = overdue
    return done


def _take(turn: Turn, due: Due, row: Row[Any]) -> None:
    apply(turn, due.decide(turn, from_row(row)))


def anything(conn: Connection, now: datetime, passed_over: Sequence[str] = ()) -> bool:
    """Whether anything is due at `now`, apart from the stories `passed_over`: one cheap look, so that an idle engine never
    takes the writer's lock.
    """
    signals, escalations = s.signals.c, s.escalations.c
    checks: Sequence[Any] = (
        select(signals.id).where(signals.handled_at.is_(None), signals.fingerprint.not_in(passed_over)),
        select(_a.id).where(or_(*(due.where(now) for due in TABLE)), _a.fingerprint.not_in(passed_over)),
        select(escalations.id).where(clocks.to_page(now), escalations.id.not_in(passed_over)),
    )
    return held.changed(conn) or any(conn.execute(check.limit(1)).first() is not None for check in checks)


def next_at(conn: Connection) -> datetime | None:
    """The next moment at which the clock brings something about. None: nothing waits for the clock.

    A signal not yet handled counts with its tick, a notice in the outbox with the time at which it is due.
    """
    moments: list[datetime | None] = [
        conn.execute(select(func.min(s.signals.c.tick)).where(s.signals.c.handled_at.is_(None))).scalar_one(),
        conn.execute(
            select(func.min(s.notices.c.due_at)).where(s.notices.c.status == queue.QUEUED)
        ).scalar_one(),
        clocks.next_overdue(conn),
    ]
    for due in TABLE:
        first = conn.execute(select(func.min(due.at)).where(_LIVE, due.condition)).scalar_one()
        moments.append(first + due.later if first is not None else None)
    return min((moment for moment in moments if moment is not None), default=None)
