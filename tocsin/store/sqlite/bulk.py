"""Many rows at once into SQLite, as SQL text and tuples that its driver takes and gives as they are.

SQLAlchemy's own way makes a dictionary of parameters per row and builds a statement per call. That costs several times the
time in which SQLite stores or finds the row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, bindparam, select
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from tocsin.store.columns import ConvertColumn, converter

Convert = Callable[[Any], Any]


class Bulk:
    """A written-out insert: `sql`, and for each of its parameters the column and the function that makes the driver's value."""

    __slots__ = ("_columns", "_constants", "sql")

    def __init__(
        self, sql: str, columns: Sequence[tuple[str, ConvertColumn | None]], constants: Mapping[str, Any]
    ) -> None:
        self.sql = sql
        self._columns = columns
        self._constants = constants

    @classmethod
    def of(cls, dialect: Dialect, table: Table, names: Sequence[str], statement: Insert) -> Bulk:
        """The insert for rows that give `names`. Columns that the rows leave out get their default.

        For positional dialects only. Raises `KeyError` for a name that is no column.
        """
        constants = {
            column.name: column.default.arg
            for column in table.columns
            if column.name not in names and isinstance(column.default, ScalarElementColumnDefault)
        }
        compiled = statement.compile(dialect=dialect, column_keys=[*names, *constants])
        columns = [
            (name, converter(dialect, table.c[name])) for name in getattr(compiled, "positiontup", None) or ()
        ]
        if {name for name, _ in columns} != {*names, *constants}:
            unknown = ", ".join(sorted({*names} - {name for name, _ in columns}))
            raise KeyError(f"{table.name} has no column {unknown}")
        return cls(compiled.string, columns, constants)

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """The rows as the driver takes them. Raises `KeyError` when a row leaves out a column that the first row gave."""
        values: list[Iterable[Any]] = []
        for name, convert in self._columns:
            if name in self._constants:
                column: list[Any] = [self._constants[name]] * len(rows)
            else:
                column = list(map(itemgetter(name), rows))
            values.append(column if convert is None else convert(column))
        return list(zip(*values, strict=True))


class Lookup:
    """A written-out query for one row by its primary key: `sql`, and the rows of many keys as our values."""

    __slots__ = ("_binds", "_results", "sql")

    def __init__(
        self, sql: str, binds: Sequence[tuple[int, ConvertColumn | None]], results: Sequence[Convert | None]
    ) -> None:
        self.sql = sql
        self._binds = binds
        self._results = results if any(results) else None

    @classmethod
    def of(cls, dialect: Dialect, table: Table, columns: Sequence[str]) -> Lookup:
        """The query for `columns` of `table`. For positional dialects only. Raises `KeyError` for a name that is no column."""
        wanted = [table.c[name] for name in columns]
        key = list(table.primary_key)
        query = select(*wanted).where(*(column == bindparam(column.name) for column in key))
        compiled = query.compile(dialect=dialect)
        places = {column.name: (place, converter(dialect, column)) for place, column in enumerate(key)}
        return cls(
            compiled.string,
            [places[name] for name in getattr(compiled, "positiontup", None) or ()],
            [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in wanted],
        )

    def find(
        self, cursor: sqlite3.Cursor, keys: Collection[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Our values of the rows that are there, by key. The values of a key come in the order of the table's primary key."""
        found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        if not keys:
            return found
        parts, execute = list(zip(*keys, strict=True)), cursor.execute
        binds = [parts[at] if convert is None else convert(parts[at]) for at, convert in self._binds]
        for key, asked in zip(keys, zip(*binds, strict=True), strict=True):
            row = execute(self.sql, asked).fetchone()
            if row is not None:
                found[key] = self._values(row)
        return found

    def _values(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._results is None:
            return row
        return tuple(
            value if convert is None else convert(value)
            for value, convert in zip(row, self._results, strict=True)
        )
