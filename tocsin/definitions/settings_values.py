"""Free settings of a definition, such as those of a source: JSON values that every engine can keep and every page can show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from tocsin.core.sentences import Sentence

MAX_DEPTH: Final = 8
MAX_VALUES: Final = 1000
MAX_CHARS: Final = 20_000
LARGEST: Final = 2**63 - 1


def why_not_plain(settings: dict[str, Any]) -> str | None:
    """The fault of these settings, in words; None where they have none."""
    chars = 0
    for count, (depth, value) in enumerate(_values(settings)):
        if depth > MAX_DEPTH:
            return Sentence("settings may be nested {n} deep", n=MAX_DEPTH)
        wrong = _why_not_one(value)
        if wrong is not None:
            return wrong
        chars += len(value) if isinstance(value, str) else 0
        if count > MAX_VALUES or chars > MAX_CHARS:
            return Sentence(
                "settings may have {n} values with {most} characters together",
                n=MAX_VALUES,
                most=MAX_CHARS,
            )
    return None


def _values(settings: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Every key and value with its depth, without recursion: the nesting is a stranger's."""
    waiting: list[tuple[int, Any]] = [(0, settings)]
    while waiting:
        depth, value = waiting.pop()
        yield depth, value
        if isinstance(value, dict):
            waiting += [(depth + 1, key) for key in value] + [(depth + 1, one) for one in value.values()]
        elif isinstance(value, list | tuple):
            waiting += [(depth + 1, one) for one in value]


def _why_not_one(value: Any) -> str | None:
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)):
        return Sentence("a setting has no NUL and no half of a character (a lone surrogate)")
    if isinstance(value, float) and not math.isfinite(value):
        return Sentence("a setting that is a number is finite")
    if isinstance(value, int) and abs(value) > LARGEST:
        return Sentence("a setting that is a whole number has 64 bits at most")
    return None
