"""The hold on the outbox: after a restore no waiting notice leaves before a person has looked. One row of `meta` keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from alerts.actor import Actor
from alerts.outbox import queue
from tocsin.core.clock import iso
from tocsin.core.errors import IllegalTransition
from tocsin.core.sentences import Sentence
from tocsin.store import audit, meta
from tocsin.store import schema as s

OUTBOX = "outbox:held"
_n = s.notices.c
_WAITING = _n.status.in_((queue.QUEUED, queue.ATTEMPTING))


@dataclass(frozen=True, slots=True)
class Held:
    """The time since which the outbox is held, and the reason."""

    since: datetime
    why: str


def held(conn: Connection) -> Held | None:
    """The hold on the outbox, or None where notices leave as they are due."""
    return read(meta.get(conn, OUTBOX))


def read(value: str | None) -> Held | None:
    """The hold that the row of `meta` describes, or None."""
    if value is None:
        return None
    found = json.loads(value)
    return Held(datetime.fromisoformat(found["since"]), found["why"])


def hold(conn: Connection, now: datetime, why: str) -> None:
    """Let no notice leave from now on. Runs in the caller's write transaction."""
    meta.put(conn, OUTBOX, json.dumps({"since": iso(now), "why": why}))


def let_go(conn: Connection) -> bool:
    """End the hold; False where there was none. Runs in the caller's write transaction."""
    return meta.forget(conn, OUTBOX)


@dataclass(frozen=True, slots=True)
class Released:
    """The number of notices that may leave now (those that are due leave at once), or that were taken back."""

    waiting: int
    cancelled: int


def waiting(conn: Connection) -> int:
    """The number of notices that have not ended yet."""
    return int(conn.execute(select(func.count()).select_from(s.notices).where(_WAITING)).scalar_one())


def release(conn: Connection, actor: Actor, now: datetime, *, discard: bool = False) -> Released:
    """Let the outbox go. With `discard` the waiting notices are taken back first, and only notices decided from now on
    leave.

    Runs in the caller's write transaction. Raises `IllegalTransition` where nothing is held.
    """
    if not let_go(conn):
        raise IllegalTransition(Sentence("the outbox is not held: notices leave as they are due"))
    cancelled = 0
    if discard:
        ended = update(s.notices).where(_WAITING).values(status=queue.CANCELLED, ended_at=now)
        cancelled = conn.execute(ended).rowcount
    left = waiting(conn)
    audit.append(
        conn,
        at=now,
        actor=actor.name,
        role=actor.role,
        action="outbox.released",
        object="outbox",
        detail={"waiting": left, "cancelled": cancelled},
    )
    return Released(left, cancelled)
