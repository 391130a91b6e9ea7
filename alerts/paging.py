"""Telling people: who, on which channels, when, in which words. This module writes notices and sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from alerts import record
from alerts.actor import ENGINE
from alerts.alert import Alert
from alerts.change import Page, PageAgain
from alerts.directory import NOBODY, Directory, MonitorFacts, Someone, monitor_facts
from alerts.ladder import rung
from alerts.message import alert_message
from alerts.notifiers.channels import target_of
from alerts.outbox import outages, queue
from alerts.suppression.order import BEFORE_A_PERSON, BEFORE_A_STEP, first
from alerts.suppression.situation import Situation, Verdict
from alerts.turn import Turn
from alerts.words import Words, words_for
from tocsin.core.sentences import Sentence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Channel, Person

Channels = Callable[[Someone], Sequence[Channel]]
"""Chooses the channels on which a person is told."""

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
    again: Sequence[str] = (),
    step: int | None = None,
    channels: Channels | None = None,
) -> list[str]:
    """Queue a notice for each of these people, at once or when their quiet hours end; returns the notices' ids.

    A notice that asks for an answer replaces earlier ones to the same person that have not left yet. `step`: the rung's number
    (None: the one that the alert stands on). `channels` None: as the severity has it.
    """
    choose = channels or (lambda one: queue.chosen_channels(one, alert.severity))
    conn, now, directory = turn.conn, turn.now, turn.directory
    monitor = monitor_facts(conn, alert.monitor_id)
    message_in = partial(
        alert_message,
        conn,
        alert,
        kind=kind,
        now=now,
        reasons=reasons,
        link=f"{turn.base_url}/alerts/{alert.id}",
        why_now=why_now,
        todo=todo,
        again=again,
    )
    ids: list[str] = []
    for one in people:
        verdict = first(BEFORE_A_PERSON, situation(alert, directory, monitor, now, person=one.person))
        message = message_in(words=words_of(one, monitor.zone.key))
        chosen = choose(one)
        if kind in queue.ASKING:
            queue.cancel_older(conn, alert.id, one, chosen, now)
        ids += queue.queue(
            conn,
            alert_id=alert.id,
            one=one,
            channels=chosen,
            kind=queue.BLIND if SIGNAL_KINDS.of(alert.kind).unheard and kind == "page" else kind,
            severity=alert.severity,
            step=alert.step if step is None else step,
            message=message,
            now=now,
            due_at=verdict.until if verdict and verdict.until else now,
        )
        detail = {"person": one.name, "channels": [c.kind for c in chosen]}
        why = verdict.reason if verdict else None
        record.entry(conn, alert, f"notice_{kind}", ENGINE, now, reason=why, detail=detail)
    return ids


def words_of(one: Someone, zone: str) -> Words:
    """The words for this person. Where there is nobody, the clock is the monitor's (`zone`)."""
    return words_for(one.language, one.person.timezone) if one is not NOBODY else words_for(None, zone)


def page_rung(turn: Turn, alert: Alert, asked: Page) -> list[str]:
    """Page the people on a rung."""
    step = alert.step if asked.rung is None else asked.rung
    found = rung(alert.the_policy, alert.severity, step)
    every = found is not None and found.every_channel
    return page(
        turn,
        alert,
        turn.directory.reach(found.targets if found else (), turn.now),
        asked.kind,
        reasons=asked.reasons,
        why_now=asked.why_now,
        again=asked.again,
        step=step,
        channels=lambda one: queue.chosen_channels(one, alert.severity, every),
    )


def page_again(turn: Turn, alert: Alert, asked: PageAgain) -> list[str]:
    """Page people on a channel that works again, and on no other."""
    known = (turn.directory.people.get(name) for name in asked.people)
    reachable = [one for one in known if one is not None and one.person.active and _on(one, asked.channel)]
    return page(
        turn,
        alert,
        reachable,
        "page",
        reasons=asked.reasons,
        again=asked.again,
        # The rung that was taken last: its round has reached somebody, and counts.
        step=max(0, alert.step - 1),
        channels=lambda one: _on(one, asked.channel),
    )


def _on(one: Someone, key: str) -> list[Channel]:
    """The person's channels that belong to this outage."""
    return [c for c in one.paged_on if outages.key_of(c.kind, target_of(one.person, c)) == key]


def tell_heads_up(turn: Turn, alert: Alert, reasons: Sequence[str]) -> None:
    """Tell the people whom the policy wants told of SEV1 and SEV2. Nothing is asked of them."""
    targets = alert.the_policy.heads_up
    if alert.severity <= TOLD_FROM and targets:
        directory = turn.directory
        people = [one for target in targets for one in directory.resolve(target, turn.now)]
        told = Sentence("For your information: others are asked to act.")
        nothing = Sentence("Nothing is asked of you.")
        page(turn, alert, people, "told", reasons=reasons, why_now=told, todo=nothing)


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
        countries=monitor.countries,
        rival=rival,
        person=person,
    )
