"""What people do with an alert.

Every function takes the transaction, the alert's id, who does it, the time, and the version that was seen
(None: any), and returns the alert as it is afterwards. They raise `NotFound`, `Conflict` (it changed since
you looked), `IllegalTransition` (the state machine has no such arrow; says what is possible) and
`WrongInput`. Whoever does anything to a firing alert has thereby answered: nothing more is sent that asks
for an answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts import record, states
from alerts.actor import Actor
from alerts.alert import Alert, get, live
from alerts.context import Context
from alerts.escalations import escalation
from alerts.escalations import states as escalation_states
from alerts.ladder import next_due
from alerts.on_signal import reopened_values
from alerts.outbox import queue
from alerts.paging import page_rung
from tocsin.core.errors import Conflict, IllegalTransition, WrongInput

LONGEST_SNOOZE = timedelta(days=7)


def acknowledge(conn: Connection, alert_id: str, actor: Actor, now: datetime) -> Alert:
    """Somebody has it. Repeated, by whomever, it changes nothing: `acknowledged_by` names who was first.

    It asks for no version: the second of two people must learn who has it, not an error.
    """
    alert = get(conn, alert_id)
    if alert.status in (states.ACKNOWLEDGED, states.ESCALATED):
        return alert
    return _answered(
        conn,
        alert,
        "acknowledge",
        actor,
        now,
        acknowledged_at=now,
        acknowledged_by=actor.name,
        snoozed_until=None,
        ack_expires_at=now + timedelta(minutes=alert.the_policy.acknowledge_expires_minutes),
    )


def snooze(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    until: datetime,
    expected_version: int | None = None,
) -> Alert:
    """Quiet until `until`, at most a week; breaks by itself when the severity rises."""
    alert = _seen(conn, alert_id, expected_version)
    if not now < until <= now + LONGEST_SNOOZE:
        raise WrongInput(
            f"a snooze ends later than now and within {LONGEST_SNOOZE.days} days, not at {until.isoformat()}"
        )
    detail = {"until": until.isoformat()}
    return _answered(
        conn, alert, "snooze", actor, now, detail=detail, snoozed_until=until, **_by(alert, actor, now)
    )


def dismiss(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    reason: str,
    note: str = "",
    expected_version: int | None = None,
) -> Alert:
    """Nothing to do, for one of `states.DISMISSAL_REASONS`. It stays dismissed while it lasts, unless it
    worsens.
    """
    alert = _seen(conn, alert_id, expected_version)
    why = states.check_dismissal(reason)
    detail = {"note": record.bounded(note)} if note else None
    return _answered(
        conn,
        alert,
        "dismiss",
        actor,
        now,
        reason=why,
        detail=detail,
        snoozed_until=None,
        **_by(alert, actor, now),
    )


def resolve(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    expected_version: int | None = None,
) -> Alert:
    """It is over. Raises `Conflict` while a case of it is still open with PR or Legal."""
    alert = _seen(conn, alert_id, expected_version)
    _refuse_open_cases(conn, alert)
    return _answered(
        conn,
        alert,
        "resolve",
        actor,
        now,
        reason=reason or None,
        live=None,
        resolved_at=now,
        snoozed_until=None,
        **_by(alert, actor, now),
    )


def reopen(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    expected_version: int | None = None,
) -> Alert:
    """It is not over after all: it fires again from the first step. Raises `Conflict` where a newer alert
    tells the story.
    """
    alert = _seen(conn, alert_id, expected_version)
    newer = live(conn, alert.fingerprint)
    if newer is not None and newer.id != alert.id:
        raise Conflict(f"{newer.id} tells this story now; work that one")
    values = reopened_values(alert, alert.severity, now)
    return record.change(conn, alert, "reopen", actor, now, reason=reason or None, **values)


def escalate(
    conn: Connection,
    context: Context,
    alert_id: str,
    actor: Actor,
    now: datetime,
    team: str,
    reason: str,
    expected_version: int | None = None,
) -> tuple[Alert, escalation.Escalation]:
    """Hand it to PR, Legal or both (`team` pr | legal | both): a case in the queue, with clocks by
    severity, and a page.
    """
    alert = _seen(conn, alert_id, expected_version)
    if not reason.strip():
        raise WrongInput("an escalation needs a reason: what should PR or Legal know?")
    escalation.check_team(conn, alert, team)
    handed = _answered(
        conn,
        alert,
        "escalate",
        actor,
        now,
        reason=reason,
        detail={"team": team},
        snoozed_until=None,
        **_by(alert, actor, now),
    )
    return handed, escalation.create(conn, context, handed, team, actor, now, reason)


def merge(
    conn: Connection,
    alert_id: str,
    actor: Actor,
    now: datetime,
    into: str,
    expected_version: int | None = None,
) -> Alert:
    """The same story as the open alert `into`, which goes on telling it."""
    alert = _seen(conn, alert_id, expected_version)
    other = get(conn, into)
    if other.id == alert.id:
        raise WrongInput("an alert cannot be merged into itself")
    if not alert.is_open:
        raise IllegalTransition(f"{alert.id} is over ({alert.status}): there is nothing left to merge")
    if not other.is_open or other.status in (states.MERGED, states.CANDIDATE, states.SUPPRESSED):
        raise IllegalTransition(
            f"{other.id} is {other.status}: merge into an alert that is open and tells its own story"
        )
    return _answered(
        conn,
        alert,
        "merge",
        actor,
        now,
        reason=f"merged by {actor.name}",
        merged_into=other.id,
        snoozed_until=None,
        **_by(alert, actor, now),
    )


def note(conn: Connection, alert_id: str, actor: Actor, now: datetime, text: str) -> Alert:
    """Write something down in the timeline; changes nothing else."""
    alert = get(conn, alert_id)
    if not text.strip():
        raise WrongInput("a note needs words")
    seq = record.entry(conn, alert, "note", actor, now, reason=text)
    record.event(conn, alert.id, "note", now, {"id": alert.id, "seq": seq}, seq)
    return alert


def set_severity(
    conn: Connection,
    context: Context,
    alert_id: str,
    actor: Actor,
    now: datetime,
    severity: int,
    reason: str,
    expected_version: int | None = None,
) -> Alert:
    """Raise or lower the severity, with a reason. A rise asks the first step again unless somebody has it in
    hand.

    The engine does not undo a lowering: it raises again only beyond the severity that the person lowered
    from.
    """
    alert = _seen(conn, alert_id, expected_version)
    if severity not in (1, 2, 3, 4):
        raise WrongInput(f"severity {severity!r}: choose 1 (crisis), 2 (escalate), 3 (review) or 4 (watch)")
    if not reason.strip():
        raise WrongInput("a change of severity needs a reason")
    if severity == alert.severity:
        return alert
    action = "raise" if severity < alert.severity else "lower"
    detail = {"from": alert.severity, "to": severity}
    values: dict[str, Any] = {"severity": severity, "worsened_at": now if action == "raise" else None}
    pages = action == "raise" and alert.status in (states.FIRING, states.SNOOZED)
    if pages:
        queue.cancel_asking(conn, alert.id, now)
        values |= {"step": 0, "next_step_at": None, "snoozed_until": None}
    changed = record.change(conn, alert, action, actor, now, reason=reason, detail=detail, **values)
    if pages:
        why = f"{actor.name} raised it from SEV{alert.severity}"
        page_rung(conn, context, changed, "worsened", now, (reason,), why_now=why)
        due = next_due(changed.the_policy, severity, 0, now, now)
        changed = record.change(conn, changed, "step", actor, now, step=1, next_step_at=due)
    if action == "raise" and changed.status == states.ESCALATED:
        escalation.tighten(conn, changed, now)
    return changed


def _seen(conn: Connection, alert_id: str, expected_version: int | None) -> Alert:
    alert = get(conn, alert_id)
    if expected_version is not None and expected_version != alert.version:
        raise Conflict(
            f"the alert {alert.id} is at version {alert.version}, you saw {expected_version}: read it again"
        )
    return alert


def _answered(
    conn: Connection, alert: Alert, action: str, actor: Actor, now: datetime, **values: Any
) -> Alert:
    """The change, with everything that still waits to ask for an answer taken back in the same
    transaction.
    """
    settled = {"ack_expires_at": None, "next_step_at": None}
    changed = record.change(conn, alert, action, actor, now, **{**settled, **values})
    queue.cancel_asking(conn, alert.id, now)
    return changed


def _by(alert: Alert, actor: Actor, now: datetime) -> dict[str, Any]:
    """Who answered, unless somebody had before."""
    if alert.acknowledged_at is not None:
        return {}
    return {"acknowledged_at": now, "acknowledged_by": actor.name}


def _refuse_open_cases(conn: Connection, alert: Alert) -> None:
    still = [
        one.id for one in escalation.of_alert(conn, alert.id) if one.status not in escalation_states.ENDED
    ]
    if still:
        raise Conflict(f"{', '.join(still)} is still open: close, reject or withdraw it first")
