"""Many rows at once into PostgreSQL: small lots as one JSON parameter, large ones by COPY into a temporary table.

Measured for rows of `mentions` (33 columns): up to about fifty rows one JSON parameter is faster (14,000 rows a second at ten
rows). From there on binary COPY is faster (30,000 at a hundred rows, 50,000 at five thousand). `executemany` and arrays stay
below 17,000. Rows go in by the order of their key, so that two writers that meet wait for each other and do not deadlock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from tocsin.store.columns import converter
from tocsin.store.port import Rows

COPY_FROM: Final = 48
"""The number of rows from which on COPY is worth its three round trips."""

NOT_FRESH: Final = 20
"""Lots that do not try the quick way, after a lot that was called fresh and held a row that was there."""

STAGED: Final = "tocsin_staged"
"""The key in a connection's `info` for its temporary tables, and for whether each holds rows of this transaction."""

_encode = msgspec.json.Encoder().encode
_Convert = Callable[[Any], Any]


class Staging:
    """The way of rows of one table that give the columns `names`: converters to the driver's values, and the SQL around them."""

    def __init__(self, dialect: Dialect, table: Table, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in table.c]
        if unknown:
            raise KeyError(f"{table.name} has no column {', '.join(unknown)}")
        self.table = table
        constants = {
            column.name: column.default.arg
            for column in table.columns
            if column.name not in names and isinstance(column.default, ScalarElementColumnDefault)
        }
        columns = [table.c[name] for name in (*names, *constants)]
        quote = dialect.identifier_preparer.quote
        self._constants = constants
        self._binds = [(column.name, converter(dialect, column)) for column in columns]
        self._types = [_type_of(column) for column in columns]
        self._room = quote(f"in_{table.name}")
        self._into = quote(table.name)
        self._columns = ", ".join(quote(column.name) for column in columns)
        typed = ", ".join(
            f"{quote(column.name)} {kind}" for column, kind in zip(columns, self._types, strict=True)
        )
        self._from_json = f"SELECT {self._columns} FROM json_to_recordset(%s::json) AS rows({typed})"  # noqa: S608  # names of the schema
        self._fractions = [
            column.name for column, kind in zip(columns, self._types, strict=True) if kind == "float8"
        ]
        self._binary = [column.name for column in columns if isinstance(column.type, sa.LargeBinary)]
        self._not_fresh = 0

    def insert(self, conn: Connection, rows: Rows, on_conflict: str, *, fresh: bool = False) -> int:
        """Insert the rows. Returns the number of written rows.

        The rows have different keys, except with `DO NOTHING`. `fresh`: none of the rows is expected to be there. Such rows go
        straight into the table by COPY, without a second copy and a check of each. Where one is there after all, nothing is
        written that way, and the next `NOT_FRESH` lots do not try it.
        """
        values = self._values(rows)
        driver = driver_of(conn)
        with driver.cursor() as cursor:
            if len(values) < COPY_FROM:
                _run(
                    cursor,
                    f"INSERT INTO {self._into} ({self._columns}) {self._from_json} {on_conflict}",
                    [self._json(values)],
                )
                return cursor.rowcount
            if fresh and self._not_fresh == 0 and self._copied(cursor, values):
                return len(values)
            self._not_fresh = max(0, self._not_fresh - fresh)
            self._make_room(conn, cursor)
            self._copy(cursor, f"pg_temp.{self._room}", values)
            source = f"SELECT {self._columns} FROM pg_temp.{self._room}"  # noqa: S608  # names of the schema
            _run(cursor, f"INSERT INTO {self._into} ({self._columns}) {source} {on_conflict}")
            return cursor.rowcount

    def _copied(self, cursor: psycopg.Cursor[Any], values: Sequence[tuple[Any, ...]]) -> bool:
        """Copy the rows straight into the table. Returns whether all of them went in; else none did."""
        _run(cursor, "SAVEPOINT fresh")
        try:
            self._copy(cursor, self._into, values)
        except psycopg.errors.UniqueViolation:
            _run(cursor, "ROLLBACK TO SAVEPOINT fresh")
            self._not_fresh = NOT_FRESH
            return False
        _run(cursor, "RELEASE SAVEPOINT fresh")
        return True

    def _values(self, rows: Rows) -> list[tuple[Any, ...]]:
        columns: list[Iterable[Any]] = []
        for name, convert in self._binds:
            if name in self._constants:
                column: list[Any] = [self._constants[name]] * len(rows)
            else:
                column = list(map(itemgetter(name), rows))
            columns.append(column if convert is None else convert(column))
        return list(zip(*columns, strict=True))

    def _json(self, values: Sequence[tuple[Any, ...]]) -> str:
        names = [name for name, _ in self._binds]
        rows = [dict(zip(names, row, strict=True)) for row in values]
        for name in self._fractions:
            for row in rows:
                if row[name] is not None and math.isinf(row[name]):
                    # JSON has no infinity; the server reads the word.
                    row[name] = str(row[name])
        for name in self._binary:
            for row in rows:
                if row[name] is not None:
                    row[name] = f"\\x{row[name].hex()}"
        return _encode(rows).decode()

    def _make_room(self, conn: Connection, cursor: psycopg.Cursor[Any]) -> None:
        """Make the temporary table of this connection, or empty it."""
        staged: dict[str, bool] = conn.info.setdefault(STAGED, {})
        if self._room not in staged:
            _run(
                cursor,
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {self._room} ON COMMIT DELETE ROWS"  # noqa: S608  # names of the schema
                f" AS SELECT * FROM {self._into} WITH NO DATA",
            )
        elif staged[self._room]:
            _run(cursor, f"DELETE FROM pg_temp.{self._room}")  # noqa: S608  # names of the schema
        staged[self._room] = True

    def _copy(self, cursor: psycopg.Cursor[Any], into: str, values: Sequence[tuple[Any, ...]]) -> None:
        with cursor.copy(f"COPY {into} ({self._columns}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.set_types(self._types)
            write = copy.write_row
            for row in values:
                write(row)


class KeyLookup:
    """Rows by their primary key, many at once."""

    def __init__(self, dialect: Dialect, table: Table, columns: Sequence[str]) -> None:
        quote = dialect.identifier_preparer.quote
        key = list(table.primary_key)
        wanted = [table.c[name] for name in columns]
        self._binds = [converter(dialect, column) for column in key]
        self._results = [_result(dialect, column) for column in wanted]
        typed = ", ".join(f"k{place} {_type_of(column)}" for place, column in enumerate(key))
        same = " AND ".join(f"here.{quote(column.name)} = keys.k{place}" for place, column in enumerate(key))
        shown = ", ".join(f"here.{quote(column.name)}" for column in wanted)
        self._sql = (
            f"SELECT keys.n, {shown} FROM json_to_recordset(%s::json) AS keys(n bigint, {typed})"  # noqa: S608  # names of the schema
            f" JOIN {quote(table.name)} AS here ON {same}"
        )

    def find(
        self, conn: Connection, keys: Collection[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The wanted columns of the rows that are there, by key as given."""
        known = list(keys)
        names = ["n"]
        columns: list[Iterable[Any]] = [range(len(known))]
        for at, (column, convert) in enumerate(zip(zip(*known, strict=True), self._binds, strict=True)):
            names.append(f"k{at}")
            columns.append(column if convert is None else convert(column))
        asked = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        with driver_of(conn).cursor() as cursor:
            # The plan is never kept: a plan made while the table was empty would read the whole table for ever.
            cursor.execute(self._sql.encode(), [_encode(asked).decode()], prepare=False)
            return {known[row[0]]: self._values(row[1:]) for row in cursor}

    def _values(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None else convert(value)
            for value, convert in zip(row, self._results, strict=True)
        )


def driver_of(conn: Connection) -> psycopg.Connection[Any]:
    """The driver's connection under SQLAlchemy's, in the same transaction."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _run(cursor: psycopg.Cursor[Any], text: str, parameters: Sequence[Any] | None = None) -> None:
    cursor.execute(text.encode(), parameters)


def _result(dialect: Dialect, column: Column[Any]) -> _Convert | None:
    if _type_of(column) == "float8":
        # The driver's float is the value we want; SQLAlchemy would ask for the type on the wire first.
        return None
    convert: _Convert | None = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return convert


def _type_of(column: Column[Any]) -> str:
    """The name of the column's type, which PostgreSQL and its driver share."""
    kind = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    for known, name in (
        (sa.Boolean, "bool"),
        (sa.Float, "float8"),
        (sa.Integer, "int8"),
        (sa.LargeBinary, "bytea"),
        (sa.String, "text"),
    ):
        if isinstance(kind, known):
            return name
    raise TypeError(f"{column.table.name}.{column.name} has a type that bulk writes do not know: {kind!r}")
