"""What long jobs share, each kind in a table of its own: who may take one up, a sign of life, and its end.

A job is `queued`, `running` or over. A worker claims it, gives signs of life while it runs, and ends it; nobody ends a job twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, update

from tocsin.core.errors import Conflict
from tocsin.core.sentences import Sentence
from tocsin.store.port import Store

WAITING: Final = ("queued", "running")
"""The states of a job that is not over."""

MOST_WAITING: Final = 20
"""So many jobs of a kind wait at most."""

DEAD_AFTER: Final = timedelta(minutes=2)
"""A worker that has given no sign for so long is gone: another one goes on."""


def require_room(conn: Connection, t: Table, refusal: Sentence) -> None:
    """Raise `Conflict` with this refusal where `MOST_WAITING` jobs of the table wait already."""
    if conn.execute(select(func.count()).where(t.c.state.in_(WAITING))).scalar_one() >= MOST_WAITING:
        raise Conflict(refusal)


def claim(
    conn: Connection,
    t: Table,
    now: datetime,
    oldest: ColumnElement[Any],
    id: str | None = None,
    **values: object,
) -> str | None:
    """The id of the next job by `oldest`, or of that one if it is free, now running and with these values. None: none is free."""
    free = or_(t.c.state == "queued", (t.c.state == "running") & (t.c.beat_at < now - DEAD_AFTER))
    which = (free,) if id is None else (free, t.c.id == id)
    query = select(t.c.id).where(*which).order_by(oldest, t.c.id).limit(1)
    found: str | None = conn.execute(query).scalar_one_or_none()
    if found is not None:
        conn.execute(update(t).where(t.c.id == found).values(state="running", beat_at=now, **values))
    return found


def change(conn: Connection, t: Table, id: str, now: datetime, **values: object) -> bool:
    """Change a job that runs, which is a sign of life, too. False: it does not run any more, and nothing was changed."""
    running = (t.c.id == id, t.c.state == "running")
    return bool(conn.execute(update(t).where(*running).values(beat_at=now, **values)).rowcount)


def cancel(conn: Connection, t: Table, id: str, now: datetime) -> None:
    """Cancel a job that waits or runs. One that is over stays as it is."""
    waits = (t.c.id == id, t.c.state.in_(WAITING))
    conn.execute(update(t).where(*waits).values(state="cancelled", beat_at=now))


def put_back(store: Store, t: Table, id: str, now: datetime, **values: object) -> None:
    """Its worker stops before the end: another one takes it up."""
    with store.write() as conn:
        change(conn, t, id, now, state="queued", **values)
