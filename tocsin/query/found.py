"""Where the words of a query stand in a text, for the eye: `matches` in `tocsin.query.evaluate` decides, this only marks.

A word that the text writes in another spelling (`ŞİŞECAM` for `sisecam`) is marked too. Words under NOT are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tocsin.query.fold import fold
from tocsin.query.tree import And, Handle, Node, Or, Phrase, Query, Tag, Word

_TOKEN: Final = re.compile(r"[^\W_]+", re.UNICODE)
LONGEST: Final = 4000
"""Characters of a text that are looked through."""


def marked(query: Query, text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is one of the query's words. The pieces make up the text again."""
    found: list[tuple[str, bool]] = []
    at = 0
    for start, end in _merged(sorted(_places(query, text[:LONGEST]))):
        if start > at:
            found.append((text[at:start], False))
        found.append((text[start:end], True))
        at = end
    return [*found, (text[at:], False)] if at < len(text) else found


def _places(query: Query, text: str) -> Iterator[tuple[int, int]]:
    tokens = [(fold(one.group()).strip(), one.start(), one.end()) for one in _TOKEN.finditer(text)]
    for words, prefix in _sought(query.root):
        size = len(words)
        for index in range(len(tokens) - size + 1):
            if all(_equal(tokens[index + n][0], words[n], prefix and n == size - 1) for n in range(size)):
                yield tokens[index][1], tokens[index + size - 1][2]


def _equal(token: str, word: str, prefix: bool) -> bool:
    return token.startswith(word) if prefix else token == word


def _sought(node: Node) -> Iterator[tuple[Sequence[str], bool]]:
    """The words in a row that each leaf asks for, and whether the last one is a beginning."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _sought(part)
    elif isinstance(node, Word | Tag | Handle | Phrase):
        words = [fold(one).strip() for one in _TOKEN.findall(node.text)]
        if words:
            yield words, getattr(node, "prefix", False)


def _merged(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last: tuple[int, int] | None = None
    for start, end in places:
        if last is not None and start <= last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last
