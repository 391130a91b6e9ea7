"""Trigger terms: words that make a single mention worth a look, whatever the volume.

A crisis may begin with one post ("my phone caught fire"), so Tocsin searches each matched mention for some words: those of harm
(`safety`), of law and authorities (`regulator`), of attacks (`violence`), of leaked data (`data_breach`) and of people at the top
falling (`executive`), in twelve languages. The terms are data in triggers.toml, which also says how to write one. They
tell what a post talks about. They do not tell whether it is true, or about whom; they do not understand a negation.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from processors.understand.phrases import PhraseSearch
from tocsin.query.fold import fold

CATEGORIES = ("safety", "regulator", "violence", "data_breach", "executive")
"""The categories, in the order in which `trigger_categories` names them."""
MAX_CHARS = 10_000
"""The part of a text that is read."""
_HARMLESS = "harmless"


def trigger_categories(text: str) -> tuple[str, ...]:
    """The categories of the terms in `text`, in the order of `CATEGORIES`. Most texts have none. Never raises."""
    return triggers_of_folded([fold(text[:MAX_CHARS])])[0]


def triggers_of_folded(folded: Sequence[str]) -> list[tuple[str, ...]]:
    """`trigger_categories` of each of these texts, in order. The texts are already folded and have at most `MAX_CHARS`."""
    return _phrases().among(folded)


@cache
def _phrases() -> PhraseSearch:
    terms = {
        category: [term for written in by_language.values() for term in written]
        for category, by_language in trigger_terms().items()
    }
    return PhraseSearch(terms, [phrase for phrases in _written()[_HARMLESS].values() for phrase in phrases])


def trigger_terms() -> dict[str, dict[str, list[str]]]:
    """The terms of triggers.toml as they are written: category -> language -> terms."""
    return {category: terms for category, terms in _written().items() if category != _HARMLESS}


def _written() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(Path(__file__).with_name("triggers.toml").read_text(encoding="utf-8"))
