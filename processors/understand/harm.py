"""Words that harm by themselves: a post with an insult, a threat, a call against a group or sexual spam may be hidden by its
words alone (harm_words.toml), whatever the model of facets makes of the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec

from processors.understand.features import MAX_CHARS
from processors.understand.phrases import ByLanguage, PhraseSearch, written_terms
from tocsin.core.facets import FACETS, Facets
from tocsin.query.fold import fold

_FILE = "harm_words.toml"


def with_harm(language: str, texts: Sequence[str], facets: Sequence[Facets]) -> list[Facets]:
    """The facets of each text, with the kinds of harm that its words tell in this language beside those that are there."""
    told = _phrases(language).among([fold(text[:MAX_CHARS]) for text in texts])
    return [_with(one, kinds) if kinds else one for one, kinds in zip(facets, told, strict=True)]


def _with(facets: Facets, kinds: Sequence[str]) -> Facets:
    harm = {*facets.harm, *kinds}
    return msgspec.structs.replace(facets, harm=tuple(kind for kind in FACETS["harm"] if kind in harm))


def harm_words() -> dict[str, ByLanguage]:
    """The terms of harm_words.toml as they are written: kind -> language -> terms."""
    return written_terms(_FILE)[0]


@cache
def _phrases(language: str) -> PhraseSearch:
    written, harmless = written_terms(_FILE)
    terms = {kind: spoken.get(language, ()) for kind, spoken in written.items()}
    return PhraseSearch(terms, harmless.get(language, ()))
