"""Words and phrases that tell a category by themselves, looked for in many texts in one pass (Aho and Corasick 1975).

A term is written as triggers.toml says: words in this order, whole; `stem*`; or `a ~ b`, both in this order with at most
`GAP_CHARS` characters between them. Case, diacritics and hyphens make no difference.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from tocsin.core.blocks import blocks
from tocsin.query.fold import fold

GAP_CHARS = 40
"""The most characters between the two parts of an `a ~ b` term."""
_Span = tuple[int, int]
_HARMLESS = "harmless"
ByLanguage = dict[str, list[str]]


def written_terms(name: str) -> tuple[dict[str, ByLanguage], ByLanguage]:
    """The terms of a file beside this one as they are written (category -> language -> terms), and its harmless phrases
    (language -> phrases).
    """
    found = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    harmless = found.pop(_HARMLESS, {})
    return found, harmless


class PhraseSearch:
    """The terms of some categories, ready for the search. A term inside one of the phrases `harmless` is not heard."""

    def __init__(self, terms: Mapping[str, Iterable[str]], harmless: Collection[str] = ()) -> None:
        from ahocorasick_rs import AhoCorasick, Implementation

        numbers: dict[tuple[str, bool], int] = {}
        alone: dict[int, set[str]] = {}
        followed: dict[int, set[tuple[int, str]]] = {}

        def number(written: str) -> int:
            stem = written.endswith("*")
            return numbers.setdefault(
                (_readable(fold(written.removesuffix("*"))).strip(), stem), len(numbers)
            )

        for category, its in terms.items():
            for term in its:
                first, gap, second = (piece.strip() for piece in term.partition("~"))
                if gap:
                    followed.setdefault(number(first), set()).add((number(second), category))
                else:
                    alone.setdefault(number(first), set()).add(category)
        self._order = tuple(terms)
        self._harmless = frozenset(map(number, harmless))
        self._is_stem = [stem for _, stem in numbers]
        self._alone = [tuple(sorted(alone.get(part, ()))) for part in range(len(numbers))]
        self._followed = [tuple(sorted(followed.get(part, ()))) for part in range(len(numbers))]
        self._parts: Any = AhoCorasick(
            [words for words, _ in numbers], implementation=Implementation.DFA, store_patterns=False
        )

    def among(self, folded: Sequence[str]) -> list[tuple[str, ...]]:
        """The categories of the terms in each of these folded texts, in the order in which they were given. Never raises.

        The search runs over many texts at once. Only a text with a term in it is looked at by itself.
        """
        readable = list(map(_readable, folded))
        categories: list[tuple[str, ...]] = [()] * len(readable)
        for first, last in blocks(readable):
            # No term holds a line break, so none can match across two texts.
            met = self._parts.find_matches_as_indexes("\n".join(readable[first:last]))
            if met:
                ends = list(accumulate(len(text) + 1 for text in readable[first:last]))
                for number in {first + bisect_right(ends, start) for _, start, _ in met}:
                    categories[number] = self._categories(readable[number])
        return categories

    def _categories(self, readable: str) -> tuple[str, ...]:
        found: dict[int, list[_Span]] = {}
        for part, start, end in self._parts.find_matches_as_indexes(readable, overlapping=True):
            if readable[start - 1].isalnum() or (readable[end].isalnum() and not self._is_stem[part]):
                continue
            found.setdefault(part, []).append((start, end))
        quiet = [span for part in self._harmless.intersection(found) for span in found.pop(part)]
        if quiet:
            found = {part: kept for part, spans in found.items() if (kept := _outside(spans, quiet))}
        if not found:
            return ()
        categories = {category for part in found for category in self._alone[part]}
        for part in found:
            for then, category in self._followed[part]:
                if category not in categories and then in found and _follows(found[part], found[then]):
                    categories.add(category)
        return tuple(category for category in self._order if category in categories)


def _outside(spans: Sequence[_Span], others: Sequence[_Span]) -> list[_Span]:
    """The spans that lie in none of the others."""
    return [
        (start, end)
        for start, end in spans
        if not any(first <= start and end <= last for first, last in others)
    ]


def _readable(folded: str) -> str:
    """The text with one space for hyphens and white space, and a space at either end, so that every term has neighbours."""
    return f" {' '.join(folded.replace('-', ' ').split())} "


def _follows(firsts: Sequence[_Span], seconds: Sequence[_Span]) -> bool:
    starts = sorted(start for start, _ in seconds)
    for _, end in firsts:
        at = bisect_left(starts, end)
        if at < len(starts) and starts[at] - end <= GAP_CHARS:
            return True
    return False
