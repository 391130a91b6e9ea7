"""When a notice whose attempt did not get through is tried again under the same id, and when it is given up for other ways."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from alerts.notifiers.port import Notice, Outcome
from alerts.outbox.queue import FAILED, UNKNOWN
from tocsin.store import schema as s

RETRIES: Final = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=45))
"""The waits after the first, second and third failed attempt. After the fourth the notice has failed for good."""

ATTEMPTS: Final = len(RETRIES) + 1
PATIENCE: Final = sum(RETRIES, timedelta(0))
"""The longest time from a notice's first attempt to its last. Within it, a notice grants the pause that a receiver asks for."""


def wait_before_next(
    conn: Connection, notice: Notice, outcome: Outcome, now: datetime, *, honours_id: bool
) -> timedelta | None:
    """The wait until this very notice is tried again. None: it is not tried again."""
    retry = (outcome.status == FAILED and not outcome.for_good) or (outcome.status == UNKNOWN and honours_id)
    if not retry or notice.attempt >= ATTEMPTS:
        return None
    own = RETRIES[notice.attempt - 1]
    if outcome.pause is None:
        return own
    wait = max(own, outcome.pause)
    return wait if now + wait <= _first_try(conn, notice, now) + PATIENCE else None


def _first_try(conn: Connection, notice: Notice, now: datetime) -> datetime:
    r = s.receipts.c
    found: datetime | None = conn.execute(select(func.min(r.at)).where(r.notice_id == notice.id)).scalar_one()
    return found or now
