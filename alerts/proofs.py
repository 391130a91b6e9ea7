"""Codes that prove a channel: a test page carries one, and whoever types it has read what is sent there.

The person who runs the machine vouches for a channel by a file or a command (`vouch`), and the channel pages at once. A channel
that comes by page or API waits for its code and pages nobody until then. A channel that somebody adds on their own page waits
beside the person (`pending`). A channel that an administrator writes into a definition stands there, marked (`ask_proof`). A
code is good for ten minutes and five tries. Decision 33 says why.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, null, select, update

from alerts.directory import Someone, key_of
from alerts.notifiers.registry import LAST_RESORT
from alerts.outbox import queue
from alerts.outbox.test_notice import TEST, queue_test
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import touch
from tocsin.store import schema as s
from tocsin.store.port import Store

GOOD_FOR: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5
MOST_TESTS: Final = 10
"""Test pages that one person may ask for in an hour."""

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands where no code was sent yet."""

REPLACES: Final = "replaces:"
"""The key in a waiting channel's settings under which the key of the channel that it replaces is kept. No setting has a
colon."""


class TooManyTests(WrongInput):
    """More test pages were asked for within an hour than one person may have."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a channel: when a code was last sent, when one was typed, and since when nobody vouches for it."""

    sent_at: datetime
    proven_at: datetime | None
    asked_at: datetime | None = None

    @property
    def lacks(self) -> bool:
        """Whether the channel pages nobody before its code was typed."""
        return self.asked_at is not None and self.proven_at is None

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


def proofs(conn: Connection, person_id: str) -> Mapping[str, Proof]:
    """What is known of this person's channels, by their keys."""
    p = s.contact_proofs.c
    rows = conn.execute(select(p.channel, p.sent_at, p.proven_at, p.asked_at).where(p.person_id == person_id))
    return {row.channel: Proof(row.sent_at, row.proven_at, row.asked_at) for row in rows}


def ask_proof(conn: Connection, id: str, before: Person | None, after: Person, now: datetime) -> None:
    """Mark the channels that this change by page or API brought: each pages when its code was typed, unless one was before."""
    there = set() if before is None else _ringing(id, before)
    known, p = proofs(conn, id), s.contact_proofs
    for key in sorted(_ringing(id, after) - there):
        if key in known:
            conn.execute(
                update(p).where(p.c.person_id == id, p.c.channel == key, p.c.asked_at.is_(None)),
                {"asked_at": now},
            )
        else:
            row = {"person_id": id, "channel": key, "code_hash": "", "sent_at": NEVER, "tries": MOST_TRIES}
            conn.execute(insert(p), row | {"asked_at": now})


def vouch(conn: Connection, id: str, person: Person) -> int:
    """Let each channel of this person page: who runs the machine says that it is theirs. Returns how many waited for a proof."""
    p = s.contact_proofs
    mine = p.c.person_id == id, p.c.channel.in_(_ringing(id, person)), p.c.asked_at.is_not(None)
    waited = conn.execute(update(p).where(*mine, p.c.proven_at.is_(None)).values(asked_at=null())).rowcount
    if waited:
        touch(conn, "person")
    return waited


def doubt(conn: Connection, one: Someone, channel: Channel, now: datetime) -> bool:
    """Let this channel page nobody before a new code was typed, whether a code had proven it or a file vouched for it. Returns
    whether it might page until now.
    """
    key, p = key_of(one, channel), s.contact_proofs
    known = proofs(conn, one.id).get(key)
    if channel.kind == LAST_RESORT or (known is not None and known.lacks):
        return False
    unproven = {"code_hash": "", "sent_at": NEVER, "tries": MOST_TRIES, "proven_at": None, "asked_at": now}
    mine = p.c.person_id == one.id, p.c.channel == key
    if conn.execute(update(p).where(*mine).values(**unproven)).rowcount == 0:
        conn.execute(insert(p), unproven | {"person_id": one.id, "channel": key})
    touch(conn, "person")
    return True


def _ringing(id: str, person: Person) -> set[str]:
    """The keys of this person's channels that ring somewhere."""
    one = Someone(id, person)
    return {key_of(one, channel) for channel in one.channels if channel.kind != LAST_RESORT}


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
) -> list[str]:
    """Send a code to a channel that is not the person's yet; it waits. Returns the ids of its notices. Raises `WrongInput` beyond
    the limit.

    With `replaces` it takes the place of the person's channel with that key, once its code was typed.
    """
    sent = send_code(store, conn, one, channel, base_url, now)
    p = s.contact_proofs
    mine = p.c.person_id == one.id, p.c.channel == key_of(one, channel)
    kept = channel.model_dump(mode="json") | ({REPLACES: replaces} if replaces else {})
    conn.execute(update(p).where(*mine).values(pending=kept))
    return sent


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
) -> list[str]:
    """Queue a test page with a fresh code on this channel. Returns its notices' ids. Raises `WrongInput` beyond the limit."""
    _require_few(conn, one, now)
    code, key = f"{secrets.randbelow(10**6):06d}", key_of(one, channel)
    sent = queue_test(conn, one, [channel], base_url, now, code)
    row = {
        "person_id": one.id,
        "channel": key,
        "code_hash": _hashed(one.id, key, code),
        "sent_at": now,
        "tries": 0,
        "proven_at": None,
    }
    store.put(conn, s.contact_proofs, [row], columns=["code_hash", "sent_at", "tries"])
    return sent


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
    if right:
        # The set of people who may be paged has changed: readers of people look again.
        touch(conn, "person")
    return right


def _require_few(conn: Connection, one: Someone, now: datetime) -> None:
    if queue.queued_since(conn, TEST, now - timedelta(hours=1), one.id) >= MOST_TESTS:
        raise TooManyTests(Sentence("{n} test pages were sent within an hour: try again later", n=MOST_TESTS))


def _waiting(stored: Mapping[str, Any]) -> Channel:
    channel = {name: value for name, value in stored.items() if name != REPLACES}
    return Channel.model_validate(channel, context={"stored": True})


def _hashed(person_id: str, key: str, code: str) -> str:
    return hashlib.sha256(f"{person_id}\x1f{key}\x1f{code}".encode()).hexdigest()
