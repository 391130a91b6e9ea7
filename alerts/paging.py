"""Telling people: who, on which channels, when, in which words. This module writes notices and sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts import record
from alerts.actor import ENGINE
from alerts.alert import Alert
from alerts.directory import NOBODY, Directory, MonitorFacts, Someone, monitor_facts
from alerts.ladder import rung
from alerts.message import alert_message
from alerts.outbox import queue
from alerts.suppression.order import BEFORE_A_PERSON, BEFORE_A_STEP, first
from alerts.suppression.situation import Situation, Verdict
from alerts.turn import Turn
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Person

TOLD_FROM = 2
"""The mildest severity at which a policy's `heads_up` list is told."""


def page(
    turn: Turn,
    alert: Alert,
    people: Sequence[Someone],
    kind: str,
    *,
    reasons: Sequence[str] = (),
    why_now: str = "",
    todo: str = "",
) -> list[str]:
    """Queue a notice for each of these people, at once or when their quiet hours end; returns the notices' ids."""
    conn, now, directory = turn.conn, turn.now, turn.directory
    monitor = monitor_facts(conn, alert.monitor_id)
    ids: list[str] = []
    for one in people:
        verdict = first(BEFORE_A_PERSON, situation(alert, directory, monitor, now, person=one.person))
        message = alert_message(
            conn,
            alert,
            kind=kind,
            zone=one.person.timezone if one is not NOBODY else monitor.zone.key,
            now=now,
            reasons=reasons,
            link=f"{turn.base_url}/alerts/{alert.id}",
            why_now=why_now,
            todo=todo,
        )
        queued = queue.queue(
            conn,
            alert_id=alert.id,
            one=one,
            channels=queue.chosen_channels(one, alert.severity),
            kind=queue.BLIND if SIGNAL_KINDS.of(alert.kind).unheard and kind == "page" else kind,
            severity=alert.severity,
            step=alert.step,
            message=message,
            now=now,
            due_at=verdict.until if verdict and verdict.until else now,
        )
        detail = {
            "person": one.name,
            "channels": [c.kind for c in queue.chosen_channels(one, alert.severity)],
        }
        record.entry(
            conn,
            alert,
            f"notice_{kind}",
            ENGINE,
            now,
            reason=verdict.reason if verdict else None,
            detail=detail,
        )
        ids += queued
    return ids


def page_rung(turn: Turn, alert: Alert, kind: str, reasons: Sequence[str], why_now: str = "") -> list[str]:
    """Page the people on the alert's present rung."""
    found = rung(alert.the_policy, alert.severity, alert.step)
    people = turn.directory.reach(found.targets if found else (), turn.now)
    return page(turn, alert, people, kind, reasons=reasons, why_now=why_now)


def tell_heads_up(turn: Turn, alert: Alert, reasons: Sequence[str]) -> None:
    """Tell the people whom the policy wants told of SEV1 and SEV2. Nothing is asked of them."""
    targets = alert.the_policy.heads_up
    if alert.severity <= TOLD_FROM and targets:
        directory = turn.directory
        people = [one for target in targets for one in directory.resolve(target, turn.now)]
        todo = "For your information: others are asked to act."
        page(turn, alert, people, "told", reasons=reasons, todo=todo)


def waiting(turn: Turn, alert: Alert) -> Verdict | None:
    """The reason why a step that is due now has to wait. None: the step may go ahead."""
    monitor = monitor_facts(turn.conn, alert.monitor_id)
    return first(BEFORE_A_STEP, situation(alert, turn.directory, monitor, turn.now))


def situation(
    alert: Alert,
    directory: Directory,
    monitor: MonitorFacts,
    now: datetime,
    *,
    severity: int | None = None,
    rival: str | None = None,
    person: Person | None = None,
) -> Situation:
    """The alert as suppression rules see it."""
    mine = (None, alert.monitor, alert.monitor_id, monitor.name)
    return Situation(
        now=now,
        severity=alert.severity if severity is None else severity,
        kind=alert.kind,
        facts=alert.the_facts,
        zone=monitor.zone,
        policy=alert.the_policy,
        silences=[one for one in directory.silences if one.monitor in mine],
        events=[one for one in directory.events if one.monitor in mine],
        rival=rival,
        person=person,
    )
