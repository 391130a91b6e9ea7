"""Statements, and parts of statements, that differ between the engines, for queries in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Table,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from tocsin.store.types import Json, Text

P = ParamSpec("P")
R = TypeVar("R")

# Rows of one statement.
PIECE = 500


def among(conn: Connection, column: Column[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """The condition that the column is one of these ids. On PostgreSQL it is the same statement for any number of ids."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(ids), ARRAY(Text())))
    return column.in_(ids)


def once_for_each_engine(
    build: Callable[Concatenate[Connection, P], R],
) -> Callable[Concatenate[Connection, P], R]:
    """Keep what `build` returns for an engine and for these further values. For statements that differ between the engines and
    are asked often: SQLAlchemy takes longer to build one than the store takes to answer.
    """
    built: dict[tuple[Any, ...], R] = {}

    @wraps(build)
    def kept(conn: Connection, /, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (conn.dialect.name, args, tuple(sorted(kwargs.items())))
        if key not in built:
            built[key] = build(conn, *args, **kwargs)
        return built[key]

    return kept


def among_given(conn: Connection, column: Column[str], name: str) -> ColumnElement[bool]:
    """`among` for a statement that is built once: the ids come as the parameter `name`, one value for any number of ids."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(Text())))
    return column.in_(select(func.json_each(bindparam(name, type_=Json())).table_valued("value").c.value))


def total(value: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of whole numbers, as a whole number. PostgreSQL alone would give a decimal number."""
    return cast(func.sum(value), BigInteger)


def insert_once(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there already. Returns whether the row was new. Two transactions may insert the same key
    at the same moment.
    """
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing()
    # SQLAlchemy drops PostgreSQL's count of an INSERT unless it is told to keep it.
    options = {"preserve_rowcount": True}
    return conn.execute(statement, dict(row), execution_options=options).rowcount > 0


def insert_or_change(
    conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> None:
    """Insert the rows, in one statement a piece; where a key is there already, change these columns.

    No key may be there twice among the rows. Two transactions that change the same rows take them in the same order.
    """
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    keys = list(table.primary_key.columns)
    ordered = sorted(rows, key=lambda row: [str(row[key.name]) for key in keys])
    for begin in range(0, len(ordered), PIECE):
        insert = make(table).values(ordered[begin : begin + PIECE])
        conn.execute(
            insert.on_conflict_do_update(
                index_elements=keys, set_={name: insert.excluded[name] for name in columns}
            )
        )
