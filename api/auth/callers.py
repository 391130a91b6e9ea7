"""Who calls: the key or session that a request brings, and whose it is as the store knows it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.requests import Request

from api.auth.cookies import session_token
from api.auth.keys import PREFIX, principal_of_key
from api.auth.principal import Principal
from api.auth.sessions import principal_of_session
from tocsin.store.port import Store

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Credential:
    """The proof in a request of who sent it. Its token is secret, and stands in no text."""

    kind: Literal["key", "session"]
    token: str

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


def credential_of(request: Request) -> Credential | None:
    """The request's credential; None for a stranger. A key goes before a session."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = given.strip()
        return Credential("key", token) if token.startswith(PREFIX) and len(token) <= LONGEST else None
    session = session_token(request)
    return None if session is None or len(session) > LONGEST else Credential("session", session)


def principals(
    store: Store, asked: Sequence[Credential], now: datetime
) -> Mapping[Credential, Principal | None]:
    """Whose each credential is now, in one read; None where it is nobody's."""
    with store.read() as conn:
        return {
            one: principal_of_key(conn, one.token)
            if one.kind == "key"
            else principal_of_session(conn, one.token, now)
            for one in asked
        }
