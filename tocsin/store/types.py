"""Column types that mean the same on every engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from tocsin.core.clock import from_micros, to_micros

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()


Integer = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
"""A whole number of 64 bits with its sign: SQLite's are all of that size."""


class Keyed:
    """A type whose part of a statement's cache key is made once.

    SQLAlchemy keeps that part for its own types. For types of others it makes it anew for each value of each statement, which
    took a tenth of the time of a statement.
    """

    @cached_property
    def _static_cache_key(self) -> Any:
        return super()._static_cache_key  # type: ignore[misc]  # of TypeDecorator, the second base of every class here


class _Plain(Keyed, TypeDecorator[str]):
    """Text that every engine can keep. NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 lacks, become U+FFFD."""

    impl: type[sa.String] = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            # Collation "C" compares bytewise, as SQLite does, whatever collation the database was made with.
            # The type has no length, because SQLite ignores lengths.
            return dialect.type_descriptor(sa.Text(collation="C"))
        return dialect.type_descriptor(self.impl_instance)

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return plain(value)

    def bind_column(self, values: Sequence[str | None], _dialect: Dialect) -> Sequence[str | None]:
        """`process_bind_param` for each of many values."""
        if _all_plain(values):
            return values
        return [None if value is None else plain(value) for value in values]


class Text(_Plain):
    """Text of any length, compared bytewise."""

    impl = sa.Text
    cache_ok = True


class String(_Plain):
    """Text of a limited length, compared bytewise. The writer keeps to the length; no engine enforces it."""

    impl = sa.String
    cache_ok = True


_JOINED_CHARS = 1 << 22


def _all_plain(values: Sequence[str | None]) -> bool:
    """Whether every engine keeps all of these texts as they are. They are checked together: a call for each text would cost
    more than the check itself.
    """
    texts = list(filter(None, values))
    if sum(map(len, texts)) > _JOINED_CHARS:
        # A joined copy would be too large: check the texts one by one.
        return False
    together = "".join(texts)
    if "\0" in together:
        return False
    if not together.isascii():
        try:
            together.encode()
        except UnicodeEncodeError:
            return False
    return True


def plain(text: str) -> str:
    """`text` as every engine can keep it: U+FFFD replaces each character that one of them cannot keep."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Float(Keyed, TypeDecorator[float]):
    """A number of 64 bits. No engine tells -0.0 from 0.0. NaN is refused with ValueError."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: float | None, _dialect: Dialect) -> float | None:
        if value is None:
            return None
        if math.isnan(value):
            raise ValueError("NaN cannot be stored")
        return value + 0.0


class UtcTime(Keyed, TypeDecorator[datetime]):
    """An aware datetime in UTC, kept as microseconds since 1970: exact, sortable and the same on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without an offset reached the store: {value.isoformat()}")
        return to_micros(value)

    def bind_column(self, values: Sequence[datetime | None], _dialect: Dialect) -> list[int | None]:
        """`process_bind_param` for each of many values. The same datetime object several times in a row is converted once."""
        found: list[int | None] = []
        last, micros = None, None
        for value in values:
            if value is None:
                found.append(None)
                continue
            if value is not last:
                if value.tzinfo is None:
                    raise ValueError(f"a time without an offset reached the store: {value.isoformat()}")
                last, micros = value, to_micros(value)
            found.append(micros)
        return found

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Json(Keyed, TypeDecorator[Any]):
    """Any JSON value, kept as text with sorted keys, so that equal values are equal bytes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else _encoder.encode(value).decode("utf-8", "surrogatepass")

    def bind_column(self, values: Sequence[Any], _dialect: Dialect) -> list[str | None]:
        """`process_bind_param` for each of many values."""
        encode = _encoder.encode
        return [
            None
            if value is None
            else "[]"
            # Nearly all lists of a mention are empty.
            if value == ()
            else encode(value).decode("utf-8", "surrogatepass")
            for value in values
        ]

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else _decoder.decode(value)
