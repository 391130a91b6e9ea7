"""What a signal does to its alert: open, update, worsen, calm, reopen, merge. One live alert per
fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from alerts import record, states
from alerts.actor import ENGINE
from alerts.alert import Alert, get, lately_resolved, live
from alerts.context import Context
from alerts.directory import monitor_facts
from alerts.ladder import first_due, next_due, rung
from alerts.outbox import queue
from alerts.paging import page_rung, situation, tell_heads_up, waiting
from alerts.severity import Decision, severity, worsening
from alerts.suppression.order import BEFORE_FIRING, first
from tocsin.core.ids import stable_id
from tocsin.core.promise import threshold
from tocsin.core.signal import NEGATIVITY, VOLUME, facts_from
from tocsin.core.signal import fingerprint as fingerprint_of
from tocsin.store import schema as s

REOPEN_WITHIN: Final = timedelta(hours=6)
"""A story that comes back sooner is the same story; later it is a new alert."""

MILDEST: Final = 4
SET_ASIDE: Final = "set_aside"
COPIES: Final = "copies of one text, set aside"
TELLS_ALREADY: Final = frozenset(
    {states.FIRING, states.ACKNOWLEDGED, states.SNOOZED, states.ESCALATED, states.DISMISSED}
)
ABSORBED: Final = frozenset(
    {states.CANDIDATE, states.SUPPRESSED, states.FIRING, states.ACKNOWLEDGED, states.SNOOZED}
)
ANSWERED: Final = {states.ACKNOWLEDGED: "acknowledge", states.SNOOZED: "snooze"}
"""Statuses in which somebody has an alert, and the action that leads there."""

UNANSWERED: Final[dict[str, Any]] = {
    "acknowledged_at": None,
    "acknowledged_by": None,
    "ack_expires_at": None,
    "snoozed_until": None,
}


def handle(conn: Connection, context: Context, signal: Row[Any], now: datetime) -> str:
    """Apply one signal row; returns in one word what became of it."""
    alert = live(conn, signal.fingerprint)
    if signal.state == SET_ASIDE:
        told = alert is not None and alert.calmed_at is None
        return "nothing" if told else _set_aside(conn, context, signal, now)
    if signal.state == "calm":
        return _calm(conn, alert, signal, now) if alert else "nothing"
    if alert and alert.calmed_unacknowledged and alert.calmed_at and now - alert.calmed_at > REOPEN_WITHIN:
        _supersede(conn, alert, now)
        return _open(conn, context, signal, now)
    if alert is None:
        return _begin(conn, context, signal, now)
    if alert.status in (states.CANDIDATE, states.SUPPRESSED):
        return _try_to_fire(conn, context, alert, signal, now)
    if alert.status == states.MERGED:
        return _merged(conn, context, alert, signal, now)
    return _goes_on(conn, context, alert, signal, now)


def judge(conn: Connection, alert: Alert, signal: Row[Any]) -> Decision:
    """The severity after this signal: never milder than the alert's, and not back above what a person has
    lowered.
    """
    facts = facts_from(signal.facts)
    fresh = alert.status == states.CANDIDATE
    over = threshold(monitor_facts(conn, alert.monitor_id).false_alerts_per_week)
    since = None
    if alert.severity == 2 and (facts.score > alert.peak_score or facts.ratio > alert.the_facts.ratio):
        since = worsening(alert.worsened_at, facts.score, alert.peak_score, signal.tick)
    decision = severity(facts, None if fresh else alert.severity, since, signal.tick, over)
    if not fresh and decision.severity is not None and decision.severity < alert.severity:
        lowered_from = _lowered_from(conn, alert)
        if lowered_from is not None and decision.severity >= lowered_from:
            return Decision(alert.severity, decision.reasons)
    return decision


def _begin(conn: Connection, context: Context, signal: Row[Any], now: datetime) -> str:
    before = lately_resolved(conn, signal.fingerprint, now, REOPEN_WITHIN)
    if before is not None:
        if severity(facts_from(signal.facts), clearly_over=_clearly_over(conn, signal)).severity is None:
            return "nothing"
        return _reopen(conn, context, before, signal, now)
    return _open(conn, context, signal, now)


def _open(conn: Connection, context: Context, signal: Row[Any], now: datetime) -> str:
    alert = _candidate(conn, context, signal, now)
    return _try_to_fire(conn, context, record.opened(conn, alert, ENGINE, now), signal, now, new=True)


def _set_aside(conn: Connection, context: Context, signal: Row[Any], now: datetime) -> str:
    """Copies of one text alone made it: it wakes nobody, and can be seen and counted."""
    # It holds no fingerprint: an older alert that has calmed may still hold it, and must not hide this.
    alert = record.opened(conn, replace(_candidate(conn, context, signal, now), live=None), ENGINE, now)
    record.change(conn, alert, "suppress", ENGINE, now, reason=COPIES, resolved_at=now)
    return "suppressed"


def _candidate(conn: Connection, context: Context, signal: Row[Any], now: datetime) -> Alert:
    """A new alert, before anything is decided about it."""
    monitor = monitor_facts(conn, signal.monitor_id)
    policy = context.directory(conn).policy(monitor.policy)
    return Alert(
        id=stable_id("al", signal.fingerprint, signal.tick.isoformat()),
        fingerprint=signal.fingerprint,
        live=signal.fingerprint,
        monitor_id=signal.monitor_id,
        monitor=monitor.name,
        kind=signal.kind,
        status=states.CANDIDATE,
        severity=MILDEST,
        reason=None,
        opened_at=now,
        updated_at=now,
        last_signal_at=signal.tick,
        worsened_at=None,
        calmed_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        ack_expires_at=None,
        snoozed_until=None,
        resolved_at=None,
        merged_into=None,
        policy=policy.model_dump(mode="json"),
        step=0,
        next_step_at=None,
        score=signal.score,
        peak_score=signal.score,
        facts=signal.facts,
        evidence=signal.evidence,
        drill=False,
        version=1,
    )


def _try_to_fire(
    conn: Connection, context: Context, alert: Alert, signal: Row[Any], now: datetime, new: bool = False
) -> str:
    decision = judge(conn, alert, signal)
    figures = _figures(alert, signal)
    if decision.severity is None or (alert.status == states.SUPPRESSED and not decision.reasons):
        if not new:
            record.change(conn, alert, "update", ENGINE, now, **figures)
        return "candidate"
    monitor = monitor_facts(conn, alert.monitor_id)
    rival = _rival(conn, alert)
    judged = record.change(conn, alert, "update", ENGINE, now, **figures, severity=decision.severity)
    at = situation(judged, context.directory(conn), monitor, now, rival=rival.id if rival else None)
    verdict = first(BEFORE_FIRING, at)
    if verdict is None:
        _fire(conn, context, judged, signal, now, decision)
        return "fired"
    if verdict.action == "merge" and rival is not None:
        merged = record.change(
            conn, judged, "merge", ENGINE, now, reason=verdict.reason, merged_into=rival.id
        )
        _share(conn, context, merged, rival, decision, now)
        return "merged"
    if judged.reason != verdict.reason or judged.status != states.SUPPRESSED:
        record.change(conn, judged, "suppress", ENGINE, now, reason=verdict.reason)
    return "suppressed"


def _fire(
    conn: Connection, context: Context, alert: Alert, signal: Row[Any], now: datetime, decision: Decision
) -> Alert:
    """The alert fires. A negativity alert of the same story that is as bad has asked people already: the ladder goes on where
    that one stands, and who answered it has answered.
    """
    told = _told_before(conn, alert)
    due = first_due(alert.the_policy, alert.severity, now)
    begun = signal.tick if alert.severity <= 2 else alert.worsened_at
    fired = record.change(
        conn,
        alert,
        "fire",
        ENGINE,
        now,
        reason="; ".join(decision.reasons),
        next_step_at=told.next_step_at if told and told.step else due,
        step=told.step if told else 0,
        worsened_at=begun,
    )
    if told is None:
        tell_heads_up(conn, context, fired, now, decision.reasons)
    if told is not None and told.status in ANSWERED:
        answer = {name: getattr(told, name) for name in UNANSWERED}
        action = ANSWERED[told.status]
        why = f"{told.acknowledged_by or 'somebody'} had answered {told.id}"
        fired = record.change(conn, fired, action, ENGINE, now, reason=why, **answer, next_step_at=None)
    if alert.kind == VOLUME:
        _absorb(conn, fired, now)
    return fired


def _told_before(conn: Connection, alert: Alert) -> Alert | None:
    """The negativity alert that this volume alert is about to absorb, if it has fired and was as bad."""
    if alert.kind != VOLUME:
        return None
    other = live(conn, fingerprint_of(alert.monitor_id, NEGATIVITY))
    if other is None or other.status not in (states.FIRING, *ANSWERED) or other.calmed_at is not None:
        return None
    if other.severity > alert.severity:
        return None
    return other if other.status in ANSWERED or queue.reached(conn, other.id) else None


def _goes_on(conn: Connection, context: Context, alert: Alert, signal: Row[Any], now: datetime) -> str:
    decision = judge(conn, alert, signal)
    if decision.severity is not None and decision.severity < alert.severity:
        worsen(conn, context, alert, decision, now, **_figures(alert, signal, worsened=True))
        return "worsened"
    figures = _figures(alert, signal)
    if alert.calmed_at is None:
        record.change(conn, alert, "update", ENGINE, now, **figures)
        return "updated"
    record.change(conn, alert, "recur", ENGINE, now, **figures, **_resumed(alert, now))
    return "recurred"


def worsen(
    conn: Connection,
    context: Context,
    alert: Alert,
    decision: Decision,
    now: datetime,
    why: str = "",
    **figures: Any,
) -> Alert:
    """The severity rises: whoever has it in hand is asked again, snoozes and dismissals break, the ladder
    begins anew.
    """
    from alerts.escalations.escalation import tighten  # here, for escalations write alerts too

    rise = f"rose from SEV{alert.severity} to SEV{decision.severity}"
    queue.cancel_asking(conn, alert.id, now)
    values: dict[str, Any] = {**figures, "severity": decision.severity, "calmed_at": None, "step": 0}
    escalated = alert.status == states.ESCALATED
    if not escalated:
        values |= {**UNANSWERED, "next_step_at": now}
    reason = "; ".join((why, *decision.reasons) if why else decision.reasons)
    risen = record.change(
        conn,
        alert,
        "worsen",
        ENGINE,
        now,
        reason=reason,
        detail={"from": alert.severity, "to": decision.severity},
        **values,
    )
    verdict = waiting(conn, context, risen, now)
    if verdict is None:
        page_rung(conn, context, risen, "worsened", now, decision.reasons, why_now=f"Worse: {rise}")
        due = next_due(risen.the_policy, risen.severity, 0, now, now)
        if not escalated:
            risen = record.change(conn, risen, "step", ENGINE, now, step=1, next_step_at=due)
    tell_heads_up(conn, context, risen, now, decision.reasons)
    if escalated:
        tighten(conn, risen, now)
    return risen


def _merged(conn: Connection, context: Context, alert: Alert, signal: Row[Any], now: datetime) -> str:
    decision = judge(conn, alert, signal)
    parent = get(conn, alert.merged_into or "")
    level = decision.severity or alert.severity
    if not parent.is_open and decision.reasons:
        figures = _figures(alert, signal)
        parted = record.change(
            conn,
            alert,
            "part",
            ENGINE,
            now,
            reason=f"{parent.id} has ended, this goes on",
            severity=level,
            merged_into=None,
            calmed_at=None,
            step=0,
            next_step_at=first_due(alert.the_policy, level, now),
            **figures,
        )
        tell_heads_up(conn, context, parted, now, decision.reasons)
        return "fired"
    if level < alert.severity:
        changed = record.change(
            conn, alert, "worsen", ENGINE, now, severity=level, calmed_at=None, **_figures(alert, signal)
        )
    else:
        changed = record.change(conn, alert, "update", ENGINE, now, calmed_at=None, **_figures(alert, signal))
    _share(conn, context, changed, parent, decision, now)
    return "updated"


def _share(
    conn: Connection, context: Context, merged: Alert, parent: Alert, decision: Decision, now: datetime
) -> None:
    """What is merged may raise what it was merged into."""
    if parent.is_open and merged.severity < parent.severity and parent.status != states.MERGED:
        lowered_from = _lowered_from(conn, parent)
        if lowered_from is None or merged.severity < lowered_from:
            worse = Decision(merged.severity, decision.reasons)
            worsen(conn, context, parent, worse, now, why=f"the merged {merged.kind} alert rose")


def _absorb(conn: Connection, alert: Alert, now: datetime) -> None:
    """A volume alert takes the open negativity alert of its monitor into itself, visibly."""
    other = live(conn, fingerprint_of(alert.monitor_id, NEGATIVITY))
    if other is None or other.status not in ABSORBED:
        return
    queue.cancel_asking(conn, other.id, now)
    record.change(
        conn,
        other,
        "merge",
        ENGINE,
        now,
        reason="the volume alert of the same monitor tells this story",
        merged_into=alert.id,
        next_step_at=None,
        ack_expires_at=None,
        snoozed_until=None,
    )


def _rival(conn: Connection, alert: Alert) -> Alert | None:
    """The live volume alert of the monitor, as seen from its negativity alert."""
    if alert.kind != NEGATIVITY:
        return None
    other = live(conn, fingerprint_of(alert.monitor_id, VOLUME))
    return other if other and other.status in TELLS_ALREADY else None


def _reopen(conn: Connection, context: Context, before: Alert, signal: Row[Any], now: datetime) -> str:
    decision = judge(conn, before, signal)
    level = decision.severity or before.severity
    reopened = record.change(
        conn,
        before,
        "reopen",
        ENGINE,
        now,
        reason="; ".join(decision.reasons),
        **_figures(before, signal),
        **reopened_values(before, level, now),
    )
    tell_heads_up(conn, context, reopened, now, decision.reasons)
    return "reopened"


def reopened_values(alert: Alert, level: int, now: datetime) -> dict[str, Any]:
    """The columns of an alert that is opened again."""
    return {
        **UNANSWERED,
        "live": alert.fingerprint,
        "severity": level,
        "calmed_at": None,
        "resolved_at": None,
        "merged_into": None,
        "step": 0,
        "next_step_at": first_due(alert.the_policy, level, now),
    }


def _supersede(conn: Connection, alert: Alert, now: datetime) -> None:
    queue.cancel_asking(conn, alert.id, now)  # what was due and not sent yet: the new alert asks
    record.change(
        conn,
        alert,
        "supersede",
        ENGINE,
        now,
        reason="calmed, never acknowledged; a new alert tells the new story",
        live=None,
        resolved_at=now,
        next_step_at=None,
    )


def _calm(conn: Connection, alert: Alert, signal: Row[Any], now: datetime) -> str:
    seen = {"score": signal.score, "last_signal_at": signal.tick, "worsened_at": None}
    if alert.status in (states.CANDIDATE, states.SUPPRESSED):
        why = alert.reason if alert.status == states.SUPPRESSED else "calmed before it fired"
        record.change(conn, alert, "calm", ENGINE, now, reason=why, live=None, resolved_at=now, **seen)
        return "calmed"
    if alert.calmed_at is not None:
        return "nothing"
    queue.cancel_waiting(conn, alert.id, now)
    record.change(conn, alert, "calm", ENGINE, now, calmed_at=now, next_step_at=None, **seen)
    return "calmed"


def _resumed(alert: Alert, now: datetime) -> dict[str, Any]:
    """What goes on when a calmed alert is over again: the ladder where it stood, the acknowledgement's
    time.
    """
    values: dict[str, Any] = {"calmed_at": None}
    policy = alert.the_policy
    if alert.status == states.FIRING:
        if alert.step == 0:
            values["next_step_at"] = now
        elif rung(policy, alert.severity, alert.step) is not None:
            values["next_step_at"] = next_due(policy, alert.severity, alert.step - 1, now, now)
    if alert.status == states.ACKNOWLEDGED:
        values["ack_expires_at"] = now + timedelta(minutes=policy.acknowledge_expires_minutes)
    return values


def _figures(alert: Alert, signal: Row[Any], worsened: bool = False) -> dict[str, Any]:
    """The columns that every signal moves. A rise of severity begins the count of how long it has been
    worsening.
    """
    return {
        "score": signal.score,
        "peak_score": max(alert.peak_score, signal.score),
        "facts": signal.facts,
        "evidence": signal.evidence,
        "last_signal_at": signal.tick,
        "worsened_at": signal.tick
        if worsened
        else worsening(alert.worsened_at, signal.score, alert.peak_score, signal.tick),
    }


def _lowered_from(conn: Connection, alert: Alert) -> int | None:
    """The severity that a person last lowered this alert from; the engine does not undo that."""
    t = s.alert_timeline
    row = conn.execute(
        select(t.c.detail)
        .where(t.c.alert_id == alert.id, t.c.action.in_(("lower", "reopen")))
        .order_by(t.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return int(row.detail["from"]) if row is not None and row.detail and "from" in row.detail else None


def _clearly_over(conn: Connection, signal: Row[Any]) -> float:
    return threshold(monitor_facts(conn, signal.monitor_id).false_alerts_per_week)
