"""The conversion of whole columns gives the same as SQLAlchemy's conversion of each value, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import Dialect

from tocsin.store.columns import converter
from tocsin.store.types import Json, String, Text, UtcTime
from tocsin.store.words import GAP, WordsColumn

DIALECTS = [psycopg.dialect(), sqlite.dialect()]
# Also NUL and lone surrogates.
anything = st.text(st.characters(exclude_categories=()), max_size=20)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=3))]))
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.just(()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
words = st.lists(st.sampled_from(["brand", "#", "şeker", GAP]), max_size=300).map(" ".join)
KINDS: Sequence[tuple[Any, st.SearchStrategy[Any]]] = [
    (Text, anything),
    (String(8), anything),
    (UtcTime, times),
    (Json, json),
    (WordsColumn, words),
    (sa.Boolean, st.booleans()),
    (sa.BigInteger, st.integers(-(2**63), 2**63 - 1)),
    (sa.LargeBinary, st.binary(max_size=5)),
]


def same(dialect: Dialect, kind: Any, values: Sequence[Any]) -> None:
    column = sa.Column("it", kind)
    sa.Table("t", sa.MetaData(), column)
    whole = converter(dialect, column)
    each = None if kind is sa.LargeBinary else column.type.dialect_impl(dialect).bind_processor(dialect)
    got = list(values) if whole is None else list(whole(values))
    assert got == [value if each is None else each(value) for value in values]


@pytest.mark.slow("fills and carries stores")
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_column_is_converted_as_its_values_one_by_one(dialect: Dialect, data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(KINDS))
    same(dialect, kind, data.draw(st.lists(st.none() | values, max_size=6)))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("odd", ["", "\0", "\ud800", "ş", "x" * (1 << 22)])
def test_one_odd_text_among_many_is_found(dialect: Dialect, odd: str) -> None:
    same(dialect, Text, ["plain"] * 500 + [odd, "y\0" if len(odd) > 9 else "y", None])


def test_a_time_without_an_offset_in_a_column_is_refused() -> None:
    whole = converter(DIALECTS[0], sa.Column("at", UtcTime))
    assert whole is not None
    with pytest.raises(ValueError, match="without an offset"):
        list(whole([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1)]))  # noqa: DTZ001  # that is the point
