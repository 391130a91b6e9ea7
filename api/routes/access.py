"""The ways in that are open: the sessions of browsers, people's passkeys and the keys of programs, to be looked at and ended.

Everybody sees and ends their own sessions and passkeys; an admin those of everybody, and the keys. No secret is among the fields.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.auth.endings import end_one_session, end_passkeys
from api.auth.endings import revoke as revoke_noted
from api.auth.keys import list_keys
from api.auth.passkeys import Passkey, all_passkeys, passkeys_of
from api.auth.principal import Principal
from api.auth.sessions import open_sessions
from api.problems import PROBLEMS
from api.state import State, Who
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Role

router = APIRouter(prefix="/v1", tags=["access"])

Id = Annotated[str, Path(min_length=1, max_length=256)]


class SessionOut(BaseModel):
    """A browser in which a person is signed in."""

    id: str
    person_id: str
    person: str
    created_at: datetime
    expires_at: datetime
    device: str | None = Field(description="The browser and its system, as it named itself; null: not known.")


class PasskeyOut(BaseModel):
    """A passkey by which a person may sign in."""

    id: str
    person_id: str
    name: str
    created_at: datetime
    used_at: datetime | None = Field(description="null: never yet.")


class KeyOut(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    role: Role
    scopes: list[str] = Field(description="None: everything that the role may.")
    source: str | None
    kind: str = Field(description="What it is for: API, push, metrics, feed, wall.")
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@router.get("/sessions", response_model=list[SessionOut], summary="List sessions")
def sessions(state: State, who: Who) -> Any:
    """The sessions that are open, the newest first: your own, or everybody's where you are an admin."""
    with state.store.read() as conn:
        return _theirs(conn, who, state.now())


@router.delete("/sessions/{id}", status_code=204, summary="End a session", responses={404: PROBLEMS[404]})
def end(state: State, who: Who, id: Id) -> None:
    """Sign a browser out at once, its open event streams included."""
    now = state.now()
    with state.store.write() as conn:
        found = next((one for one in _theirs(conn, who, now) if one["id"] == id), None)
        if found is None:
            raise NotFound(
                Sentence("no open session {id} of yours; GET /v1/sessions lists them", id=repr(id))
            )
        end_one_session(conn, found, now, who.label, who.role.value)


@router.get("/passkeys", response_model=list[PasskeyOut], summary="List passkeys")
def passkeys(state: State, who: Who) -> Any:
    """The passkeys, the oldest first: your own, or everybody's where you are an admin. The page makes them (`/me`)."""
    with state.store.read() as conn:
        return _passkeys(conn, who)


@router.delete(
    "/passkeys/{id}", status_code=204, summary="Take a passkey out", responses={404: PROBLEMS[404]}
)
def remove_passkey(state: State, who: Who, id: Id) -> None:
    """Forget a passkey: it signs nobody in from now on. Sessions that it opened go on until they are ended."""
    with state.store.write() as conn:
        found = next((one for one in _passkeys(conn, who) if one.id == id), None)
        if found is None:
            raise NotFound(Sentence("no passkey {id} of yours; GET /v1/passkeys lists them", id=repr(id)))
        end_passkeys(conn, [found], state.now(), who.label, who.role.value)


@router.get("/keys", response_model=list[KeyOut], summary="List keys")
def keys(state: State) -> Any:
    """All keys, revoked ones too, the oldest first."""
    with state.store.read() as conn:
        return list_keys(conn)


@router.delete("/keys/{id}", status_code=204, summary="Revoke a key", responses={404: PROBLEMS[404]})
def revoke(state: State, who: Who, id: Id) -> None:
    """End a key at once, by its id or name. Its open event streams end with it."""
    now = state.now()
    with state.store.write() as conn:
        revoke_noted(conn, id, now, who.label, who.role.value)


def _passkeys(conn: Connection, who: Principal) -> list[Passkey]:
    return all_passkeys(conn) if who.role is Role.ADMIN else passkeys_of(conn, who.id)


def _theirs(conn: Connection, who: Principal, now: datetime) -> list[dict[str, Any]]:
    everybody = who.role is Role.ADMIN
    return [one for one in open_sessions(conn, now) if everybody or one["person_id"] == who.id]
