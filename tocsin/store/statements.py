"""Statements, and parts of them, that the engines put in different words, for whoever writes queries in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Table, any_, bindparam, cast, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from tocsin.store.types import Text


def among(conn: Connection, column: Column[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """That the column is one of these: one statement for any number of them, where the engine has lists."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(ids), ARRAY(Text())))
    return column.in_(ids)


def total(value: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of whole numbers, as one: PostgreSQL would make a decimal number of it."""
    return cast(func.sum(value), BigInteger)


def insert_once(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there already, whoever else does the same at this moment; return whether it was new."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    return conn.execute(insert(table).values(**row).on_conflict_do_nothing()).rowcount > 0
