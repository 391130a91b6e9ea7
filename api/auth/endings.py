"""The end of a key, a session or a passkey, with its entry in the audit chain: what there was, and since when it is no more.

What a person called a passkey, and the browser of a session, stay out of a chain from which nothing can be taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from api.auth.keys import list_keys, revoke_key
from api.auth.passkeys import Passkey, remove_passkeys
from api.auth.sessions import end_session
from tocsin.core.clock import iso
from tocsin.store import audit


def revoke(conn: Connection, name_or_id: str, now: datetime, actor: str, role: str) -> str:
    """End a key at once; returns its name. Raises `NotFound` with the names there are."""
    name = revoke_key(conn, name_or_id, now)
    # A name is free again once its key was revoked.
    key = next(one for one in reversed(list_keys(conn)) if one["name"] == name and one["revoked_at"] == now)
    before = {field: key[field] for field in ("id", "name", "kind", "role", "scopes", "source")}
    detail = {"before": before, "after": {"revoked_at": iso(now)}}
    audit.append(conn, at=now, actor=actor, role=role, action="key.revoked", object=name, detail=detail)
    return name


def end_one_session(
    conn: Connection, session: Mapping[str, Any], now: datetime, actor: str, role: str
) -> None:
    """Sign a browser out at once: one of `open_sessions`. Its open event streams end with it."""
    end_session(conn, session["id"], now)
    times = {name: iso(session[name]) for name in ("created_at", "expires_at")}
    detail = {"before": {"id": session["id"], **times}, "after": {"revoked_at": iso(now)}}
    person = session["person_id"]
    audit.append(conn, at=now, actor=actor, role=role, action="session.ended", object=person, detail=detail)


def end_passkeys(conn: Connection, gone: list[Passkey], now: datetime, actor: str, role: str) -> int:
    """Forget these passkeys of one person: they sign nobody in from now on. Returns how many there were still."""
    count = sum(remove_passkeys(conn, one.person_id, one.id) for one in gone)
    if count:
        before = [{"id": one.id, "created_at": iso(one.created_at)} for one in gone]
        detail = {"before": before, "after": {"removed_at": iso(now)}}
        audit.append(
            conn,
            at=now,
            actor=actor,
            role=role,
            action="passkey.removed",
            object=gone[0].person_id,
            detail=detail,
        )
    return count
