"""Posts and authors that a network has deleted, from the source that hears of it to the processors that erase them.

A removal waits until everything that was handed over before it is stored. So a post that is deleted while it is still in the
stream is erased too, on every engine and with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import Connection, Select, bindparam, delete, select, tuple_

from tocsin.store import schema as s
from tocsin.store.statements import insert_or_change

POST: Final = "post"
AUTHOR: Final = "author"
What = Literal["post", "author"]


@dataclass(frozen=True, slots=True)
class Removal:
    """A post (`value` is its id) or all posts of an author (`value` is the author's id) of one source."""

    source: str
    what: What
    value: str


def note_removals(conn: Connection, removals: Iterable[Removal], now: datetime) -> None:
    """Keep the removals until they can be done, in the transaction that stores the source's progress."""
    rows = [
        {"source": one.source, "what": one.what, "value": one.value, "told_at": now}
        for one in dict.fromkeys(removals)
    ]
    # Told again: what was handed over in between goes, too.
    insert_or_change(conn, s.removals, rows, ("told_at",))


def due_removals(conn: Connection, before: datetime, limit: int) -> list[Removal]:
    """The removals that were told before this time, the oldest first."""
    found = conn.execute(_told(), {"before": before, "most": limit})
    return [Removal(row.source, row.what, row.value) for row in found]


@cache
def _told() -> Select[Any]:
    r = s.removals
    query = select(r).where(r.c.told_at < bindparam("before"))
    return query.order_by(r.c.told_at, r.c.source, r.c.what, r.c.value).limit(bindparam("most"))


def forget_removals(conn: Connection, done: Iterable[Removal], before: datetime) -> None:
    """Drop the removals that are done. A removal that came again since waits for its next turn."""
    r = s.removals.c
    keys = [(one.source, one.what, one.value) for one in done]
    if keys:
        mine = tuple_(r.source, r.what, r.value).in_(keys)
        conn.execute(delete(s.removals).where(mine, r.told_at < before))
