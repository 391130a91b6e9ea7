"""JSON from strangers: read patiently, and refused with a reason where it cannot be read."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tocsin.core.errors import BadMention
from tocsin.reading.size import MAX_LEVELS, is_deeper


def decoded(line: bytes) -> Any:
    """Plain values out of JSON. Characters below U+0020 inside strings are let through, and so is half of a surrogate pair.

    Raises `BadMention` with the reason `encoding`, `too_deep` or `malformed` (also for NaN and Infinity), and nothing else.
    """
    try:
        text = line.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadMention(
            "encoding", f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}"
        ) from None
    try:
        found = _decoded(text)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        if is_deeper(text[: error.pos].encode(), MAX_LEVELS):
            raise _too_deep() from None
        raise BadMention("malformed", f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:
        raise BadMention("malformed", f"not JSON: {error}"[:200]) from None
    if is_deeper(line, MAX_LEVELS):
        raise _too_deep()
    return found


def encoded(value: Any) -> bytes:
    """JSON of plain values, as `decoded` reads them: half of a surrogate pair as its escape, and numbers of any length."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, OverflowError):
        return json.dumps(value).encode()


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # The standard library reads lone surrogates, control characters and numbers out of range.
        return json.loads(text, strict=False, parse_constant=_no_constant)


def _too_deep() -> BadMention:
    return BadMention("too_deep", f"the JSON is nested on more than {MAX_LEVELS} levels")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
