"""What a stranger may send where a value is expected: one list for addresses, one for bodies, and how to put them in."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

# Percent-encoded as they travel: NUL, a lone surrogate, overlong, numbers beyond 64 bits, no number, the ends of the calendar.
IN_ADDRESSES: Final = (
    "%00",
    "%ED%A0%80",
    "%C0%AF",
    "%F0%9F%98%A1%E2%80%AE",
    str(2**63),
    str(-(2**70)),
    "1e999",
    "NaN",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "eyJhIjpbMSw5MjIzMzcyMDM2ODU0Nzc1ODA4XX0",
    "x" * 3000,
)
TEXTS: Final[tuple[Any, ...]] = (
    "\x00",
    "a\ud800b",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    2**63,
)
NUMBERS: Final[tuple[Any, ...]] = (2**63, -(2**70), float("nan"), 1e300, "\x00")
SHAPES: Final[tuple[Any, ...]] = (
    "\u202egnp.exe",
    "javascript:alert(1)",
    "x" * 70_000,
    True,
    float("inf"),
    [],
    {"a": {"b": []}},
    None,
)
"""What is refused, or kept, in the same way whatever the engine is."""


def changed(body: Any, more: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The body with one of its leaves changed, each leaf to each value of `TEXTS` or `NUMBERS`, and to each of `more`."""
    items = list(body.items() if isinstance(body, dict) else enumerate(body))
    for key, leaf in items:
        if isinstance(leaf, dict | list) and leaf:
            for inner in changed(leaf, more):
                whole = copy.copy(body)
                whole[key] = inner
                yield whole
        else:
            number = isinstance(leaf, int | float) and not isinstance(leaf, bool)
            for value in (*(NUMBERS if number else TEXTS), *more):
                whole = copy.copy(body)
                whole[key] = value
                yield whole
