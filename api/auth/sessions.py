"""Sessions of people: a token that is hashed at rest, with a CSRF token of its own. `api.auth.cookies` keeps it in a browser.

This module loads no web framework: `tocsin up` asks it whether anybody has ever signed in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from api.auth.principal import Principal
from tocsin.access.links import hash_token, new_token
from tocsin.core.ids import stable_id
from tocsin.definitions.models import Person
from tocsin.definitions.repository import living, names
from tocsin.store import schema as s

# The first sign that is found decides: Edge and Chrome also call themselves Chrome and Safari, and Android Linux.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

_t, _people = s.sessions.c, living("person")
# Made once: every request of a browser asks it.
_OF_TOKEN: Final = (
    select(_t.csrf, _people.c.id, _people.c.definition)
    .join(_people, _people.c.id == _t.person_id)
    .where(
        _t.token_hash == bindparam("hashed"),
        _t.expires_at > bindparam("now", type_=_t.expires_at.type),
        _t.revoked_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session; `token` goes into the cookie and is stored only hashed."""

    token: str
    csrf: str
    person_id: str
    expires_at: datetime


def open_session(conn: Connection, person_id: str, now: datetime, hours: int, device: str = "") -> Session:
    """Open a session of so many hours for this person, in a browser on this device."""
    session = Session(new_token(), new_token(), person_id, now + timedelta(hours=hours))
    # A day late: a clock that jumps ahead and is set back takes nobody's session away.
    conn.execute(delete(s.sessions).where(s.sessions.c.expires_at < now - timedelta(days=1)))
    conn.execute(
        insert(s.sessions),
        {
            "token_hash": hash_token(session.token),
            "person_id": person_id,
            "csrf": session.csrf,
            "created_at": now,
            "expires_at": session.expires_at,
            "device": device[:64] or None,
        },
    )
    return session


def device_of(user_agent: str) -> str:
    """The browser and its system, as it names itself: "Firefox, Android". Empty where it says nothing that we know."""
    named = (_first_in(user_agent, BROWSERS), _first_in(user_agent, SYSTEMS))
    return ", ".join(one for one in named if one)


def _first_in(text: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for sign, name in names if sign in text[:1000]), "")


def current_session(token: str) -> str:
    """The id by which `open_sessions` lists the session with this token."""
    return stable_id("ses", hash_token(token))


def principal_of_session(conn: Connection, token: str, now: datetime) -> Principal | None:
    """The principal of this session; None when it is unknown, over or signed out, or its person is no longer active."""
    row = conn.execute(_OF_TOKEN, {"hashed": hash_token(token), "now": now}).one_or_none()
    if row is None:
        return None
    person = Person.model_validate(row.definition, context={"stored": True})
    return Principal("person", row.id, person.name, person.role, csrf=row.csrf) if person.active else None


def sign_out(conn: Connection, token: str, now: datetime) -> None:
    """End the session in every browser that has its cookie."""
    conn.execute(update(s.sessions).where(s.sessions.c.token_hash == hash_token(token)), {"revoked_at": now})


def sign_everybody_out(conn: Connection, now: datetime) -> None:
    """End every session: what a restore must not take for granted."""
    conn.execute(update(s.sessions).where(s.sessions.c.revoked_at.is_(None)), {"revoked_at": now})


def open_sessions(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """The sessions that are open at `now`, with their people, the newest first. An id tells a session apart and opens nothing."""
    t = s.sessions.c
    people = names(conn, "person", ended=True)
    query = select(t.token_hash, t.person_id, t.created_at, t.expires_at, t.device)
    rows = conn.execute(
        query.where(t.revoked_at.is_(None), t.expires_at > now).order_by(t.created_at.desc(), t.token_hash)
    )
    return [
        {
            "id": stable_id("ses", row.token_hash),
            "person_id": row.person_id,
            "person": people.get(row.person_id, row.person_id),
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "device": row.device,
        }
        for row in rows
    ]


def end_session(conn: Connection, id: str, now: datetime) -> None:
    """End the session with this id, if it is open."""
    t = s.sessions.c
    for hashed in conn.execute(select(t.token_hash).where(t.revoked_at.is_(None))).scalars():
        if stable_id("ses", hashed) == id:
            conn.execute(update(s.sessions).where(t.token_hash == hashed), {"revoked_at": now})


def kept_sessions(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """The sessions that are open at `now`, for `keep_sessions` in another store with the same people."""
    t = s.sessions
    rows = conn.execute(select(t).where(t.c.revoked_at.is_(None), t.c.expires_at > now)).mappings()
    return [dict(row) for row in rows]


def keep_sessions(conn: Connection, kept: list[dict[str, Any]]) -> None:
    """The people who were signed in where `kept` comes from are signed in here, with the same cookies."""
    if kept:
        conn.execute(insert(s.sessions), kept)


def ever_signed_in(conn: Connection) -> bool:
    """Whether anybody has a session, or had one not long ago."""
    return conn.execute(select(s.sessions.c.person_id).limit(1)).first() is not None


def csrf_matches(principal: Principal, given: str | None) -> bool:
    """Whether this is the CSRF token of the principal's session; compared in constant time."""
    mine = principal.csrf or ""
    return bool(mine) and secrets.compare_digest(mine.encode(), (given or "").encode("utf-8", "replace"))
