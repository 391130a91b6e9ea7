"""The words that carry no story, in twelve languages (stop_words.toml), folded as `tocsin.query.fold` folds them."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tocsin.query import fold


def _folded(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


_WRITTEN: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("stop_words.toml").read_text(encoding="utf-8")
)
ONLY_IN: Final = {language: _folded(words) for language, words in _WRITTEN.pop("only").items()}
"""By language, the words that are stop words in its texts alone: another language could name a crisis by them."""
_OF: Final = {language: _folded(words) for language, words in _WRITTEN.items()}
STOP_WORDS: Final = frozenset().union(*_OF.values()) | {"rt", "via", "amp", "http", "https", "www", "com"}
"""The stop words of every text."""

_DOUBTFUL: Final = frozenset().union(*ONLY_IN.values())
_LANGUAGES_OF: Final = {
    word: tuple(
        language for language in _OF if word in _OF[language] or word in ONLY_IN.get(language, frozenset())
    )
    for word in STOP_WORDS | _DOUBTFUL
}
_NONE: Final[frozenset[str]] = frozenset()


def further_stop_words(words: Iterable[str]) -> frozenset[str]:
    """The stop words of one text alone, given its folded words: those of `ONLY_IN` of its language, which is the one that has the
    most of its words. None where two languages have as many.
    """
    known = set(words)
    if known.isdisjoint(_DOUBTFUL):
        return _NONE
    (first, most), (_, second) = (
        *Counter(language for word in known for language in _LANGUAGES_OF.get(word, ())).most_common(2),
        ("", 0),
    )[:2]
    return ONLY_IN.get(first, _NONE) if most > second else _NONE
