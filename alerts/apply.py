"""Carrying out a change: the one place that writes and tells the decisions about alerts, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from alerts import record, verdicts
from alerts.alert import Alert
from alerts.change import (
    BeginEscalation,
    Change,
    GiveVerdict,
    HeadsUp,
    Move,
    Open,
    Page,
    PageAgain,
    Step,
    TakeBack,
    Tighten,
    Waiting,
    WriteNote,
)
from alerts.escalations.actions import create
from alerts.escalations.clocks import tighten
from alerts.escalations.escalation import Escalation
from alerts.outbox import queue
from alerts.paging import page_again, page_rung, tell_heads_up
from alerts.turn import Turn

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Applied:
    """The result in one word, the alert as it is now, and the escalation that was begun, if one was."""

    became: str
    alert: Alert | None
    escalation: Escalation | None = None


def apply(turn: Turn, change: Change) -> Applied:
    """Take every step of the change, in order, in the turn's transaction.

    Raises `Conflict` where an alert changed since it was read, and `IllegalTransition` where the state machine has no such arrow.
    """
    latest: dict[str, Alert] = {}
    begun: Escalation | None = None
    for step in change.steps:
        alert = latest.get(step.alert.id, step.alert)
        if isinstance(step, BeginEscalation):
            begun = create(turn, alert, step.team, step.reason)
        latest[alert.id] = _take(turn, step, alert)
    about = change.alert
    return Applied(change.became, latest.get(about.id, about) if about is not None else None, begun)


def act(
    turn: Turn, decide: Callable[Concatenate[Turn, P], Change], *args: P.args, **kwargs: P.kwargs
) -> Alert:
    """Decide, then write: what a person does with one alert. Returns the alert as it is afterwards."""
    alert = apply(turn, decide(turn, *args, **kwargs)).alert
    assert alert is not None, f"{decide} is about no alert"
    return alert


def _take(turn: Turn, step: Step, alert: Alert) -> Alert:
    """One step, on the alert as it is; returns it as it is afterwards."""
    match step:
        case Open():
            return record.opened(turn.conn, alert, turn.actor, turn.now)
        case Move():
            return record.move(turn.conn, step, alert, turn.actor, turn.now)
        case TakeBack(which=Waiting.ASKING):
            queue.cancel_asking(turn.conn, alert.id, turn.now)
        case TakeBack():
            queue.cancel_waiting(turn.conn, alert.id, turn.now)
        case Page():
            page_rung(turn, alert, step)
        case PageAgain():
            page_again(turn, alert, step)
        case HeadsUp():
            tell_heads_up(turn, alert, step.reasons)
        case Tighten():
            tighten(turn, alert)
        case WriteNote():
            record.note(turn.conn, alert, turn.actor, turn.now, step.text, step.action, step.detail)
        case GiveVerdict():
            verdicts.keep(turn.conn, alert, step.verdict, turn.actor, turn.now, audited=step.audited)
        case BeginEscalation():
            pass  # its escalation was made by `apply`, which hands it on
    return alert
