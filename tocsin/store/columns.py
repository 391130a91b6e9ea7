"""Conversion of a column of many rows at once into the values that a driver takes.

SQLAlchemy converts value by value, three calls deep, and a mention has tens of columns. This module checks a column as a
whole. A column in which no value needs a change is passed on as it is, and nearly all columns are such. The results equal
SQLAlchemy's, value for value (`tests/store/test_columns.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.engine import Dialect

ConvertColumn: TypeAlias = Callable[[Sequence[Any]], Iterable[Any]]
_TRUTH = {bool, type(None)}


def converter(dialect: Dialect, column: Column[Any]) -> ConvertColumn | None:
    """The function that converts all values of a column into the driver's values; None where they are the same."""
    if isinstance(column.type, sa.LargeBinary):
        # Drivers take bytes as they are.
        return None
    kind = column.type.dialect_impl(dialect)
    whole: Callable[[Sequence[Any], Dialect], Iterable[Any]] | None = getattr(kind, "bind_column", None)
    if whole is not None:
        return lambda values: whole(values, dialect)
    each: Callable[[Any], Any] | None = kind.bind_processor(dialect)
    if each is None:
        return None
    if isinstance(column.type, sa.Boolean):
        return lambda values: values if _TRUTH.issuperset(map(type, values)) else list(map(each, values))
    return lambda values: list(map(each, values))
