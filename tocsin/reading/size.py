"""How many values a piece of JSON holds, and how deep they lie, told before it is read.

A body of a few kilobytes can unpack to millions of numbers, and each of them becomes an object. Commas and opening brackets are
counted, byte by byte: no JSON has more values than these and one.

Each version of Python gives up at another depth: 3.11 at a thousand levels, 3.14 at fifty thousand. So the depth has a bound of
its own.
"""

from __future__ import annotations

import re

MAX_LINE_VALUES = 50_000
"""Values in one line. A post as its network sends it has some hundreds."""

MAX_LEVELS = 500
"""Levels of arrays and objects in one line. A post as its network sends it has a dozen at most."""

_SIGNS = (b",", b"[", b"{")
# Up to the next sign outside strings: those of a text are no values. No loop gives back what it took, so that all matches
# together cost the length of what is read.
_SIGN = rb'[^",\[{]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^",\[{]*+)*+[,\[{]'
_AT_ONCE = 1000
_STEPS = tuple((size, re.compile(rb"(?:%s){%d}+" % (_SIGN, size), re.DOTALL)) for size in (_AT_ONCE, 1))

# A string, whose brackets do not count, or a bracket.
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_OPENING = (b"[", b"{")


def signs_in(raw: bytes) -> int:
    """The commas and opening brackets in these bytes, those of strings among them. They may be a part of some JSON."""
    return sum(map(raw.count, _SIGNS))


def holds_more(raw: bytes, most: int) -> bool:
    """Whether this JSON holds more than `most` values, by its signs. The count ends soon after the first one too many."""
    # A sign is a byte, so a text with fewer bytes need not be counted.
    if len(raw) < most or signs_in(raw) < most:
        return False
    at, values = 0, 1
    for size, step in _STEPS:
        while values <= most and (found := step.match(raw, at)):
            at, values = found.end(), values + size
    return values > most


def is_deeper(raw: bytes, most: int) -> bool:
    """Whether arrays and objects lie in each other on more than `most` levels, in JSON that may end too early."""
    if sum(map(raw.count, _OPENING)) <= most:
        return False
    level = 0
    for found in _BRACKET.finditer(raw):
        sign = found[0][:1]
        if sign in _OPENING:
            level += 1
            if level > most:
                return True
        elif sign != b'"':
            level -= 1
    return False
