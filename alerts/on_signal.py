"""The effect of a signal on its alert: open, update, worsen, calm, reopen, merge. Each fingerprint has one live alert
at most.

Everything here decides: each function reads the store and returns a `Change`, which `alerts.apply` carries out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select

from alerts import states
from alerts.alert import Alert, exists, get, lately_resolved, live
from alerts.change import NOTHING, Change, HeadsUp, Move, Open, Page, Step, TakeBack, Tighten, Waiting
from alerts.directory import monitor_facts
from alerts.ladder import first_due, next_due, rung
from alerts.outbox import queue
from alerts.paging import situation, waiting
from alerts.severity import Decision, severity, worsening
from alerts.suppression.order import BEFORE_FIRING, EXPLAINS, first
from alerts.turn import Turn
from tocsin.core.ids import stable_id
from tocsin.core.promise import threshold
from tocsin.core.sentences import Sentence
from tocsin.core.signal import facts_from
from tocsin.core.signal import fingerprint as fingerprint_of
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

REOPEN_WITHIN: Final = timedelta(hours=6)
"""A story that comes back sooner is the same story. Later it is a new alert."""

MILDEST: Final = 4
SET_ASIDE: Final = "set_aside"
COPIES: Final = "copies of one text, set aside"
AUTOMATED: Final = "posts of accounts that look automated, set aside"
REPOSTS: Final = "reposts of a few posts, counted as fewer voices"
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


def decide(turn: Turn, signal: Row[Any]) -> Change:
    """The change that one signal row makes to its alert."""
    alert = live(turn.conn, signal.fingerprint)
    if signal.state == SET_ASIDE:
        told = alert is not None and alert.calmed_at is None
        return NOTHING if told else _set_aside(turn, signal)
    if signal.state == "calm":
        return _calm(turn, alert, signal) if alert else NOTHING
    if alert is None:
        return _begin(turn, signal)
    if _is_old(turn, alert):
        opened = _open(turn, signal)
        return replace(opened, steps=(*_supersede(turn, alert), *opened.steps))
    if alert.status in (states.CANDIDATE, states.SUPPRESSED):
        return _try_to_fire(turn, alert, signal)
    if alert.status == states.MERGED:
        return _merged(turn, alert, signal)
    return _goes_on(turn, alert, signal)


def judge(conn: Connection, alert: Alert, signal: Row[Any]) -> Decision:
    """The severity after this signal: never milder than the alert's, and never back above a level that a person has lowered."""
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


def _begin(turn: Turn, signal: Row[Any]) -> Change:
    before = lately_resolved(turn.conn, signal.fingerprint, turn.now, REOPEN_WITHIN)
    if before is None:
        return _open(turn, signal)
    if severity(facts_from(signal.facts), clearly_over=_clearly_over(turn.conn, signal)).severity is None:
        return NOTHING
    return _reopen(turn, before, signal)


def _open(turn: Turn, signal: Row[Any]) -> Change:
    alert = _candidate(turn, signal)
    tried = _try_to_fire(turn, alert, signal, new=True)
    return Change(tried.became, alert, (Open(alert), *tried.steps))


def _set_aside(turn: Turn, signal: Row[Any]) -> Change:
    """Copies of one text, accounts that look automated, or reposts alone made the signal: its alert wakes nobody, but people can
    see and count it.
    """
    # The alert holds no fingerprint: an older alert that has calmed may still hold it, and must not hide this one.
    alert = replace(_candidate(turn, signal), live=None)
    suppressed = Move(alert, "suppress", {"resolved_at": turn.now}, reason=_why_aside(alert))
    return Change("suppressed", alert, (Open(alert), suppressed))


def _why_aside(alert: Alert) -> str:
    evidence = alert.readable_evidence
    if evidence is None:
        return COPIES
    if evidence.reposts_aside > evidence.copies:
        return REPOSTS
    return AUTOMATED if 2 * evidence.automated_aside > evidence.copies else COPIES


