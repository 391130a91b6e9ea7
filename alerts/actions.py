"""The actions of people on an alert.

Every function takes the turn (who, when, in which transaction), the alert's id, and the version that the person saw
(None: any). It returns the `Change` that `alerts.apply.act` carries out. It raises `NotFound`, `Conflict` (the alert
changed since the person looked) and `WrongInput`. Applying raises `IllegalTransition`, which says what is possible,
where the state machine has no such arrow. A person who does anything to a firing alert has thereby answered: no more
notices that ask for an answer leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts import states
from alerts.alert import Alert, get, live, live_of
from alerts.change import (
    BeginEscalation,
    Change,
    GiveVerdict,
    Move,
    Page,
    Step,
    TakeBack,
    Tighten,
    WriteNote,
    bounded,
)
from alerts.escalations import states as escalation_states
from alerts.escalations.actions import check_team
from alerts.escalations.escalation import of_alert
from alerts.ladder import climbed, next_due, rings_again
from alerts.on_signal import reopened_values, zone_of
from alerts.turn import Turn
from alerts.verdicts import OF_DISMISSAL, check_verdict
from tocsin.core.errors import Conflict, IllegalTransition, WrongInput
from tocsin.core.sentences import Sentence, spoken

LONGEST_SNOOZE = timedelta(days=7)


def acknowledge(turn: Turn, alert_id: str) -> Change:
    """Somebody has the alert. A second acknowledgement, by anybody, changes nothing: `acknowledged_by` names the first
    person.

    The action takes no version: the second of two people must learn who has the alert, and not get an error.
    """
    alert = get(turn.conn, alert_id)
    if alert.status in (states.ACKNOWLEDGED, states.ESCALATED):
        return Change("already", alert)
    if alert.status == states.MERGED and alert.merged_into is not None:
        raise IllegalTransition(
            Sentence(
                "{id} was merged into {other}, which tells its story: acknowledge that one",
                id=alert.id,
                other=alert.merged_into,
            )
        )
    expires = turn.now + timedelta(minutes=alert.the_policy.acknowledge_expires_minutes)
    values = {
        "acknowledged_at": turn.now,
        "acknowledged_by": turn.actor.name,
        "snoozed_until": None,
        "ack_expires_at": expires,
    }
    return _answered(alert, "acknowledge", values)


def snooze(turn: Turn, alert_id: str, until: datetime, expected_version: int | None = None) -> Change:
    """The alert is quiet until `until`, at most a week. A rise of the severity ends the snooze."""
    alert = _seen(turn.conn, alert_id, expected_version)
    if not turn.now < until <= turn.now + LONGEST_SNOOZE:
        raise WrongInput(
            Sentence(
                "a snooze ends later than now and within {days} days, not at {until}",
                days=LONGEST_SNOOZE.days,
                until=until.isoformat(),
            )
        )
    detail = {"until": until.isoformat()}
    return _answered(alert, "snooze", {"snoozed_until": until, **_by(turn, alert)}, detail=detail)


def dismiss(
    turn: Turn, alert_id: str, reason: str, note: str = "", expected_version: int | None = None
) -> Change:
    """The alert needs nothing done, for one of `states.DISMISSAL_REASONS`. It stays dismissed while it lasts, unless it
    worsens.
    """
    alert = _seen(turn.conn, alert_id, expected_version)
    why = states.check_dismissal(reason)
    detail = {"note": bounded(note)} if note else None
    done = _answered(alert, "dismiss", {"snoozed_until": None, **_by(turn, alert)}, why, detail)
    return Change("dismiss", alert, (*done.steps, GiveVerdict(alert, OF_DISMISSAL[why], audited=True)))


def resolve(
    turn: Turn,
    alert_id: str,
    reason: str = "",
    expected_version: int | None = None,
    verdict: str | None = None,
) -> Change:
    """The story is over; `verdict` says what it was. Raises `Conflict` while an escalation of the alert is still open with PR
    or Legal.
    """
    alert = _seen(turn.conn, alert_id, expected_version)
    _refuse_open_escalations(turn.conn, alert)
    values = {"live": None, "resolved_at": turn.now, "snoozed_until": None, **_by(turn, alert)}
    if verdict is None:
        return _answered(alert, "resolve", values, reason or None)
    said = {"verdict": check_verdict(verdict)}
    done = _answered(alert, "resolve", values, reason or None, said)
    return Change("resolve", alert, (*done.steps, GiveVerdict(alert, verdict)))


def give_verdict(turn: Turn, alert_id: str, verdict: str) -> Change:
    """Say what the alert was, at any time: one of `alerts.verdicts.VERDICTS`. It takes the place of an earlier verdict."""
    alert = get(turn.conn, alert_id)
    line = WriteNote(alert, "", "verdict", {"verdict": check_verdict(verdict)})
    return Change("verdict", alert, (line, GiveVerdict(alert, verdict)))


def reopen(turn: Turn, alert_id: str, reason: str = "", expected_version: int | None = None) -> Change:
    """The story is not over after all: the alert fires again from the first step. Raises `Conflict` where a newer alert
    tells it.
    """
    alert = _seen(turn.conn, alert_id, expected_version)
    newer = live(turn.conn, alert.fingerprint)
    if newer is not None and newer.id != alert.id:
        raise Conflict(Sentence("{id} tells this story now; work on that one", id=newer.id))
    values = reopened_values(alert, alert.severity, turn.now)
    return Change("reopened", alert, (Move(alert, "reopen", values, reason or None),))


def escalate(
    turn: Turn, alert_id: str, team: str, reason: str, expected_version: int | None = None
) -> Change:
    """Hand the alert to PR, Legal or both (`team` pr | legal | both): an escalation with clocks by severity, and a page."""
    alert = _seen(turn.conn, alert_id, expected_version)
    if not reason.strip():
        raise WrongInput(Sentence("an escalation needs a reason: what should PR or Legal know?"))
    check_team(turn.conn, alert, team)
    values = {"snoozed_until": None, **_by(turn, alert)}
    handed = _answered(alert, "escalate", values, reason, {"team": team})
    return Change("escalated", alert, (*handed.steps, BeginEscalation(alert, team, reason)))


def merge(turn: Turn, alert_id: str, into: str, expected_version: int | None = None) -> Change:
    """The alert tells the same story as the open alert `into`, which goes on telling it."""
    alert = _seen(turn.conn, alert_id, expected_version)
    other = get(turn.conn, into)
    if other.id == alert.id:
        raise WrongInput(Sentence("an alert cannot be merged into itself"))
    if not alert.is_open:
        raise IllegalTransition(
            Sentence(
                "{id} is over ({status}): there is nothing left to merge",
                id=alert.id,
                status=spoken(alert.status),
            )
        )
    if not other.is_open or other.status in (states.MERGED, states.CANDIDATE, states.SUPPRESSED):
        raise IllegalTransition(
            Sentence(
                "{id} is {status}: merge into an alert that is open and tells its own story",
                id=other.id,
                status=spoken(other.status),
            )
        )
    values = {"merged_into": other.id, "snoozed_until": None, **_by(turn, alert)}
    return _answered(alert, "merge", values, f"merged by {turn.actor.name}")


def note(turn: Turn, alert_id: str, text: str) -> Change:
    """Write a note in the timeline; nothing else changes."""
    alert = get(turn.conn, alert_id)
    if not text.strip():
        raise WrongInput(Sentence("a note needs words"))
    return Change("noted", alert, (WriteNote(alert, text),))


def tell(turn: Turn, monitor_id: str, action: str) -> Change:
    """A line in the timeline of each live alert of the monitor: somebody did something to the monitor. Nothing else changes."""
    lines = tuple(WriteNote(one, "", action) for one in live_of(turn.conn, monitor_id))
    return Change(action, None, lines)


def set_severity(
    turn: Turn, alert_id: str, severity: int, reason: str, expected_version: int | None = None
) -> Change:
    """Raise or lower the severity, with a reason. A rise asks the first step again unless somebody has it in hand.

    The engine does not undo a lowering: it raises again only beyond the severity that the person lowered from.
    """
    alert = _seen(turn.conn, alert_id, expected_version)
    if severity not in (1, 2, 3, 4):
        raise WrongInput(
            Sentence(
                "severity {severity}: choose 1 (crisis), 2 (escalate), 3 (review) or 4 (watch)",
                severity=repr(severity),
            )
        )
    if not reason.strip():
        raise WrongInput(Sentence("a change of severity needs a reason"))
    if severity == alert.severity:
        return Change("unchanged", alert)
    if severity > alert.severity:
        values = {"worsened_at": None, **_rings_less(turn, alert, severity)}
        return Change("lowered", alert, (_severity_moved(alert, "lower", severity, reason, values),))
    return Change("raised", alert, tuple(_raised(turn, alert, severity, reason)))


def _raised(turn: Turn, alert: Alert, severity: int, reason: str) -> list[Step]:
    values: dict[str, Any] = {"worsened_at": turn.now}
    if alert.status not in (states.FIRING, states.SNOOZED):
        steps: list[Step] = [_severity_moved(alert, "raise", severity, reason, values)]
        return [*steps, Tighten(alert)] if alert.status == states.ESCALATED else steps
    values |= {"step": 0, "next_step_at": None, "snoozed_until": None}
    why = Sentence("{who} raised it from SEV{n}", who=turn.actor.name, n=alert.severity)
    due = next_due(alert.the_policy, severity, 0, turn.now, turn.now, zone_of(turn, alert))
    return [
        TakeBack(alert),
        _severity_moved(alert, "raise", severity, reason, values),
        Page(alert, "worsened", (reason,), why),
        Move(alert, "step", {"step": 1, "next_step_at": due}),
    ]


def _rings_less(turn: Turn, alert: Alert, severity: int) -> dict[str, Any]:
    """A lowered alert that stands above its last rung rings at the milder pace from now on."""
    if alert.next_step_at is None or not climbed(alert.the_policy, severity, alert.step):
        return {}
    return {"next_step_at": rings_again(severity, turn.now, zone_of(turn, alert))}


def _severity_moved(alert: Alert, action: str, severity: int, reason: str, values: Mapping[str, Any]) -> Move:
    detail = {"from": alert.severity, "to": severity}
    return Move(alert, action, {"severity": severity, **values}, reason, detail)


def _seen(conn: Connection, alert_id: str, expected_version: int | None) -> Alert:
    alert = get(conn, alert_id)
    if expected_version is not None and expected_version != alert.version:
        raise Conflict(
            Sentence(
                "the alert {id} is at version {version}, you saw {seen}: read it again",
                id=alert.id,
                version=alert.version,
                seen=expected_version,
            )
        )
    return alert


def _answered(
    alert: Alert,
    action: str,
    values: Mapping[str, Any],
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Change:
    """The move, with everything that still waits to ask for an answer taken back."""
    settled = {"ack_expires_at": None, "next_step_at": None, **values}
    return Change(action, alert, (Move(alert, action, settled, reason, detail), TakeBack(alert)))


def _by(turn: Turn, alert: Alert) -> dict[str, Any]:
    """The person who answered, unless somebody had answered before."""
    if alert.acknowledged_at is not None:
        return {}
    return {"acknowledged_at": turn.now, "acknowledged_by": turn.actor.name}


def _refuse_open_escalations(conn: Connection, alert: Alert) -> None:
    still = [one.id for one in of_alert(conn, alert.id) if one.status not in escalation_states.ENDED]
    if still:
        raise Conflict(
            Sentence("{ids} is still open: close, reject or withdraw it first", ids=", ".join(still))
        )
