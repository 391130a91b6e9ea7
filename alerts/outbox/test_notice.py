"""A test page: one notice on each of a person's channels, through the real outbox and the real notifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from alerts.directory import Someone, someone
from alerts.message import OPEN_PAGE, Message, plain_message
from alerts.notifiers.port import Notifier
from alerts.outbox import queue
from alerts.outbox.deliver import deliver_due
from alerts.words import words_for
from tocsin.core.clock import Clock
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import find
from tocsin.store import schema as s
from tocsin.store.port import Store

TEST = "test"


@dataclass(frozen=True, slots=True)
class Rang:
    """The end of the test page on one channel: the outcome as in `alerts.notifiers.port.Outcome`, and the receipt's words."""

    channel: str
    outcome: str
    detail: str


def test_message(one: Someone, base_url: str, now: datetime, code: str | None = None) -> Message:
    """The test page, in the person's language. With a `code`, which they type on their own page to prove the channel."""
    words = words_for(one.language, one.person.timezone)
    lines = [
        *(
            [words.say("Your code: {code}. Type it on your own page; it is good for ten minutes.", code=code)]
            if code
            else []
        ),
        words.say("For {name}, sent {time} ({zone}).", name=one.name, time=words.clock(now), zone=words.zone),
        words.say("Nothing has happened: somebody wanted to know whether this rings."),
    ]
    subject = words.say("TEST: this is how Tocsin pages you")
    return plain_message(
        f"{subject}: {code}" if code else subject,
        lines,
        f"{base_url}/me",
        {"notice_kind": TEST},
        button=words.say(OPEN_PAGE),
        language=words.language.code,
    )


def queue_test(
    conn: Connection,
    one: Someone,
    channels: Sequence[Channel],
    base_url: str,
    now: datetime,
    code: str | None = None,
) -> list[str]:
    """Queue a test page on these channels of the person, as a crisis would, with a code where one is given. Returns the ids of
    its notices.
    """
    return queue.queue(
        conn,
        alert_id=TEST,
        one=one,
        channels=channels,
        kind=TEST,
        severity=queue.CRISIS,
        step=0,
        message=test_message(one, base_url, now, code),
        now=now,
        due_at=now,
    )


def page_once(
    store: Store, clock: Clock, notifiers: Mapping[str, Notifier], name: str, base_url: str
) -> list[Rang]:
    """Page the person named `name` (or with this id) once on every channel and wait for the receipts.

    A failed test is not tried again. Raises `NotFound` for nobody of that name.
    """
    now = clock.now()
    with store.write() as conn:
        defined = find(conn, Person, name)
        one = someone(conn, defined.id, defined.value)
        ids = queue_test(conn, one, one.channels, base_url, now)
    return deliver_once(store, clock, notifiers, ids)


def deliver_once(
    store: Store, clock: Clock, notifiers: Mapping[str, Notifier], ids: Sequence[str]
) -> list[Rang]:
    """Send these notices now and say how each ended. A test notice that fails is not tried again."""
    deliver_due(store, clock, notifiers, "notify test", only=ids, parallel=len(ids))
    n, r = s.notices.c, s.receipts.c
    with store.write() as conn:
        conn.execute(
            update(s.notices)
            .where(n.id.in_(ids), n.status == queue.QUEUED)
            .values(status=queue.CANCELLED, ended_at=clock.now())
        )
        found = conn.execute(
            select(n.id, n.channel, r.outcome, r.detail)
            .outerjoin_from(s.notices, s.receipts, r.notice_id == n.id)
            .where(n.id.in_(ids))
            .order_by(r.attempt)
        ).all()
    by_id = {
        row.id: Rang(row.channel, row.outcome or "unknown", row.detail or "another worker has it")
        for row in found
    }
    return [by_id[notice_id] for notice_id in ids]
