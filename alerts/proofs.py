"""Codes that prove a channel: a test page carries one, and whoever types it has read what is sent there.

A channel that a file defines pages without proof; its person's own page warns of it. One that a person adds on the page waits
here (`pending`) and belongs to the person only when its code was typed. A code is good for ten minutes and five tries.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, null, select, update

from alerts.directory import Someone
from alerts.notifiers.channels import target_of
from alerts.outbox import queue
from alerts.outbox.test_notice import TEST, queue_test
from tocsin.core.errors import WrongInput
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel
from tocsin.store import schema as s
from tocsin.store.port import Store

GOOD_FOR: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5
MOST_TESTS: Final = 10
"""Test pages that one person may ask for in an hour."""

REPLACES: Final = "replaces:"
"""The name beside a waiting channel's own, under which the key of the replaced one is kept. No setting has a colon."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a channel: when a code was last sent, and when one was typed."""

    sent_at: datetime
    proven_at: datetime | None

    def waits(self, now: datetime) -> bool:
        """Whether a code that was sent may still be typed."""
        return now < self.sent_at + GOOD_FOR and (self.proven_at is None or self.proven_at < self.sent_at)


@dataclass(frozen=True, slots=True)
class Pending:
    """A channel that was asked for on the page and waits for its code: it pages nobody yet. `replaces` is the key of the channel
    whose place it takes then; that one pages until then.
    """

    key: str
    channel: Channel
    proof: Proof
    replaces: str | None = None


def key_of(one: Someone, channel: Channel) -> str:
    """The key of a person's channel: another address or another phone is another channel."""
    target = sorted((name, str(value)) for name, value in target_of(one.person, channel).items())
    return stable_id("ctc", channel.kind, *(part for pair in target for part in pair))


def proofs(conn: Connection, person_id: str) -> Mapping[str, Proof]:
    """What is known of this person's channels, by their keys."""
    p = s.contact_proofs.c
    rows = conn.execute(select(p.channel, p.sent_at, p.proven_at).where(p.person_id == person_id))
    return {row.channel: Proof(row.sent_at, row.proven_at) for row in rows}


def anybody_proven(conn: Connection) -> bool:
    """Whether anybody has a channel that was proven."""
    p = s.contact_proofs.c
    proven = select(p.person_id).where(p.proven_at.is_not(None), p.pending.is_(None)).limit(1)
    return conn.execute(proven).first() is not None


def pending(conn: Connection, person_id: str) -> list[Pending]:
    """The channels of this person that wait for their code, the newest last."""
    p = s.contact_proofs.c
    query = select(p.channel, p.sent_at, p.proven_at, p.pending).where(
        p.person_id == person_id, p.pending.is_not(None)
    )
    return [
        Pending(
            row.channel, _waiting(row.pending), Proof(row.sent_at, row.proven_at), row.pending.get(REPLACES)
        )
        for row in conn.execute(query.order_by(p.sent_at, p.channel))
        if row.pending
    ]


def ask_for(
    store: Store,
    conn: Connection,
    one: Someone,
    channel: Channel,
    base_url: str,
    now: datetime,
    replaces: str | None = None,
) -> None:
    """Send a code to a channel that is not the person's yet; it waits. Raises `WrongInput` beyond the limit.

    With `replaces` it takes the place of the person's channel with that key, once its code was typed.
    """
    send_code(store, conn, one, channel, base_url, now)
    p = s.contact_proofs
    mine = p.c.person_id == one.id, p.c.channel == key_of(one, channel)
    kept = channel.model_dump(mode="json") | ({REPLACES: replaces} if replaces else {})
    conn.execute(update(p).where(*mine).values(pending=kept))


def settle(conn: Connection, one: Someone, key: str, code: str, now: datetime) -> Pending | None:
    """The channel that waited under this key, where this is its code; the caller makes it the person's. None: a wrong code."""
    waiting = next((found for found in pending(conn, one.id) if found.key == key), None)
    if waiting is None or not prove(conn, one, waiting.channel, code, now):
        return None
    p = s.contact_proofs
    conn.execute(update(p).where(p.c.person_id == one.id, p.c.channel == key).values(pending=null()))
    return waiting


def drop(conn: Connection, person_id: str, key: str) -> None:
    """Forget a channel that waits for its code."""
    p = s.contact_proofs
    conn.execute(delete(p).where(p.c.person_id == person_id, p.c.channel == key, p.c.pending.is_not(None)))


def ring_all(conn: Connection, one: Someone, base_url: str, now: datetime) -> None:
    """Queue a test page without a code on each channel, as a crisis would. Raises `WrongInput` beyond the limit."""
    _require_few(conn, one, now)
    queue_test(conn, one, one.channels, base_url, now)


def send_code(
    store: Store, conn: Connection, one: Someone, channel: Channel, base_url: str, now: datetime
) -> None:
    """Queue a test page with a fresh code on this channel. Raises `WrongInput` beyond the limit."""
    _require_few(conn, one, now)
    code, key = f"{secrets.randbelow(10**6):06d}", key_of(one, channel)
    queue_test(conn, one, [channel], base_url, now, code)
    row = {
        "person_id": one.id,
        "channel": key,
        "code_hash": _hashed(one.id, key, code),
        "sent_at": now,
        "tries": 0,
        "proven_at": None,
    }
    store.put(conn, s.contact_proofs, [row], columns=["code_hash", "sent_at", "tries"])


def prove(conn: Connection, one: Someone, channel: Channel, code: str, now: datetime) -> bool:
    """Whether this is the code that was sent there, and in time. The channel then counts as proven."""
    p, key = s.contact_proofs, key_of(one, channel)
    mine = p.c.person_id == one.id, p.c.channel == key
    row = conn.execute(select(p).where(*mine)).one_or_none()
    if row is None or not now < row.sent_at + GOOD_FOR or row.tries >= MOST_TRIES:
        return False
    typed = "".join(sign for sign in code if sign in "0123456789")[:12]
    right = secrets.compare_digest(_hashed(one.id, key, typed), row.code_hash)
    change = {"proven_at": now, "tries": MOST_TRIES} if right else {"tries": row.tries + 1}
    conn.execute(update(p).where(*mine).values(**change))
    return right


def _require_few(conn: Connection, one: Someone, now: datetime) -> None:
    if queue.queued_since(conn, TEST, now - timedelta(hours=1), one.id) >= MOST_TESTS:
        raise WrongInput(Sentence("that were {n} test pages within an hour: try again later", n=MOST_TESTS))


def _waiting(stored: Mapping[str, Any]) -> Channel:
    channel = {name: value for name, value in stored.items() if name != REPLACES}
    return Channel.model_validate(channel, context={"stored": True})


def _hashed(person_id: str, key: str, code: str) -> str:
    return hashlib.sha256(f"{person_id}\x1f{key}\x1f{code}".encode()).hexdigest()
