"""Putting notices into the outbox, in the transaction of the decision, and taking them back when somebody has answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Update, bindparam, func, insert, select, update

from alerts.directory import Someone
from alerts.message import Message
from alerts.notifiers.channels import target_of
from tocsin.core.ids import stable_id
from tocsin.definitions.models import Channel
from tocsin.store import schema as s

QUEUED: Final = "queued"
ATTEMPTING: Final = "attempting"
SENT: Final = "sent"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"
CANCELLED: Final = "cancelled"
STATUSES: Final = (QUEUED, ATTEMPTING, SENT, FAILED, UNKNOWN, CANCELLED)

# The page of an alert that a source is not heard.
BLIND: Final = "blind"
# The mail that lets a person in who asked for it on the page.
SIGNIN: Final = "signin"
# A silence or an expected event begins, lasts until another time, or ends.
ANNOUNCED: Final = "announced"
KINDS: Final = ("page", "repeat", "worsened", "overdue", "told", "test", BLIND, SIGNIN, ANNOUNCED)
ASKING: Final = ("page", "repeat", "worsened", BLIND)
"""Kinds that ask for an answer. Once there is an answer such a notice is pointless, and is cancelled."""

LOST: Final = (FAILED, UNKNOWN)
"""Statuses of a notice that has ended without a receipt that it arrived."""
HOPEFUL: Final = (QUEUED, ATTEMPTING, SENT)
"""Statuses of a notice that has reached somebody, or may still do so."""
ASKED: Final = (s.notices.c.kind.in_(ASKING), s.notices.c.escalation_id.is_(None))
"""The notices that ask for an answer to the alert itself."""

CRISIS: Final = 1


def chosen_channels(one: Someone, severity: int, every: bool = False) -> tuple[Channel, ...]:
    """SEV1 rings on every channel that may page the person, the others on the first, unless `every` channel is asked for."""
    return one.paged_on if every or severity <= CRISIS else one.paged_on[:1]


def queue(
    conn: Connection,
    *,
    alert_id: str,
    one: Someone,
    channels: Sequence[Channel],
    kind: str,
    severity: int,
    step: int,
    message: Message,
    now: datetime,
    due_at: datetime,
    escalation_id: str | None = None,
    repeat_of: str | None = None,
) -> list[str]:
    """One notice per channel, due at `due_at`; returns their ids.

    An id is made of alert, escalation, step, person, channel and kind, and of how many of exactly these
    there were before.
    """
    ids = []
    for position, channel in enumerate(channels):
        parts = (alert_id, escalation_id or "", step, one.id, channel.kind, kind)
        place = one.channels.index(channel) if channel in one.channels else position
        notice_id = stable_id(
            "ntc", *parts, place, _before(conn, alert_id, escalation_id, step, one.id, channel, kind)
        )
        conn.execute(
            insert(s.notices),
            {
                "id": notice_id,
                "alert_id": alert_id,
                "escalation_id": escalation_id,
                "person_id": one.id,
                "person": one.name,
                "channel": channel.kind,
                "target": target_of(one.person, channel),
                "kind": kind,
                "severity": severity,
                "step": step,
                "subject": message.subject,
                "body": message.body,
                "status": QUEUED,
                "attempts": 0,
                "created_at": now,
                "due_at": due_at,
                "repeat_of": repeat_of,
            },
        )
        ids.append(notice_id)
    return ids


def takes_a_link(kind: str, escalation_id: str | None) -> bool:
    """Whether such a notice takes a personal link along: one that asks somebody, is about an escalation, or lets somebody in."""
    return kind in (*ASKING, SIGNIN) or escalation_id is not None


def queued_since(conn: Connection, purpose: str, since: datetime, person_id: str | None = None) -> int:
    """The number of notices for this `purpose`, about no alert, that were queued since then: to this person, or to all."""
    n = s.notices.c
    whose = [] if person_id is None else [n.person_id == person_id]
    query = select(func.count()).where(n.alert_id == purpose, n.created_at >= since, *whose)
    return int(conn.execute(query).scalar_one())


def newest_of(conn: Connection, person_id: str, most: int) -> list[dict[str, Any]]:
    """The newest notices to this person, without their texts. `about_alert` says whether a notice is about an alert, `why`
    has the last receipt of one that has not arrived.
    """
    n, r = s.notices.c, s.receipts.c
    shown = (n.id, n.alert_id, n.channel, n.target, n.kind, n.status, n.subject, n.created_at)
    mine = select(*shown).where(n.person_id == person_id).order_by(n.created_at.desc(), n.id).limit(most)
    found = conn.execute(mine).all()
    missing = [row.id for row in found if row.status not in (SENT, CANCELLED)]
    receipts = conn.execute(select(r.notice_id, r.detail).where(r.notice_id.in_(missing)).order_by(r.attempt))
    why = {row.notice_id: row.detail for row in receipts}
    without = ("test", SIGNIN, ANNOUNCED)
    return [
        dict(row._mapping) | {"about_alert": row.kind not in without, "why": why.get(row.id)} for row in found
    ]


def every_notice(conn: Connection) -> Iterator[Row[Any]]:
    """Every notice as stored, in an order that two runs over the same input share."""
    n = s.notices
    yield from conn.execute(
        select(n).order_by(n.c.created_at, n.c.alert_id, n.c.step, n.c.person, n.c.channel, n.c.id)
    )


def cancel_asking(conn: Connection, alert_id: str, now: datetime) -> int:
    """Take back the notices that still wait to ask about this alert: somebody has answered, or the alert has calmed.
    Returns how many.
    """
    n = s.notices
    return _cancel(conn, now, n.c.alert_id == alert_id, n.c.escalation_id.is_(None), n.c.kind.in_(ASKING))


def cancel_older(
    conn: Connection, alert_id: str, one: Someone, channels: Sequence[Channel], now: datetime
) -> int:
    """Take back the notices that have not left and ask this person about this alert on these channels: newer ones do.
    Returns how many.
    """
    of = {"of_alert": alert_id, "of_person": one.id, "on": [channel.kind for channel in channels]}
    taken_back = {"status": CANCELLED, "ended_at": now}
    return conn.execute(_take_back_older(), of | taken_back).rowcount


@cache
def _take_back_older() -> Update:
    """The statement of `cancel_older`, made once: every page asks it. Its own parameters have other names than the columns."""
    n = s.notices.c
    mine = (
        n.alert_id == bindparam("of_alert"),
        n.person_id == bindparam("of_person"),
        n.channel.in_(bindparam("on", expanding=True)),
    )
    return update(s.notices).where(*mine, *ASKED, n.status == QUEUED)


def cancel_waiting(conn: Connection, alert_id: str, now: datetime) -> int:
    """Take back the notices that would ask about this alert only later (quiet hours): the alert has calmed. Returns how
    many.
    """
    n = s.notices
    return _cancel(conn, now, n.c.alert_id == alert_id, n.c.kind.in_(ASKING), n.c.due_at > now)


def cancel_announced(conn: Connection, id: str, now: datetime) -> int:
    """Take back the announcements of this silence or expected event that have not left: a newer one tells more. Returns how
    many.
    """
    n = s.notices
    return _cancel(conn, now, n.c.alert_id == id, n.c.kind == ANNOUNCED)


def cancel_for_escalation(conn: Connection, escalation_id: str, now: datetime) -> int:
    """Take back the notices that still wait to ask about this escalation. Returns how many."""
    n = s.notices
    return _cancel(conn, now, n.c.escalation_id == escalation_id, n.c.kind.in_((*ASKING, "overdue")))


def _cancel(conn: Connection, now: datetime, *where: Any) -> int:
    n = s.notices
    return conn.execute(
        update(n).where(*where, n.c.status == QUEUED), {"status": CANCELLED, "ended_at": now}
    ).rowcount


def _before(
    conn: Connection,
    alert_id: str,
    escalation_id: str | None,
    step: int,
    person_id: str,
    channel: Channel,
    kind: str,
) -> int:
    same = {
        "alert_id": alert_id,
        "escalation_id": escalation_id,
        "step": step,
        "person_id": person_id,
        "channel": channel.kind,
        "kind": kind,
    }
    return int(conn.execute(_count_same(escalation_id is None), same).scalar_one())


@cache
def _count_same(of_the_alert: bool) -> Select[int]:
    """The statement of `_before`, made once: every notice asks it. `of_the_alert`: and of no escalation."""
    n = s.notices.c
    names = ("alert_id", "step", "person_id", "channel", "kind")
    of = n.escalation_id.is_(None) if of_the_alert else n.escalation_id == bindparam("escalation_id")
    return select(func.count()).where(of, *(n[name] == bindparam(name) for name in names))


def reached(conn: Connection, alert_id: str) -> bool:
    """Whether a notice of this alert has left, or may have. A notice that still waits does not count: it is cancelled
    when another alert absorbs this one.
    """
    n = s.notices.c
    left = (SENT, UNKNOWN, ATTEMPTING)
    return (
        conn.execute(select(n.id).where(n.alert_id == alert_id, n.status.in_(left)).limit(1)).first()
        is not None
    )
