"""Telling people about an escalation: who, on which channels, in which words. Writes notices; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.alert import Alert
from alerts.directory import NOBODY, Someone, monitor_facts
from alerts.escalations.escalation import Escalation
from alerts.message import alert_message
from alerts.outbox import queue
from alerts.paging import situation, words_of
from alerts.suppression.order import BEFORE_A_PERSON, first
from alerts.turn import Turn
from alerts.words import Words


def page(
    turn: Turn, alert: Alert, escalation: Escalation, people: Sequence[Someone], kind: str, todo: str
) -> None:
    """Queue a notice for each of these people, at once or when their quiet hours end. Where there is nobody, a notice
    says so.
    """
    conn, now, directory = turn.conn, turn.now, turn.directory
    monitor = monitor_facts(conn, alert.monitor_id)
    for one in people or [NOBODY]:
        words = words_of(one, monitor.zone.key)
        at = situation(alert, directory, monitor, now, severity=escalation.severity, person=one.person)
        verdict = first(BEFORE_A_PERSON, at)
        message = alert_message(
            conn,
            alert,
            kind=kind,
            words=words,
            now=now,
            reasons=(),
            why_now=todo,
            todo=_clocks_line(escalation, words),
            link=f"{turn.base_url}/escalations/{escalation.id}",
        )
        queue.queue(
            conn,
            alert_id=alert.id,
            escalation_id=escalation.id,
            one=one,
            channels=queue.chosen_channels(one, escalation.severity),
            kind=kind,
            severity=escalation.severity,
            step=0,
            message=message,
            now=now,
            due_at=verdict.until if verdict and verdict.until else now,
        )


def _clocks_line(escalation: Escalation, words: Words) -> str:
    due = [
        words.say("{what} by {time}", what=words.say(name), time=words.clock(at))
        for name, at in escalation.clocks().items()
    ]
    if not due:
        return words.say("No clock runs.")
    return words.say("Due: {what} ({zone})", what=", ".join(due), zone=words.zone)
