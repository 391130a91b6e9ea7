"""Imports of history as jobs: a row that somebody asked for, that a worker carries out, and that can be cancelled.

There are three kinds. A check reads the whole file and stores nothing. An import stores its mentions, and goes on where it was
after any end. An undo takes an import out again, as long as nothing hangs on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from api import jobs
from api.jobs import WAITING
from ingest.recorded.mapping import ColumnMapping
from processors.history.undoing import hangs_on
from tocsin.core.errors import Conflict, IllegalTransition, NotFound
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence, spoken
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store

CHECK, IMPORT, UNDO = "check", "import", "undo"
SHOWN: Final = 50
REASONS_KEPT: Final = 20
ENDED: Final = ("done", "failed", "cancelled")
COUNTS: Final = ("read", "stored", "known", "unmatched", "too_old", "bad")
"""What becomes of a row. `known`: its mention was there; `unmatched`: no monitor matches it, so it is not kept; `too_old`: its
time is past what is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One job as stored. `progress` is percent, `position` the number of rows that are done."""

    id: str
    seq: int
    kind: str
    undoes: str | None
    at: datetime
    actor: str
    state: str
    beat_at: datetime
    progress: int
    message: str | None
    file: str
    mapping: Mapping[str, Any] | None
    teach: bool
    position: int
    counts: Mapping[str, int]
    reasons: Sequence[Mapping[str, Any]]
    first_at: datetime | None
    last_at: datetime | None

    @property
    def partition(self) -> int:
        """Where its mentions are counted. The partition -1 has what older code imported."""
        return -1 - self.seq

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def may_be_undone(self) -> bool:
        return self.kind == IMPORT and self.state in ENDED and self.first_at is not None


def ask(
    conn: Connection,
    kind: str,
    file: str,
    mapping: ColumnMapping | None,
    *,
    now: datetime,
    actor: str,
    role: str,
    teach: bool = True,
) -> Import:
    """Ask for a check or an import of the file. Raises `Conflict` where too many wait. The transaction must be `alone`."""
    by = mapping.model_dump(mode="json") if mapping else None
    one = _new(conn, kind, file, now=now, actor=actor, mapping=by, teach=teach)
    if kind == IMPORT:
        audit.append(
            conn, at=now, actor=actor, role=role, action="import.asked", object=one.id, detail={"file": file}
        )
    return one


def ask_undo(conn: Connection, id: str, *, now: datetime, actor: str, role: str) -> Import:
    """Ask to take an import out. Raises `IllegalTransition` where it is no import that has ended, and `Conflict` where
    something hangs on it.
    """
    one = get(conn, id)
    if not one.may_be_undone:
        raise IllegalTransition(
            Sentence(
                "{id} is {kind} {state}: only an import that has ended can be undone",
                id=id,
                kind=spoken(one.kind),
                state=spoken(one.state),
            )
        )
    labels = hangs_on(conn, one.partition)
    if labels:
        raise Conflict(
            Sentence(
                "people gave {n} labels to mentions of {id}: it cannot be undone",
                n=labels,
                id=id,
            )
        )
    t = s.imports
    if conn.execute(select(t.c.id).where(t.c.undoes == id, t.c.state.in_(WAITING))).first() is not None:
        raise Conflict(Sentence("{id} is being undone already", id=id))
    audit.append(
        conn, at=now, actor=actor, role=role, action="import.undone", object=id, detail={"file": one.file}
    )
    return _new(conn, UNDO, one.file, now=now, actor=actor, undoes=id, teach=one.teach)


def get(conn: Connection, id: str) -> Import:
    """The job with this id. Raises `NotFound`."""
    row = conn.execute(select(s.imports).where(s.imports.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(Sentence("no import {id}", id=repr(id)))
    return _from(row)


def listed(conn: Connection) -> list[Import]:
    """The last jobs, the newest first."""
    t = s.imports
    return [_from(row) for row in conn.execute(select(t).order_by(t.c.seq.desc()).limit(SHOWN))]


def cancel(conn: Connection, id: str, now: datetime) -> Import:
    """Cancel a job that waits or runs; its worker stops within seconds. An import that is over stays as it is."""
    jobs.cancel(conn, s.imports, get(conn, id).id, now)
    return get(conn, id)


def spans(conn: Connection) -> dict[int, tuple[datetime, datetime]]:
    """The times that the teaching imports cover, by partition."""
    t = s.imports
    query = select(t).where(t.c.kind == IMPORT, t.c.teach, t.c.state != "undone", t.c.first_at.is_not(None))
    return {
        one.partition: (one.first_at, one.last_at)
        for one in map(_from, conn.execute(query))
        if one.first_at and one.last_at
    }


# -- the worker's side -----------------------------------------------------------------------------------------------


def claim(store: Store, now: datetime, id: str | None = None) -> Import | None:
    """The next job, or that one, now running. One whose worker is gone goes on where it was."""
    with store.write() as conn:
        found = jobs.claim(conn, s.imports, now, s.imports.c.seq, id)
        return None if found is None else get(conn, found)


def note(
    conn: Connection,
    id: str,
    now: datetime,
    *,
    progress: int,
    position: int = 0,
    counts: Mapping[str, int] | None = None,
    reasons: Sequence[Mapping[str, Any]] = (),
    span: tuple[datetime, datetime] | None = None,
) -> bool:
    """Note in the caller's transaction how far it is. False: somebody has cancelled it."""
    values: dict[str, Any] = {"progress": progress}
    if counts is not None:
        values |= {"position": position, "counts": dict(counts), "reasons": list(reasons)}
    if span is not None:
        values |= {"first_at": span[0], "last_at": span[1]}
    return jobs.change(conn, s.imports, id, now, **values)


def finish(conn: Connection, id: str, now: datetime, message: str | None = None) -> None:
    """It is over: done, or failed for the reason in `message`. A cancelled one stays cancelled."""
    t = s.imports
    values: dict[str, Any] = {"state": "failed" if message else "done", "message": message}
    if not message:
        values["progress"] = 100
    if jobs.change(conn, t, id, now, **values) and not message:
        undone = get(conn, id).undoes
        conn.execute(update(t).where(t.c.id == undone).values(state="undone", first_at=None, last_at=None))


def put_back(store: Store, id: str, now: datetime) -> None:
    """Its worker stops before the end: another one goes on."""
    jobs.put_back(store, s.imports, id, now)


def _new(
    conn: Connection,
    kind: str,
    file: str,
    *,
    now: datetime,
    actor: str,
    teach: bool,
    mapping: Mapping[str, Any] | None = None,
    undoes: str | None = None,
) -> Import:
    t = s.imports
    refusal = Sentence("{n} imports are waiting already: cancel one, or ask later", n=jobs.MOST_WAITING)
    jobs.require_room(conn, t, refusal)
    seq = int(conn.execute(select(func.coalesce(func.max(t.c.seq), 0))).scalar_one()) + 1
    id = stable_id("imp", str(seq), kind, now.isoformat())
    values = {"id": id, "seq": seq, "kind": kind, "undoes": undoes, "at": now, "actor": actor, "file": file}
    values |= {"mapping": mapping, "teach": teach, "counts": dict.fromkeys(COUNTS, 0), "reasons": []}
    conn.execute(insert(t).values(**values, state="queued", beat_at=now, progress=0, position=0))
    return get(conn, id)


def _from(row: Row[Any]) -> Import:
    return Import(**{name: row._mapping[name] for name in Import.__slots__})
