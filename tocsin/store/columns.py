"""A column of many rows at once into what a driver takes.

SQLAlchemy converts value by value, three calls deep, and a mention has tens of columns. Here a column is looked at as a whole,
and where no value needs a change, as in nearly all, it is passed on as it is. The results are SQLAlchemy's, value for value
(`tests/store/test_columns.py`).
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
    """What makes the driver's values of ours for all values of a column; None where they are the same."""
    if isinstance(column.type, sa.LargeBinary):
        return None  # drivers take bytes as they are
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
