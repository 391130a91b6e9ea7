"""Runs of retention: one begins when its time has come or when somebody asks for it, and ends when nothing is left to take out.

A run is a row. Each piece of its work adds to the row what it took out, in the same transaction: a run whose worker is killed
goes on with the next worker, and its figures are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from processors.retention import SEARCHABLE, count_due, take_out
from tocsin.core.clock import passed
from tocsin.core.ids import stable_id
from tocsin.settings import Settings
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.revision import revised

EVERY: Final = timedelta(minutes=10)
"""A run begins so long after the end of the one before."""
KEPT: Final = timedelta(days=30)
SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as stored. By kind, `due` has the rows that were past their time when it began, `taken` the rows that it took
    out.
    """

    id: str
    at: datetime
    beat_at: datetime
    ended_at: datetime | None
    asked_by: str | None
    pieces: int
    due: Mapping[str, int]
    taken: Mapping[str, int]

    @property
    def progress(self) -> int:
        """Percent of the rows that were counted at its beginning."""
        if self.ended_at is not None:
            return 100
        done = sum(min(self.taken.get(kind, 0), n) for kind, n in self.due.items())
        return min(99, done * 100 // max(1, sum(self.due.values())))


def last_run(conn: Connection) -> Run | None:
    """The newest run, ended or under way."""
    return next(iter(runs(conn, most=1)), None)


def runs(conn: Connection, most: int = SHOWN) -> list[Run]:
    """The last runs, the newest first. Of runs that took nothing out only the newest is kept."""
    return [_from(row) for row in conn.execute(_newest(most))]


@cache
def _newest(most: int) -> Select[Any]:
    """The statement of `runs`, made once: every look of the ticker asks for the last one."""
    r = s.retention_runs
    return select(r).order_by(r.c.at.desc(), r.c.id).limit(most)


def next_run(last: Run | None, now: datetime) -> datetime:
    """When the next run begins; `now` where it is due already, or one is under way."""
    if last is None or last.ended_at is None or passed(EVERY, last.ended_at, now):
        return now
    return last.ended_at + EVERY


def ask(conn: Connection, *, now: datetime, settings: Settings, actor: str, role: str) -> Run:
    """Ask for a run now. A run that is under way is returned as it is. The transaction must be `alone`."""
    last = last_run(conn)
    if last is not None and last.ended_at is None:
        return last
    run = _begin(conn, last, now, settings, asked_by=actor)
    audit.append(conn, at=now, actor=actor, role=role, action="retention.asked", object=run.id)
    return run


def work_on(store: Store, now: datetime, settings: Settings) -> bool:
    """Do one piece of the run that is under way or due. Returns whether there is more to do.

    Where another worker does a piece just now, nothing is done.
    """
    with store.read() as conn:
        last = last_run(conn)
    if last is None or last.ended_at is not None:
        if next_run(last, now) > now:
            return False
        with store.write() as conn:
            last = last_run(conn)
            if last is None or last.ended_at is not None:
                last = _begin(conn, last, now, settings)
    with store.write(alone=False) as conn:
        return _piece(conn, last.id, now, settings)


def _piece(conn: Connection, id: str, now: datetime, settings: Settings) -> bool:
    r = s.retention_runs
    # Held until the transaction ends, so that no two workers take out the same rows and both count them.
    mine = select(r).where(r.c.id == id, r.c.ended_at.is_(None)).with_for_update(skip_locked=True)
    row = conn.execute(mine).one_or_none()
    if row is None:
        return False
    done = take_out(conn, now, settings)
    if any(done.values()):
        revised(conn)
    more = any(done.values())
    taken = {kind: row.taken.get(kind, 0) + n for kind, n in done.items() if kind != SEARCHABLE}
    taken = {**row.taken, **{kind: n for kind, n in taken.items() if n}}
    values = {"taken": taken, "pieces": row.pieces + 1, "beat_at": now, "ended_at": None if more else now}
    conn.execute(update(r).where(r.c.id == id).values(**values))
    return more


def _begin(
    conn: Connection, last: Run | None, now: datetime, settings: Settings, asked_by: str | None = None
) -> Run:
    r = s.retention_runs
    if last is not None and not last.taken and last.asked_by is None:
        # Most runs find nothing, and nobody asks for them afterwards.
        conn.execute(delete(r).where(r.c.id == last.id))
    conn.execute(delete(r).where(r.c.at < now - KEPT))
    id = stable_id("ret", now.isoformat(), last.id if last else "")
    values = {"id": id, "at": now, "beat_at": now, "asked_by": asked_by, "pieces": 0, "taken": {}}
    conn.execute(insert(r).values(**values, due=count_due(conn, now, settings)))
    return _from(conn.execute(select(r).where(r.c.id == id)).one())


def _from(row: Row[Any]) -> Run:
    return Run(**{name: row._mapping[name] for name in Run.__slots__})
