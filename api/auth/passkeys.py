"""Passkeys of people, and the challenges that browsers answer with them. `api.auth.ceremonies` checks what a browser sends.

A challenge belongs to one browser and one purpose, is taken once, and expires. All of it stands in the store, so that any API
process may take the answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from tocsin.access.links import hash_token
from tocsin.core.errors import Conflict, NotAllowed, NotFound
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence
from tocsin.store import schema as s

Purpose = Literal["register", "signin"]
GOOD_FOR: Final = timedelta(minutes=5)
MOST: Final = 20
"""Passkeys of one person."""

MOST_OPEN: Final = 10_000
"""Challenges that wait for their answer, of all browsers together."""

LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person. `credential` and `public_key` are base64url; `sign_count` is what the device counted last."""

    id: str
    person_id: str
    credential: str
    public_key: str
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None


def challenge_for(conn: Connection, purpose: Purpose, browser: str, now: datetime) -> str:
    """A fresh challenge (base64url) for this browser, in place of its last one. Raises `NotAllowed` where too many are open.

    `browser` is a secret that only this browser sends: its session, or a cookie for the purpose.
    """
    c = s.passkey_challenges
    mine = _browser_hash(purpose, browser)
    conn.execute(delete(c).where((c.c.expires_at <= now) | (c.c.browser_hash == mine)))
    if conn.execute(select(func.count()).select_from(c)).scalar_one() >= MOST_OPEN:
        raise NotAllowed(Sentence("too many passkeys are being asked for: try again in some minutes"))
    challenge = secrets.token_urlsafe(32)
    conn.execute(insert(c), {"browser_hash": mine, "challenge": challenge, "expires_at": now + GOOD_FOR})
    return challenge


def take_challenge(conn: Connection, purpose: Purpose, browser: str, now: datetime) -> str | None:
    """The challenge that this browser has to answer, taken away: no second answer finds it. None where there is none."""
    c = s.passkey_challenges
    mine = c.c.browser_hash == _browser_hash(purpose, browser)
    row = conn.execute(select(c.c.challenge, c.c.expires_at).where(mine)).one_or_none()
    if row is None or conn.execute(delete(c).where(mine)).rowcount != 1:
        return None
    return str(row.challenge) if now < row.expires_at else None


def passkeys_of(conn: Connection, person_id: str) -> list[Passkey]:
    """This person's passkeys, the oldest first."""
    p = s.passkeys.c
    rows = conn.execute(select(s.passkeys).where(p.person_id == person_id).order_by(p.created_at, p.id))
    return [_passkey(row) for row in rows]


def all_passkeys(conn: Connection) -> list[Passkey]:
    """Everybody's passkeys, the oldest first."""
    p = s.passkeys.c
    return [_passkey(row) for row in conn.execute(select(s.passkeys).order_by(p.created_at, p.id))]


def find_passkey(conn: Connection, credential: str) -> Passkey | None:
    """The passkey that the device calls so."""
    p = s.passkeys.c
    rows = conn.execute(select(s.passkeys).where(p.id == _id_of(credential), p.credential == credential))
    return next(map(_passkey, rows), None)


def add_passkey(
    conn: Connection,
    person_id: str,
    credential: str,
    public_key: str,
    sign_count: int,
    name: str,
    now: datetime,
) -> Passkey:
    """Keep a passkey that was checked. Raises `Conflict` where it is known already, or the person has `MOST` of them."""
    if find_passkey(conn, credential) is not None:
        raise Conflict(Sentence("this passkey is registered already"))
    if len(passkeys_of(conn, person_id)) >= MOST:
        raise Conflict(Sentence("you have {most} passkeys already: remove one first", most=MOST))
    made = Passkey(_id_of(credential), person_id, credential, public_key, sign_count, named(name), now, None)
    conn.execute(insert(s.passkeys), {one: getattr(made, one) for one in Passkey.__slots__})
    return made


def count_use(conn: Connection, one: Passkey, sign_count: int, now: datetime) -> bool:
    """Keep the device's new count. False: another answer by this passkey came in between, or it was taken out."""
    p = s.passkeys
    unchanged = p.c.id == one.id, p.c.sign_count == one.sign_count
    return conn.execute(update(p).where(*unchanged), {"sign_count": sign_count, "used_at": now}).rowcount == 1


def rename_passkey(conn: Connection, person_id: str, id: str, name: str) -> None:
    """Give a passkey of this person another name. Raises `NotFound`."""
    p = s.passkeys
    mine = p.c.id == id, p.c.person_id == person_id
    if conn.execute(update(p).where(*mine), {"name": named(name)}).rowcount != 1:
        raise NotFound(Sentence("you have no such passkey any more; load the page again"))


def remove_passkeys(conn: Connection, person_id: str, id: str | None = None) -> int:
    """Forget one passkey of this person, or all of them. Returns how many there were."""
    p = s.passkeys
    which = [p.c.person_id == person_id] + ([] if id is None else [p.c.id == id])
    return conn.execute(delete(p).where(*which)).rowcount


def named(name: str) -> str:
    """A name for a passkey out of what was typed: one line of what can be seen, and never empty."""
    seen = "".join(sign if sign.isprintable() else " " for sign in name)
    return " ".join(seen.split())[:LONGEST_NAME] or "passkey"


def _browser_hash(purpose: Purpose, browser: str) -> str:
    return hash_token(f"{purpose} {browser}")


def _id_of(credential: str) -> str:
    return stable_id("pky", credential)


def _passkey(row: Row[tuple[object, ...]]) -> Passkey:
    return Passkey(**{one: getattr(row, one) for one in Passkey.__slots__})
