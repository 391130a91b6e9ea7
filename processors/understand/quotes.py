"""An author's own words: a text without the lines that quote somebody else, as mail and forums mark them (">")."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

VERSION: Final = 1
"""The version of the rule. Where it changes, stored mentions are understood anew."""

_LINE: Final = re.compile(r"[^\n]*\n?")
# An angry face (">:(") quotes nobody.
_QUOTED: Final = re.compile(r"[ \t]*>(?=[>\s\w\"'“‘(@#])")
_SAID: Final = re.compile(r"[^\s>]")

Span = tuple[int, int]


def own_words(text: str) -> str:
    """The text without its quoted lines. A text of nothing but quoted lines stays whole: the author says it by quoting."""
    return text if ">" not in text else "".join(text[start:end] for start, end in own_spans(text))


def own_spans(text: str) -> list[Span]:
    """Where the lines stand that `own_words` keeps, in order."""
    lines = [found.span() for found in _LINE.finditer(text)]
    own = [(start, end) for start, end in lines if not _QUOTED.match(text, start, end)]
    return own if any(_SAID.search(text, start, end) for start, end in own) else [(0, len(text))]


def place_in(spans: Sequence[Span], at: int) -> int:
    """Where the character at this place of the kept lines stands in the whole text."""
    begins = [0, *accumulate(end - start for start, end in spans)]
    line = min(bisect_right(begins, at) - 1, len(spans) - 1)
    return spans[line][0] + at - begins[line]
