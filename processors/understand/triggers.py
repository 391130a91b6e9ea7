"""Trigger terms: words that make a single mention worth a look, whatever the volume.

A crisis may begin with one post ("my phone caught fire"), so Tocsin searches each matched mention for some words: those of harm
(`safety`), of law and authorities (`regulator`), of attacks (`violence`), of leaked data (`data_breach`) and of people at the top
falling (`executive`), in English, Turkish, Dutch and Romanian. The terms are data in triggers.toml, which also says how to write
one. They tell what a post talks about. They do not tell whether it is true, or about whom; they do not understand a negation.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from tocsin.core.blocks import blocks
from tocsin.query.fold import fold

CATEGORIES = ("safety", "regulator", "violence", "data_breach", "executive")
"""The categories, in the order in which `trigger_categories` names them."""
MAX_CHARS = 10_000
"""The part of a text that is read."""
GAP_CHARS = 40
"""The most characters between the two parts of an `a ~ b` term."""


def trigger_categories(text: str) -> tuple[str, ...]:
    """The categories of the terms in `text`, in the order of `CATEGORIES`. Most texts have none. Never raises."""
    return _categories(_readable(fold(text[:MAX_CHARS])))


def triggers_of_folded(folded: Sequence[str]) -> list[tuple[str, ...]]:
    """`trigger_categories` of each of these texts, in order. The texts are already folded and have at most `MAX_CHARS`.

    The search runs over many texts at once. Only a text with a term in it is looked at by itself.
    """
    find = _lexicon().parts.find_matches_as_indexes
    readable = list(map(_readable, folded))
    categories: list[tuple[str, ...]] = [()] * len(readable)
    for first, last in blocks(readable):
        # No term holds a line break, so none can match across two texts.
        met = find("\n".join(readable[first:last]))
        if met:
            ends = list(accumulate(len(text) + 1 for text in readable[first:last]))
            for number in {first + bisect_right(ends, start) for _, start, _ in met}:
                categories[number] = _categories(readable[number])
    return categories


def _categories(readable: str) -> tuple[str, ...]:
    lexicon = _lexicon()
    found: dict[int, list[tuple[int, int]]] = {}
    for part, start, end in lexicon.parts.find_matches_as_indexes(readable, overlapping=True):
        if readable[start - 1].isalnum() or (readable[end].isalnum() and not lexicon.is_stem[part]):
            continue
        found.setdefault(part, []).append((start, end))
    if not found:
        return ()
    categories = {category for part in found for category in lexicon.alone[part]}
    for part in found:
        for then, category in lexicon.followed[part]:
            if category not in categories and then in found and _follows(found[part], found[then]):
                categories.add(category)
    return tuple(category for category in CATEGORIES if category in categories)


def _readable(folded: str) -> str:
    """The text with one space for hyphens and white space, and a space at either end, so that every term has neighbours."""
    return f" {' '.join(folded.replace('-', ' ').split())} "


def _follows(firsts: list[tuple[int, int]], seconds: list[tuple[int, int]]) -> bool:
    starts = sorted(start for start, _ in seconds)
    for _, end in firsts:
        at = bisect_left(starts, end)
        if at < len(starts) and starts[at] - end <= GAP_CHARS:
            return True
    return False


class _Lexicon:
    """The terms of triggers.toml, ready for a search in one pass."""

    def __init__(self, terms: dict[str, dict[str, list[str]]]) -> None:
        from ahocorasick_rs import AhoCorasick, Implementation

        numbers: dict[tuple[str, bool], int] = {}
        alone: dict[int, set[str]] = {}
        followed: dict[int, set[tuple[int, str]]] = {}

        def number(written: str) -> int:
            stem = written.endswith("*")
            return numbers.setdefault(
                (_readable(fold(written.removesuffix("*"))).strip(), stem), len(numbers)
            )

        for category, by_language in terms.items():
            for term in (term for written in by_language.values() for term in written):
                first, gap, second = (piece.strip() for piece in term.partition("~"))
                if gap:
                    followed.setdefault(number(first), set()).add((number(second), category))
                else:
                    alone.setdefault(number(first), set()).add(category)
        self.is_stem = [stem for _, stem in numbers]
        self.alone = [tuple(sorted(alone.get(part, ()))) for part in range(len(numbers))]
        self.followed = [tuple(sorted(followed.get(part, ()))) for part in range(len(numbers))]
        self.parts: Any = AhoCorasick(
            [words for words, _ in numbers], implementation=Implementation.DFA, store_patterns=False
        )


@cache
def _lexicon() -> _Lexicon:
    return _Lexicon(trigger_terms())


def trigger_terms() -> dict[str, dict[str, list[str]]]:
    """The content of triggers.toml: category -> language -> terms as written."""
    return tomllib.loads(Path(__file__).with_name("triggers.toml").read_text(encoding="utf-8"))
