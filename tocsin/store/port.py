"""The port of the store: everything that is decided or derived, behind one interface with an embedded and a real engine.

Repositories are written once, in SQLAlchemy Core against `tocsin.store.schema`. An engine says only how it opens, how a
transaction begins, and the few statements that differ. `tests/contracts/store.py` holds every engine to the same promises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Table

Rows = Sequence[Mapping[str, Any]]


class Store(Protocol):
    """One database. Thread-safe. Every method may raise `StoreUnavailable`, and then nothing was half done."""

    url: str
    # True (SQLite): every write waits for all others, so each must be short. False: only `alone` writes wait for each other.
    one_writer: bool

    def read(self) -> AbstractContextManager[Connection]:
        """A consistent snapshot. Readers hold a snapshot for five seconds at most."""
        ...

    def write(self, *, alone: bool = True) -> AbstractContextManager[Connection]:
        """One transaction: committed at the end of the block, rolled back when the block raises. 50 ms at most in live use.

        `alone`: no other `alone` transaction runs meanwhile, in any process (SQLite: BEGIN IMMEDIATE; PostgreSQL: an
        advisory lock, taken first). So whatever the transaction reads stays true until it ends. `alone=False`: the
        transaction may run beside others. It is only for writers that claim their rows, or whose rows nobody else touches.
        When the store raises `OutcomeUnknown`, read before deciding.
        """
        ...

    def insert_new(self, conn: Connection, table: Table, rows: Rows, *, fresh: bool = False) -> int:
        """Insert the rows whose primary key is not there yet, in bulk. Returns the number of inserted rows.

        `fresh`, here and below: the caller expects none of these keys to be there. An engine may then try a quicker way
        first. The result is the same.
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
        """Insert each row. Where its primary key is there already, set `columns` (default: all but the key) to the new values."""
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
        """Insert each row. Where its primary key is there already, add `columns` to the stored numbers and set the columns
        `put`; the other columns stay.
        """
        ...

    def fetch(
        self, conn: Connection, table: Table, keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The values of `columns` of the rows that are there, by primary key (its values in the table's order), in bulk."""
        ...

    def claim(
        self,
        conn: Connection,
        table: Table,
        where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]],
        limit: int,
        asked: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        """Lock up to `limit` rows for this transaction until it ends. Rows that another transaction holds are passed over.
        `asked` has the values of the parameters of `where`.
        """
        ...

    def migrate(self) -> None:
        """Bring the schema up to this version. Safe to call by several processes at once."""
        ...

    def backup(self, path: str) -> None:
        """A consistent copy into a new file, while running."""
        ...

    def close(self) -> None: ...
