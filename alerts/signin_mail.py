"""The mail that lets a person in who asked for a link on the page.

The notice holds no token: the outbox makes the link when the mail leaves (`alerts.personal`). The answer does not tell the
asker which people are known here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from alerts.directory import Someone, someone
from alerts.message import Message, plain_message
from alerts.notifiers.channels import target_of
from alerts.notifiers.registry import BY_ADDRESS
from alerts.outbox import queue
from alerts.words import words_for
from tocsin.access.links import SIGNIN_TTL
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import listed

A_PERSON: Final = (3, SIGNIN_TTL)
"""At most so many mails to one person in such a time."""

EVERYBODY: Final = (60, timedelta(hours=1))
"""At most so many mails to all."""


def mail_links(conn: Connection, address: str, base_url: str, now: datetime) -> list[str]:
    """Queue a sign-in mail for each active person with this address. Returns the notices' ids; none for a stranger, and none
    beyond the limits.
    """
    wanted = address.strip().casefold()
    queued: list[str] = []
    for one in listed(conn, Person):
        to = _addresses(one.value).get(wanted) if one.value.active else None
        if to is not None and _may_have_another(conn, one.id, now):
            queued += _queue(conn, someone(conn, one.id, one.value), to, base_url, now)
    return queued


def _addresses(person: Person) -> dict[str, str]:
    """The addresses at which this person is reached by mail, by how they read when folded."""
    mails = (channel for channel in person.channels if channel.kind == BY_ADDRESS)
    found = [person.email, *(target_of(person, channel).get("to") for channel in mails)]
    return {one.strip().casefold(): one for one in found if isinstance(one, str)}


def _may_have_another(conn: Connection, person_id: str, now: datetime) -> bool:
    (mine, span), (everybodys, long) = A_PERSON, EVERYBODY
    return (
        queue.queued_since(conn, queue.SIGNIN, now - span, person_id) < mine
        and queue.queued_since(conn, queue.SIGNIN, now - long) < everybodys
    )


def _queue(conn: Connection, one: Someone, to: str, base_url: str, now: datetime) -> list[str]:
    return queue.queue(
        conn,
        alert_id=queue.SIGNIN,
        one=one,
        channels=[Channel.model_validate({"kind": BY_ADDRESS, "to": to}, context={"stored": True})],
        kind=queue.SIGNIN,
        severity=2,
        step=0,
        message=_message(one, base_url),
        now=now,
        due_at=now,
    )


def _message(one: Someone, base_url: str) -> Message:
    words = words_for(one.language, one.person.timezone)
    minutes = SIGNIN_TTL // timedelta(minutes=1)
    lines = [
        words.say("For {name}: this link signs you in once, within {n} minutes.", name=one.name, n=minutes),
        words.say("If you did not ask for it, do nothing: without the link nobody gets in."),
    ]
    return plain_message(
        words.say("Sign in to Tocsin"),
        lines,
        f"{base_url}/signin",
        {"notice_kind": queue.SIGNIN},
        button=words.say("Sign in"),
        language=words.language.code,
    )
