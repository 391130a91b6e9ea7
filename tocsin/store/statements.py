"""Statements, and parts of statements, that differ between the engines, for queries in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Table, any_, bindparam, cast, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from tocsin.store.types import Text


def among(conn: Connection, column: Column[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """The condition that the column is one of these ids. On PostgreSQL it is the same statement for any number of ids."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(ids), ARRAY(Text())))
    return column.in_(ids)


def total(value: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of whole numbers, as a whole number. PostgreSQL alone would give a decimal number."""
    return cast(func.sum(value), BigInteger)


def insert_once(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there already. Returns whether the row was new. Two transactions may insert the same key
    at the same moment.
    """
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    return conn.execute(insert(table).on_conflict_do_nothing(), dict(row)).rowcount > 0
