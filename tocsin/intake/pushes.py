"""The notes on pushes over HTTP: one row for each batch, from which the pusher learns later what became of it.

A note names the identities that were handed over and the ends of the stream behind them. The batch is stored once every
partition was read up to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from tocsin.store.expiry import drop_some
from tocsin.store.port import Store
from tocsin.store.schema import batches

REFUSALS: Final = (batches, batches.c.rejected)
"""The table, and its column with the messages about refused items, which may quote the input."""

Ends = Mapping[str, int]
"""The end of each partition of the stream, by its number as JSON keeps it."""


def note_push(store: Store, conn: Connection, row: Mapping[str, Any]) -> None:
    """Keep this batch, or put it in the place of the one with the same id: a push that was repeated."""
    store.put(conn, batches, [row])


def find_push(conn: Connection, id: str) -> Row[Any] | None:
    """The batch with this id: all columns."""
    return conn.execute(select(batches).where(batches.c.id == id)).one_or_none()


def drop_pushes(conn: Connection, before: datetime, most: int) -> int:
    """Delete up to `most` batches that were pushed before this time; return how many went."""
    return drop_some(conn, batches, batches.c.at < before, most)


def move_pushes(
    conn: Connection, old: str, new: str, moved: Callable[[Ends], Ends | None], most: int
) -> None:
    """Let the newest `most` batches name the stream `new` in place of `old`. `moved` gives the ends of a batch on the new stream,
    or None where all of it was read, and the batch stays as it is.
    """
    newest = select(batches.c.id, batches.c["keys"]).order_by(batches.c.at.desc()).limit(most)
    for row in conn.execute(newest).all():
        noted = row._mapping["keys"]
        if noted.get("cluster") != old:
            continue
        ends = moved(noted["ends"])
        if ends is not None:
            there = {**noted, "cluster": new, "ends": dict(ends)}
            conn.execute(update(batches).where(batches.c.id == row.id).values(keys=there))
