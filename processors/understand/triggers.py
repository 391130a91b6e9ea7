"""Trigger terms: words that make a single mention worth a look, whatever the volume.

A crisis may begin with one post ("my phone caught fire"), so Tocsin searches each matched mention for some words: those of harm
(`safety`), of law and authorities (`regulator`), of attacks (`violence`), of leaked data (`data_breach`) and of people at the top
falling (`executive`), in twelve languages. The terms are data in triggers.toml, which also says how to write one. They
tell what a post talks about. They do not tell whether it is true, or about whom; they do not understand a negation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from processors.understand.phrases import ByLanguage, PhraseSearch, written_terms
from tocsin.query.fold import fold

CATEGORIES = ("safety", "regulator", "violence", "data_breach", "executive")
"""The categories, in the order in which `trigger_categories` names them."""
MAX_CHARS = 10_000
"""The part of a text that is read."""
_FILE = "triggers.toml"


def trigger_categories(text: str) -> tuple[str, ...]:
    """The categories of the terms in `text`, in the order of `CATEGORIES`. Most texts have none. Never raises."""
    return triggers_of_folded([fold(text[:MAX_CHARS])])[0]


def triggers_of_folded(folded: Sequence[str]) -> list[tuple[str, ...]]:
    """`trigger_categories` of each of these texts, in order. The texts are already folded and have at most `MAX_CHARS`."""
    return _phrases().among(folded)


@cache
def _phrases() -> PhraseSearch:
    written, harmless = written_terms(_FILE)
    terms = {
        category: [term for terms in by_language.values() for term in terms]
        for category, by_language in written.items()
    }
    return PhraseSearch(terms, [phrase for phrases in harmless.values() for phrase in phrases])


def trigger_terms() -> dict[str, ByLanguage]:
    """The terms of triggers.toml as they are written: category -> language -> terms."""
    return written_terms(_FILE)[0]
