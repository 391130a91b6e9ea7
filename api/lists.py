"""Lists in pages: `limit` and an opaque `cursor` (`tocsin.core.cursor`) in, `items` and `next_cursor` out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.problems import Problem, field_error
from tocsin.core.clock import EPOCH, LATEST
from tocsin.core.sentences import Sentence

T = TypeVar("T")
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]


class ListPage(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Ask with it for the next page; null: this was the last.")


def wrong(field: str, message: str) -> Problem:
    """A 422 for one field."""
    return Problem(
        422,
        "wrong-input",
        Sentence("{field}: {what}", field=field, what=message),
        errors=[field_error(field, message)],
    )


def checked_time(value: datetime | None, field: str) -> datetime | None:
    """A time of a query, which needs an offset and must lie between 1970 and 2200."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise wrong(
            field,
            Sentence("needs an offset from UTC, such as 2026-11-22T09:00:00Z (in a URL + is written %2B)"),
        )
    if not EPOCH <= value < LATEST:
        raise wrong(field, Sentence("must lie between 1970 and 2200"))
    return value
