"""Parts of statements that the engines put in different words, for whoever writes queries in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, any_, bindparam, cast, func
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
