"""Lists in pages: `limit` and an opaque `cursor` in, `items` and `next_cursor` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from api.problems import FieldError, Problem
from tocsin.core.clock import EPOCH

T = TypeVar("T")
MAX_LIMIT = 500
LATEST = datetime.fromisoformat("2200-01-01T00:00:00+00:00")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]


class ListPage(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Ask with it for the next page; null: this was the last.")


def encode_cursor(*key: int | str) -> str:
    """The key of the last row of a page, as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The key in a cursor, whose parts are of these kinds; None without a cursor. Raises 422 for anything else."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        key = None
    right = (
        isinstance(key, list)
        and len(key) == len(kinds)
        and all(type(p) is k for p, k in zip(key, kinds, strict=True))
    )
    if not right or any(isinstance(part, int) and abs(part) >= 2**62 for part in key):
        raise wrong("cursor", "not a cursor of this list; leave it out to begin anew")
    return tuple(key)


def page_of(rows: Sequence[T], limit: int, key: Any) -> tuple[list[T], str | None]:
    """A page from up to `limit` + 1 rows: the rows, and the cursor where there are more. `key(row)` is the last row's key."""
    if len(rows) <= limit:
        return list(rows), None
    return list(rows[:limit]), encode_cursor(*key(rows[limit - 1]))


def wrong(field: str, message: str) -> Problem:
    """A 422 for one field."""
    return Problem(
        422, "wrong-input", f"{field}: {message}", errors=[FieldError(field=field, message=message)]
    )


def checked_time(value: datetime | None, field: str) -> datetime | None:
    """A time of a query, which needs an offset and must lie between 1970 and 2200."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise wrong(
            field, "needs an offset from UTC, such as 2026-11-22T09:00:00Z (in a URL + is written %2B)"
        )
    if not EPOCH <= value < LATEST:
        raise wrong(field, "must lie between 1970 and 2200")
    return value
