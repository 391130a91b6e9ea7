"""Column types that mean the same on every engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from tocsin.core.clock import from_micros, to_micros

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, kept as microseconds since 1970: exact, sortable and the same on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without an offset reached the store: {value.isoformat()}")
        return to_micros(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Json(TypeDecorator[Any]):
    """Any JSON value, kept as text with sorted keys, so that equal values are equal bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else _encoder.encode(value).decode("utf-8", "surrogatepass")

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else _decoder.decode(value)
