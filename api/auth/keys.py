"""API keys: `tcs_` and 256 random bits, hashed at rest, each with a role and perhaps scopes or the one source it pushes for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from api.auth.principal import Principal
from api.auth.rules import IN_ADDRESSES, PUSH, SCOPES, may_not_push
from tocsin.access.links import hash_token, new_token
from tocsin.core.errors import Conflict, NotFound, WrongInput
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Role
from tocsin.store import schema as s

PREFIX = "tcs_"

# Made once: every request with a key asks it.
_OF_TOKEN: Final = select(s.api_keys).where(
    s.api_keys.c.token_hash == bindparam("hashed"), s.api_keys.c.revoked_at.is_(None)
)


def create_key(
    conn: Connection,
    *,
    name: str,
    role: Role,
    now: datetime,
    scopes: Sequence[str] = (),
    source: str | None = None,
) -> tuple[str, str]:
    """Store a new key; return its id and the key itself, which cannot be shown again.

    Without scopes the key may do all that its role may; with a source and no scopes it may only push. Raises `WrongInput` for
    scopes that `check_scopes` refuses or a bad name, and `Conflict` for a name in use.
    """
    if source is not None and not scopes:
        scopes = ("push",)
    check_scopes(role, scopes, source)
    if not name or len(name) > 256 or any(ord(letter) < 32 for letter in name):
        raise WrongInput(Sentence("a key's name has 1 to 256 characters, none of them control characters"))
    k = s.api_keys
    if conn.execute(select(k.c.id).where(k.c.name == name, k.c.revoked_at.is_(None))).first():
        raise Conflict(
            Sentence(
                "there is a key named {name} already: revoke it first, or take another name", name=repr(name)
            )
        )
    token = PREFIX + new_token()
    key_id = stable_id("key", hash_token(token))
    conn.execute(
        insert(k),
        {
            "id": key_id,
            "token_hash": hash_token(token),
            "name": name,
            "role": role.value,
            "scopes": sorted(set(scopes)),
            "source": source,
            "created_at": now,
        },
    )
    return key_id, token


def check_scopes(role: Role, scopes: Sequence[str], source: str | None = None) -> None:
    """Raise `WrongInput` for a scope that is unknown, does not go with the others, or is of no use to this role."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise WrongInput(
            Sentence(
                "unknown scope {unknown}; known: {choices}",
                unknown=repr(unknown[0]),
                choices=", ".join(SCOPES),
            )
        )
    if set(scopes) & set(IN_ADDRESSES) and (source or not set(scopes) <= set(IN_ADDRESSES)):
        raise WrongInput(
            Sentence(
                "a key for {choices} stands in an address: it can have no other scope and no source",
                choices=" or ".join(IN_ADDRESSES),
            )
        )
    if "push" in scopes and role not in PUSH.roles:
        raise WrongInput(may_not_push(role))


def principal_of_key(conn: Connection, token: str) -> Principal | None:
    """The principal of this key; None when the key is unknown or revoked."""
    row = conn.execute(_OF_TOKEN, {"hashed": hash_token(token)}).one_or_none()
    if row is None:
        return None
    return Principal("key", row.id, row.name, Role(row.role), frozenset(row.scopes) or None, row.source)


def principal_of_address(conn: Connection, token: str, scope: str) -> Principal:
    """The principal of a key that stands in an address of this scope. Raises `NotFound` for any other key, known or not."""
    found = principal_of_key(conn, token)
    if (
        found is None
        or found.scopes is None
        or scope not in found.scopes
        or not found.scopes <= set(IN_ADDRESSES)
    ):
        raise NotFound(Sentence("there is nothing at this address: its token is unknown, or was revoked"))
    return found


def addresses_of(token: str, scopes: Sequence[str]) -> list[str]:
    """The paths at which a key of these scopes is read, if it stands in addresses."""
    return [path.replace("{token}", token) for one in scopes for path in IN_ADDRESSES.get(one, ())]


def kind_of_key(scopes: Sequence[str]) -> str:
    """What a key is for, in a word: feed, wall, push, metrics, or else the API."""
    if scopes and set(scopes) <= set(IN_ADDRESSES):
        return " and ".join(sorted(scopes))
    return scopes[0] if len(scopes) == 1 and scopes[0] in ("push", "metrics") else "API"


def list_keys(conn: Connection) -> list[Mapping[str, Any]]:
    """All keys with their kind, revoked ones too, the oldest first. The secret is not among the fields."""
    k = s.api_keys
    columns = (
        k.c.id,
        k.c.name,
        k.c.role,
        k.c.scopes,
        k.c.source,
        k.c.created_at,
        k.c.last_used_at,
        k.c.revoked_at,
    )
    found = conn.execute(select(*columns).order_by(k.c.created_at, k.c.id))
    return [{**row._mapping, "kind": kind_of_key(row.scopes)} for row in found]


def revoke_key(conn: Connection, name_or_id: str, now: datetime) -> str:
    """End a key at once; returns its name. Raises `NotFound` with the names there are."""
    k = s.api_keys
    living = conn.execute(select(k.c.id, k.c.name).where(k.c.revoked_at.is_(None)).order_by(k.c.name)).all()
    for row in living:
        if name_or_id in (row.id, row.name):
            conn.execute(update(k).where(k.c.id == row.id), {"revoked_at": now})
            return str(row.name)
    known = ", ".join(row.name for row in living[:20]) or "none"
    raise NotFound(Sentence("no key {name}; known: {known}", name=repr(name_or_id), known=known))


def store_last_uses(conn: Connection, uses: Mapping[str, datetime]) -> None:
    """Store the time of the last use of each key. A time never moves back."""
    k = s.api_keys
    for key_id, at in uses.items():
        older = or_(k.c.last_used_at.is_(None), k.c.last_used_at < at)
        conn.execute(update(k).where(k.c.id == key_id, older), {"last_used_at": at})