def _candidate(turn: Turn, signal: Row[Any]) -> Alert:
    """A new alert, before any decision about it."""
    monitor = monitor_facts(turn.conn, signal.monitor_id)
    policy = turn.directory.policy(monitor.policy)
    return Alert(
        id=_id(turn.conn, signal),
        fingerprint=signal.fingerprint,
        live=signal.fingerprint,
        monitor_id=signal.monitor_id,
        monitor=monitor.name,
        kind=signal.kind,
        status=states.CANDIDATE,
        severity=MILDEST,
        reason=None,
        opened_at=turn.now,
        updated_at=turn.now,
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


def _id(conn: Connection, signal: Row[Any]) -> str:
    """The id of the alert that the signal opens. Where one tick opens a second alert of a story, that one is named after its
    signal: copies in the window that closed, say, and a crisis in the next.
    """
    of_story = stable_id("al", signal.fingerprint, signal.tick.isoformat())
    return stable_id("al", signal.id) if exists(conn, of_story) else of_story


def _try_to_fire(turn: Turn, alert: Alert, signal: Row[Any], new: bool = False) -> Change:
    """A candidate, or an alert that was kept back, fires unless a suppression stands in the way."""
    decision = judge(turn.conn, alert, signal)
    figures = _figures(alert, signal)
    if decision.severity is None or (alert.status == states.SUPPRESSED and not decision.reasons):
        return Change("candidate", alert, () if new else (Move(alert, "update", figures),))
    update = Move(alert, "update", {**figures, "severity": decision.severity})
    judged = update.outcome(turn.now)
    rival = _rival(turn, alert)
    monitor = monitor_facts(turn.conn, alert.monitor_id)
    at = situation(judged, turn.directory, monitor, turn.now, rival=rival.id if rival else None)
    verdict = first(BEFORE_FIRING, at)
    if verdict is None:
        return Change("fired", alert, (update, *_fire(turn, judged, signal, decision)))
    if verdict.action == "lower":
        low = Move(alert, "update", {**figures, "severity": MILDEST})
        lowered = Decision(MILDEST, (verdict.reason, *decision.reasons))
        return Change("fired", alert, (low, *_fire(turn, low.outcome(turn.now), signal, lowered)))
    if verdict.action == "merge" and rival is not None:
        merge = Move(judged, "merge", {"merged_into": rival.id}, reason=verdict.reason)
        shared = _share(turn, merge.outcome(turn.now), rival, decision)
        return Change("merged", alert, (update, merge, *shared))
    if judged.reason == verdict.reason and judged.status == states.SUPPRESSED:
        return Change("suppressed", alert, (update,))
    return Change("suppressed", alert, (update, Move(judged, "suppress", reason=verdict.reason)))


def _explained(turn: Turn, alert: Alert, signal: Row[Any]) -> bool:
    """Whether an event or a holiday explains all that this signal says: then the alert does not rise."""
    now = Move(alert, "update", _figures(alert, signal)).outcome(turn.now)
    at = situation(now, turn.directory, monitor_facts(turn.conn, alert.monitor_id), turn.now)
    return first(EXPLAINS, at) is not None


def _fire(turn: Turn, alert: Alert, signal: Row[Any], decision: Decision) -> list[Step]:
    """The alert fires. Where it absorbs an alert that is as bad, that one has asked people already: the ladder goes on
    where it stands, and an answer to that alert counts for this one.
    """
    told = _told_before(turn, alert)
    fire = Move(
        alert,
        "fire",
        {
            "next_step_at": told.moved_back(turn.now).get("next_step_at", told.next_step_at)
            if told and told.step
            else first_due(alert.the_policy, alert.severity, turn.now),
            "step": told.step if told else 0,
            "worsened_at": signal.tick if alert.severity <= 2 else alert.worsened_at,
        },
        reason="; ".join(decision.reasons),
    )
    fired = fire.outcome(turn.now)
    steps: list[Step] = [fire]
    if told is None:
        steps.append(HeadsUp(fired, decision.reasons))
    elif told.status in ANSWERED:
        answer = {name: getattr(told, name) for name in UNANSWERED} | {"next_step_at": None}
        why = f"{told.acknowledged_by or 'somebody'} had answered {told.id}"
        steps.append(Move(fired, ANSWERED[told.status], answer, reason=why))
    return steps + _absorb(turn, fired)


def _absorbable(turn: Turn, alert: Alert) -> list[Alert]:
    """The live alerts of the same monitor whose story this alert tells as well. One that calmed long ago told another story: it
    stays until a person has looked.
    """
    kinds = SIGNAL_KINDS.absorbed_into(alert.kind)
    found = (live(turn.conn, fingerprint_of(alert.monitor_id, one.kind)) for one in kinds)
    return [other for other in found if other is not None and not _is_old(turn, other)]


def _told_before(turn: Turn, alert: Alert) -> Alert | None:
    """The alert that this one is about to absorb, if it has fired, lasts, was as bad, and people know of it."""
    for other in _absorbable(turn, alert):
        fired = other.status in (states.FIRING, *ANSWERED) and other.calmed_at is None
        if not fired or other.severity > alert.severity:
            continue
        if other.status in ANSWERED or queue.reached(turn.conn, other.id):
            return other
    return None


def _absorb(turn: Turn, alert: Alert) -> list[Step]:
    """The alert visibly absorbs the alerts whose story it tells."""
    steps: list[Step] = []
    for other in _absorbable(turn, alert):
        if other.status in ABSORBED:
            values = {
                "merged_into": alert.id,
                "next_step_at": None,
                "ack_expires_at": None,
                "snoozed_until": None,
            }
            why = f"the {alert.kind} alert of the same monitor tells this story"
            steps += [TakeBack(other), Move(other, "merge", values, reason=why)]
    return steps


def _goes_on(turn: Turn, alert: Alert, signal: Row[Any]) -> Change:
    decision = judge(turn.conn, alert, signal)
    rises = decision.severity is not None and decision.severity < alert.severity
    if rises and not _explained(turn, alert, signal):
        figures = _figures(alert, signal, worsened=True)
        risen = worsen(turn, alert, decision, figures=figures, over=_over_by_now(turn.conn, signal))
        return Change("worsened", alert, tuple(risen))
    figures = _figures(alert, signal)
    if alert.calmed_at is None:
        return Change("updated", alert, (Move(alert, "update", figures),))
    return Change("recurred", alert, (Move(alert, "recur", {**figures, **_resumed(turn, alert)}),))


def worsen(
    turn: Turn,
    alert: Alert,
    decision: Decision,
    why: str = "",
    figures: Mapping[str, Any] | None = None,
    over: bool = False,
) -> list[Step]:
    """The severity rises: people who have the alert in hand are asked again, snoozes and dismissals break, the ladder
    begins anew.

    `over`: the story has calmed by now, so this rise pages nobody. The ladder pages if the story goes on all the same; an
    escalated alert has no ladder, and pages.
    """
    assert decision.severity is not None
    escalated = alert.status == states.ESCALATED
    values: dict[str, Any] = {
        **(figures or {}),
        "severity": decision.severity,
        "calmed_at": None,
        "step": 0,
    }
    if not escalated:
        values |= {**UNANSWERED, "next_step_at": turn.now}
    reasons = decision.reasons
    worse = Move(
        alert,
        "worsen",
        values,
        reason="; ".join((why, *reasons) if why else reasons),
        detail={"from": alert.severity, "to": decision.severity},
    )
    risen = worse.outcome(turn.now)
    steps: list[Step] = [TakeBack(alert), worse]
    if waiting(turn, risen) is None and (escalated or not over):
        rise = Sentence(
            "Worse: rose from SEV{before} to SEV{now}", before=alert.severity, now=decision.severity
        )
        steps.append(Page(risen, "worsened", reasons, rise))
        if not escalated:
            due = next_due(risen.the_policy, risen.severity, 0, turn.now, turn.now, zone_of(turn, risen))
            steps.append(Move(risen, "step", {"step": 1, "next_step_at": due}))
    steps.append(HeadsUp(risen, reasons))
    if escalated:
        steps.append(Tighten(risen))
    return steps


def _over_by_now(conn: Connection, signal: Row[Any]) -> bool:
    """Whether the newest signal of this story that waits is its calm: the story rose and calmed while the engine was away."""
    signals = s.signals.c
    newest = (signals.tick.desc(), signals.window_end.desc(), signals.id.desc())
    of_story = select(signals.state).where(
        signals.fingerprint == signal.fingerprint, signals.handled_at.is_(None)
    )
    return conn.scalar(of_story.order_by(*newest).limit(1)) == "calm"


def zone_of(turn: Turn, alert: Alert) -> ZoneInfo:
    """The zone by whose mornings the alert rings: its monitor's."""
    return monitor_facts(turn.conn, alert.monitor_id).zone


def _merged(turn: Turn, alert: Alert, signal: Row[Any]) -> Change:
    """A merged alert goes on: it parts from an alert that has ended, and may raise one that lasts."""
    decision = judge(turn.conn, alert, signal)
    parent = get(turn.conn, alert.merged_into or "")
    level = decision.severity or alert.severity
    figures = {**_figures(alert, signal), "calmed_at": None}
    if not parent.is_open and decision.reasons:
        values = {
            **figures,
            "severity": level,
            "merged_into": None,
            "step": 0,
            "next_step_at": first_due(alert.the_policy, level, turn.now),
        }
        part = Move(alert, "part", values, reason=f"{parent.id} has ended, this goes on")
        return Change("fired", alert, (part, HeadsUp(part.outcome(turn.now), decision.reasons)))
    worse = level < alert.severity
    moved = Move(alert, "worsen", {**figures, "severity": level}) if worse else Move(alert, "update", figures)
    shared = _share(turn, moved.outcome(turn.now), parent, decision)
    return Change("updated", alert, (moved, *shared))


def _share(turn: Turn, merged: Alert, parent: Alert, decision: Decision) -> list[Step]:
    """A merged alert may raise the alert that it was merged into."""
    if not parent.is_open or merged.severity >= parent.severity or parent.status == states.MERGED:
        return []
    lowered_from = _lowered_from(turn.conn, parent)
    if lowered_from is not None and merged.severity >= lowered_from:
        return []
    worse = Decision(merged.severity, decision.reasons)
    return worsen(turn, parent, worse, why=Sentence("the merged {kind} alert rose", kind=merged.kind))


def _is_old(turn: Turn, alert: Alert) -> bool:
    """The alert calmed long ago and nobody answered it: what is said now is another story."""
    return (
        alert.calmed_unacknowledged
        and alert.calmed_at is not None
        and turn.now - alert.calmed_at > REOPEN_WITHIN
    )


def _rival(turn: Turn, alert: Alert) -> Alert | None:
    """The live alert of the same monitor that tells this one's story as well."""
    absorber = SIGNAL_KINDS.of(alert.kind).absorbed_by
    if absorber is None:
        return None
    other = live(turn.conn, fingerprint_of(alert.monitor_id, absorber))
    return other if other and other.status in TELLS_ALREADY and not _is_old(turn, other) else None


def _reopen(turn: Turn, before: Alert, signal: Row[Any]) -> Change:
    decision = judge(turn.conn, before, signal)
    level = decision.severity or before.severity
    values = {**_figures(before, signal), **reopened_values(before, level, turn.now)}
    reopen = Move(before, "reopen", values, reason="; ".join(decision.reasons))
    return Change("reopened", before, (reopen, HeadsUp(reopen.outcome(turn.now), decision.reasons)))


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


def _supersede(turn: Turn, alert: Alert) -> tuple[Step, ...]:
    """The calmed alert ends. Its notices that were due and have not left are taken back: the new alert asks."""
    why = "calmed, never acknowledged; a new alert tells the new story"
    values = {"live": None, "resolved_at": turn.now, "next_step_at": None}
    return TakeBack(alert), Move(alert, "supersede", values, reason=why)


def _calm(turn: Turn, alert: Alert, signal: Row[Any]) -> Change:
    seen = {"score": signal.score, "last_signal_at": signal.tick, "worsened_at": None}
    if alert.status in (states.CANDIDATE, states.SUPPRESSED):
        why = alert.reason if alert.status == states.SUPPRESSED else "calmed before it fired"
        over = {"live": None, "resolved_at": turn.now, **seen}
        return Change("calmed", alert, (Move(alert, "calm", over, reason=why),))
    if alert.calmed_at is not None:
        return NOTHING
    calmed = Move(alert, "calm", {"calmed_at": turn.now, "next_step_at": None, **seen})
    return Change("calmed", alert, (TakeBack(alert, Waiting.LATER), calmed))


def _resumed(turn: Turn, alert: Alert) -> dict[str, Any]:
    """The values that go on when a calmed alert rises over its level again: the ladder where it stood, the
    acknowledgement's time.
    """
    values: dict[str, Any] = {"calmed_at": None}
    policy, now = alert.the_policy, turn.now
    if alert.status == states.FIRING:
        if alert.step == 0:
            values["next_step_at"] = now
        elif rung(policy, alert.severity, alert.step) is not None:
            zone = zone_of(turn, alert)
            values["next_step_at"] = next_due(policy, alert.severity, alert.step - 1, now, now, zone)
    if alert.status == states.ACKNOWLEDGED:
        values["ack_expires_at"] = now + timedelta(minutes=policy.acknowledge_expires_minutes)
    return values


def _figures(alert: Alert, signal: Row[Any], worsened: bool = False) -> dict[str, Any]:
    """The columns that every signal moves. A rise of severity begins the count of how long it has been worsening."""
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
    """The severity that a person last lowered this alert from. The engine does not undo that lowering."""
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
