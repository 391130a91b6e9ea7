"""Posts and authors that a network has deleted, from the source that hears of it to the processors that erase them.

A removal waits until everything that was handed over before it is stored. So a post that is deleted while it is still in the
stream is erased too, on every engine and with any number of workers. A removal that is told again meanwhile, as networks do that
show their deleted posts, is done in its time all the same, and once more for what was handed over in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, func, or_, select, tuple_, update

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
        {"source": one.source, "what": one.what, "value": one.value, "told_at": now, "first_told_at": now}
        for one in dict.fromkeys(removals)
    ]
    insert_or_change(conn, s.removals, rows, ("told_at",))


def due_removals(conn: Connection, before: datetime, limit: int) -> list[Removal]:
    """The removals that were first told before this time, the oldest first."""
    found = conn.execute(_told(), {"before": before, "most": limit})
    return [Removal(row.source, row.what, row.value) for row in found]


@cache
def _told() -> Select[Any]:
    r = s.removals.c
    before: BindParameter[datetime] = bindparam("before")
    by_older_code = r.first_told_at.is_(None) & (r.told_at < before)
    query = select(r.source, r.what, r.value).where(or_(r.first_told_at < before, by_older_code))
    first = func.coalesce(r.first_told_at, r.told_at)
    return query.order_by(first, r.source, r.what, r.value).limit(bindparam("most"))


def forget_removals(conn: Connection, done: Iterable[Removal], before: datetime) -> None:
    """Drop the removals that are done. A removal that came again since waits for its next turn, from when it came."""
    r = s.removals.c
    keys = [(one.source, one.what, one.value) for one in done]
    if keys:
        mine = tuple_(r.source, r.what, r.value).in_(keys)
        conn.execute(delete(s.removals).where(mine, r.told_at < before))
        conn.execute(update(s.removals).where(mine).values(first_told_at=r.told_at))
