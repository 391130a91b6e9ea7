"""Cursors of lists: the place where the next page of a list goes on, as an opaque text.

All lists of the API, the web pages and the commands use them. A cursor holds the key of the last row of a page. The parts of
a key are times, numbers and texts. Each list says which kinds of parts it expects, so it refuses the cursor of another list.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from tocsin.core.clock import from_micros, to_micros
from tocsin.core.errors import WrongInput

T = TypeVar("T")
Part = datetime | int | str

# The bound of the numbers in a cursor: each fits a column of 64 bits.
LARGEST: Final = 2**62


class BadCursor(WrongInput):
    """A text that is not a cursor of this list."""

    field = "cursor"

    def __init__(self) -> None:
        super().__init__("cursor: not a cursor of this list; leave it out to begin anew")


def encode_cursor(*key: Part) -> str:
    """The key of the last row of a page, as an opaque text. Times are kept to the microsecond."""
    parts = [to_micros(part) if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type[Part]) -> tuple[Any, ...] | None:
    """The key in a cursor whose parts are of these kinds; None without a cursor. Raises `BadCursor`."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(raw, type=list[Any])
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        raise BadCursor from None


def page_of(
    rows: Sequence[T], limit: int, key: Callable[[T], tuple[Part, ...]]
) -> tuple[list[T], str | None]:
    """Up to `limit` of the rows, and the cursor of the next page (None: there are no more).

    The caller reads `limit` + 1 rows, so that the one row too many says that there are more. `key` makes a row's key.
    """
    if len(rows) <= limit:
        return list(rows), None
    return list(rows[:limit]), encode_cursor(*key(rows[limit - 1]))


def _part(part: object, kind: type[Part]) -> Part:
    """One part of a key as the list wants it. Raises ValueError and OverflowError."""
    if kind is str and isinstance(part, str) and "\0" not in part:
        return part
    if kind in (int, datetime) and type(part) is int and abs(part) < LARGEST:
        at = from_micros(part)
        if kind is int or to_micros(at) == part:
            return part if kind is int else at
    raise ValueError(part)
