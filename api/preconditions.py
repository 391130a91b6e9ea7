"""Preconditions of writes: If-Match before a change, Idempotency-Key on a creation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy import Connection, delete, insert, select

from api.auth.principal import Principal
from api.etags import version_etag
from api.problems import Problem
from tocsin.core.sentences import Sentence
from tocsin.store import schema as s

KEEP_RESPONSES = timedelta(hours=24)

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match", max_length=200, description="The ETag of what you change. Absent: 428; stale: 412."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=256,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeat a creation with the same key within 24 hours and get the first answer again.",
    ),
]


def typed_version(form: Mapping[str, str]) -> int | None:
    """The version that a form of the page was read at; None where it names none."""
    text = form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def checked_version(if_match: str | None, current: int) -> int:
    """The version that `If-Match` names, which must be the current one. Raises 428 without it, 412 for another."""
    if if_match is None:
        raise Problem(
            428,
            "no-if-match",
            Sentence("read it first and send its ETag as If-Match, so that no change is lost"),
        )
    tags = [tag.strip() for tag in if_match.split(",")]
    if "*" not in tags and version_etag(current) not in tags:
        detail = Sentence(
            "it changed since you read it: yours is {yours}, now it is {now}",
            yours=if_match,
            now=version_etag(current),
        )
        raise Problem(412, "stale", detail, headers={"ETag": version_etag(current)})
    return current


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The request's idempotency key with its route and a hash of its body. Without a key nothing is remembered."""

    key: str | None
    route: str
    body_hash: str

    def first_response(self, conn: Connection, who: Principal) -> tuple[int, Any] | None:
        """Status and body of the first answer to this key, if there is one. Raises 422 where it came with another body."""
        if self.key is None:
            return None
        t = s.idempotency
        row = conn.execute(
            select(t).where(t.c.principal == _owner(who), t.c.route == self.route, t.c.key == self.key)
        ).one_or_none()
        if row is None:
            return None
        if row.request_hash != self.body_hash:
            raise Problem(
                422,
                "key-reused",
                Sentence("this Idempotency-Key came with another body before; take a new one"),
            )
        return row.status, row.body

    def store_response(self, conn: Connection, who: Principal, status: int, body: Any, now: datetime) -> None:
        """Keep the answer for a day, in the transaction of what was created."""
        if self.key is None:
            return
        t = s.idempotency
        mine = t.c.principal == _owner(who), t.c.route == self.route, t.c.key == self.key
        conn.execute(delete(t).where(t.c.at < now - KEEP_RESPONSES))
        conn.execute(delete(t).where(*mine))
        conn.execute(
            insert(t).values(
                principal=_owner(who),
                route=self.route,
                key=self.key,
                at=now,
                request_hash=self.body_hash,
                status=status,
                body=body,
            )
        )


def _owner(who: Principal) -> str:
    return f"{who.kind}:{who.id}"


async def idempotency_of(request: Request, key: IdempotencyKey = None) -> Idempotency:
    """The idempotency key of this request, over the body as it was sent."""
    digest = hashlib.sha256(await request.body()).hexdigest() if key else ""
    return Idempotency(key, f"{request.method} {request.url.path}"[:128], digest)


Idempotent = Annotated[Idempotency, Depends(idempotency_of)]


def create_once(
    conn: Connection,
    idempotency: Idempotency,
    who: Principal,
    now: datetime,
    make: Callable[[], dict[str, Any]],
) -> tuple[dict[str, Any], bool]:
    """What `make` creates, or what it created when this key came first; and whether this is a repeat."""
    first = idempotency.first_response(conn, who)
    if first is not None:
        return first[1], True
    made = make()
    idempotency.store_response(conn, who, 201, made, now)
    return made, False
