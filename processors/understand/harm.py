"""Words that harm by themselves: a post with an insult, a threat, a call against a group or sexual spam may be hidden by its
words alone (harm_words.toml), whatever the model of facets makes of the whole text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from processors.understand.features import MAX_CHARS
from processors.understand.phrases import PhraseSearch
from tocsin.core.facets import FACETS, Facets
from tocsin.query.fold import fold


def with_harm(language: str, texts: Sequence[str], facets: Sequence[Facets]) -> list[Facets]:
    """The facets of each text, with the kinds of harm that its words tell in this language beside those that are there."""
    told = _phrases(language).among([fold(text[:MAX_CHARS]) for text in texts])
    return [_with(one, kinds) if kinds else one for one, kinds in zip(facets, told, strict=True)]


def _with(facets: Facets, kinds: Sequence[str]) -> Facets:
    harm = {*facets.harm, *kinds}
    return msgspec.structs.replace(facets, harm=tuple(kind for kind in FACETS["harm"] if kind in harm))


def harm_words() -> dict[str, dict[str, list[str]]]:
    """The content of harm_words.toml: kind -> language -> terms."""
    return tomllib.loads(Path(__file__).with_name("harm_words.toml").read_text(encoding="utf-8"))


@cache
def _phrases(language: str) -> PhraseSearch:
    return PhraseSearch({kind: spoken.get(language, ()) for kind, spoken in harm_words().items()})
