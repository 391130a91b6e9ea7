"""What follows from the outcome of an attempt to send a notice. There are three outcomes:

- sent: the notice is done.
- failed: the notice is tried again after each of `retries.RETRIES` and then fails for good. The timeline gets a line, and the
  person's next channel gets the notice. Where there is no other channel, the next step of the policy is taken at once.
- unknown: where the channel honours our id, the notice is tried again under the same id. Elsewhere it is repeated once
  as a notice of its own, marked as a repeat, at SEV1 and SEV2 only. At milder severities it ends as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update

from alerts import record, states
from alerts.actor import ENGINE
from alerts.alert import Alert, find
from alerts.change import Move
from alerts.directory import Someone, someone
from alerts.ladder import ends_a_round
from alerts.message import OPEN_ALERT, Message, as_html
from alerts.notifiers.channels import target_of
from alerts.notifiers.port import Notice, Outcome
from alerts.outbox import outages, pauses, queue, reach
from alerts.outbox.queue import ATTEMPTING, CANCELLED, QUEUED, SENT, UNKNOWN
from alerts.outbox.retries import wait_before_next
from alerts.words import words_for
from tocsin.definitions.models import Person
from tocsin.definitions.repository import stored_definition
from tocsin.store import schema as s

REPEATED_FROM: Final = 2
"""The mildest severity at which a notice with an unknown outcome is repeated."""

MAX_DETAIL: Final = 500
_n = s.notices.c
# Made once: every attempt asks it.
_MINE = (
    select(s.notices)
    .where(_n.id == bindparam("id"), _n.status == ATTEMPTING, _n.attempts == bindparam("attempt"))
    .with_for_update()
)


def finish(conn: Connection, notice: Notice, outcome: Outcome, now: datetime, *, honours_id: bool) -> str:
    """Write down how an attempt ended and what follows from it; returns the notice's status.

    Writes nothing when another worker has ended this attempt in the meantime.
    """
    row = conn.execute(_MINE, {"id": notice.id, "attempt": notice.attempt}).one_or_none()
    if row is None:
        return "somebody else's"
    detail = " ".join(outcome.detail.split())[:MAX_DETAIL]
    receipt = {"notice_id": notice.id, "attempt": notice.attempt, "at": now, "outcome": outcome.status}
    conn.execute(insert(s.receipts), receipt | {"detail": detail})
    if outcome.pause is not None:
        pauses.begin(conn, pauses.receiver_of(row.channel, row.target), outcome.pause, now)
    again = wait_before_next(conn, notice, outcome, now, honours_id=honours_id)
    alert = find(conn, notice.alert_id)
    if again is not None and not _moot(notice, alert):
        _set(conn, notice.id, status=QUEUED, due_at=now + again, attempting_at=None)
        return QUEUED
    if again is not None:
        _set(conn, notice.id, status=CANCELLED, ended_at=now)
        return CANCELLED
    if outcome.status != SENT and row.ended_at is not None:
        # The channel was tried, and is still away: that this notice failed is on record already.
        _set(conn, notice.id, status=outcome.status)
        return outcome.status
    _set(conn, notice.id, status=outcome.status, ended_at=now)
    _learn_of_the_channel(conn, row, outcome, now)
    if outcome.status == SENT or alert is None:
        return outcome.status
    what = {"person": notice.person, "channel": notice.channel, "notice": notice.id, "detail": detail}
    record.entry(conn, alert, f"notice_{outcome.status}", ENGINE, now, detail=what)
    if not _moot(notice, alert):
        # Where the channel honours our id, the notice was repeated under it already; a new id would ring twice.
        repeats = not honours_id and notice.severity <= REPEATED_FROM and notice.repeat_of is None
        if outcome.status == UNKNOWN and repeats:
            _repeat(conn, row, now)
        else:
            _other_way(conn, row, alert, now)
    return outcome.status


def _learn_of_the_channel(conn: Connection, row: Row[Any], outcome: Outcome, now: datetime) -> None:
    """A notice that got through shows that its channel works. One that ended otherwise shows that the channel is away. A
    target that can never work (a wrong address) says nothing of the channel, and a test page asks nobody.
    """
    if outcome.status == SENT:
        outages.works(conn, row.channel, row.target, now)
        pauses.end(conn, pauses.receiver_of(row.channel, row.target))
    elif row.kind in queue.ASKING and not outcome.for_good:
        outages.begin(conn, row.channel, row.target, now)


def _moot(notice: Notice, alert: Alert | None) -> bool:
    """Whether the notice asks for an answer that somebody has given in the meantime."""
    asks = notice.kind in queue.ASKING and notice.escalation_id is None
    if not asks or alert is None or alert.status == states.FIRING:
        return False
    return not (alert.status == states.ESCALATED and notice.kind == "worsened")


def _repeat(conn: Connection, row: Row[Any], now: datetime) -> None:
    one = receiver(conn, row)
    words = words_for(one.language, one.person.timezone)
    repeat = words.say("Repeat: it is not known whether you got this.")
    text, link = f"{repeat}\n{row.body['text']}", str(row.body["facts"]["link"])
    html = as_html(text, link, words.say(OPEN_ALERT), words.language.code)
    body = dict(row.body) | {"text": text, "html": html}
    channels = [channel for channel in one.paged_on if channel.kind == row.channel][:1]
    queue.queue(
        conn,
        alert_id=row.alert_id,
        escalation_id=row.escalation_id,
        one=one,
        channels=channels,
        kind="repeat",
        severity=row.severity,
        step=row.step,
        message=Message(words.say("Repeat: {subject}", subject=row.subject), body),
        now=now,
        due_at=now,
        repeat_of=row.id,
    )


def _other_way(conn: Connection, row: Row[Any], alert: Alert, now: datetime) -> None:
    """Send the notice on the person's next channel. Where there is none, the person could not be reached, and the next
    person of the round is asked at once.
    """
    one = receiver(conn, row)
    used = _used(conn, row)
    left = [c for c in one.paged_on if outages.key_of(c.kind, target_of(one.person, c)) not in used][:1]
    if left:
        queue.queue(
            conn,
            alert_id=row.alert_id,
            escalation_id=row.escalation_id,
            one=one,
            channels=left,
            kind=row.kind,
            severity=row.severity,
            step=row.step,
            message=Message(row.subject, row.body),
            now=now,
            due_at=now,
        )
        return
    if _hopeful(conn, row, _n.person_id == row.person_id):
        return
    record.entry(conn, alert, "unreached", ENGINE, now, detail={"person": row.person})
    if row.escalation_id is None and row.kind in queue.ASKING and not _hopeful(conn, row):
        _hurry(conn, row, alert, now)


def _hurry(conn: Connection, row: Row[Any], alert: Alert, now: datetime) -> None:
    """Take the next step of the round at once. After the last one nobody is left to ask, and the alert keeps its pace."""
    waits = alert.status == states.FIRING and alert.next_step_at is not None and alert.next_step_at > now
    if waits and not ends_a_round(alert.the_policy, alert.severity, alert.step):
        detail = {"because": f"{row.person} could not be reached"}
        hurry = Move(alert, "hurry", {"next_step_at": now}, detail=detail)
        record.move(conn, hurry, alert, ENGINE, now)


def _same_ask(conn: Connection, row: Row[Any]) -> Sequence[ColumnElement[bool]]:
    """The notices of the same asking: of the same step since it was taken, or of the same escalation."""
    kinds = queue.ASKING if row.kind in queue.ASKING else (row.kind,)
    same = (_n.alert_id == row.alert_id, _n.kind.in_(kinds))
    if row.escalation_id is not None:
        return *same, _n.escalation_id == row.escalation_id
    began = reach.asked_at(conn, row.alert_id, row.created_at)
    here = (*same, _n.escalation_id.is_(None), _n.step == row.step)
    return here if began is None else (*here, _n.created_at >= began)


def _used(conn: Connection, row: Row[Any]) -> set[str]:
    """The channels on which this person was asked."""
    query = select(_n.channel, _n.target).where(*_same_ask(conn, row), _n.person_id == row.person_id)
    return {outages.key_of(one.channel, one.target) for one in conn.execute(query)}


def _hopeful(conn: Connection, row: Row[Any], *whom: ColumnElement[bool]) -> bool:
    """Whether the same asking has reached somebody (of `whom`), or may still do so."""
    # "Not in", so that the engine looks for the alert and not for every notice that was ever sent.
    ended = _n.status.not_in((*queue.LOST, CANCELLED))
    found = select(_n.id).where(*_same_ask(conn, row), *whom, ended).limit(1)
    return conn.execute(found).first() is not None


def receiver(conn: Connection, row: Row[Any]) -> Someone:
    """The person of a notice as defined now. A person who is no longer defined keeps the channel of the notice."""
    found = stored_definition(conn, "person", row.person_id)
    if found is None:
        channel = {"kind": row.channel, **row.target}
        person = Person.model_validate({"name": row.person, "channels": [channel]}, context={"stored": True})
        return Someone(row.person_id, person)
    return someone(conn, row.person_id, Person.model_validate(found.body, context={"stored": True}))


def _set(conn: Connection, notice_id: str, **values: Any) -> None:
    conn.execute(update(s.notices).where(_n.id == notice_id).values(**values))
