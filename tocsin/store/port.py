"""The store: everything that is decided or derived, behind one port with an embedded and a real engine.

Repositories are written once, in SQLAlchemy Core against `tocsin.store.schema`; an engine says only how it opens, how a
transaction begins, and the few statements that differ. `tests/contracts/store.py` holds every engine to the same promises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Table

Rows = Sequence[Mapping[str, Any]]


class Store(Protocol):
    """One database. Thread-safe; every method may raise `StoreUnavailable`, and then nothing was half done."""

    url: str
    one_writer: bool  # every write waits for the others (SQLite), so each must be short; else only those that are `alone`

    def read(self) -> AbstractContextManager[Connection]:
        """A consistent snapshot. Short: readers hold none for over five seconds."""
        ...

    def write(self, *, alone: bool = True) -> AbstractContextManager[Connection]:
        """One transaction that is committed at the end of the block, or rolled back when it raises; 50 ms at most in live use.

        `alone`: no other transaction that is `alone` runs meanwhile, in any process (SQLite: BEGIN IMMEDIATE; PostgreSQL:
        an advisory lock, taken first), so what it reads stays true until it ends. `alone=False` may run beside others:
        only for writers whose rows nobody else touches, or that claim them. When `StoreUnavailable` says that the outcome
        is unknown, read before deciding.
        """
        ...

    def insert_new(self, conn: Connection, table: Table, rows: Rows, *, fresh: bool = False) -> int:
        """Insert the rows whose primary key is not there yet, in bulk; return how many were inserted.

        `fresh`, here and below: no such key is expected to be there. An engine may then try a quicker way first; the result
        is the same.
        """
        ...

    def put(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str] | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        """Insert, or where the primary key is there already set `columns` (default: all but the key) to the new values."""
        ...

    def add(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str],
        put: Sequence[str] = (),
        *,
        fresh: bool = False,
    ) -> None:
        """Insert, or where the primary key is there already add `columns` to the stored numbers and set the columns `put`
        (others stay)."""
        ...

    def fetch(
        self, conn: Connection, table: Table, keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """By primary key (its values in the table's order), the values of `columns` of the rows that are there, in bulk."""
        ...

    def claim(
        self,
        conn: Connection,
        table: Table,
        where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]],
        limit: int,
    ) -> Sequence[Row[Any]]:
        """Rows that this transaction alone holds until it ends; rows that another one holds are passed over."""
        ...

    def migrate(self) -> None:
        """Bring the schema up to this version. Safe to call by several processes at once."""
        ...

    def backup(self, path: str) -> None:
        """A consistent copy into a new file, while running."""
        ...

    def close(self) -> None: ...
