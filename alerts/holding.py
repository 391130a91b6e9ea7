"""Releasing an outbox that is held: what waits leaves, or is taken back, because a person said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from alerts import notices
from alerts.actor import Actor
from tocsin.core.errors import IllegalTransition
from tocsin.store import audit, holds
from tocsin.store import schema as s

_n = s.notices.c
_WAITING = _n.status.in_((notices.QUEUED, notices.ATTEMPTING))


@dataclass(frozen=True, slots=True)
class Released:
    """How many notices may leave now (those that are due, at once), or were taken back."""

    waiting: int
    cancelled: int


def waiting(conn: Connection) -> int:
    """Notices that have not ended yet."""
    return int(conn.execute(select(func.count()).select_from(s.notices).where(_WAITING)).scalar_one())


def release(conn: Connection, actor: Actor, now: datetime, *, discard: bool = False) -> Released:
    """Let the outbox go. With `discard` what waits is taken back first, and only what is decided from now on leaves.

    In the caller's write transaction. Raises `IllegalTransition` where nothing is held.
    """
    if not holds.let_go(conn):
        raise IllegalTransition("the outbox is not held: notices leave as they are due")
    cancelled = 0
    if discard:
        ended = update(s.notices).where(_WAITING).values(status=notices.CANCELLED, ended_at=now)
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
