"""A lexicon of one language: how good or bad words are, and which words negate.

The files in `lexicons/` are Tocsin's own (Apache-2.0); the English valences alone are AFINN's (NOTICE). Every language has a
file of its own, and all have that of the emoji. A line has `kind`, `form` and `value`, with a tab between. A form that ends in
`*` is the beginning of a word. Forms are folded as texts are, so diacritics make no difference. The kinds:

- `valence`: a word and how good it is, -5 to 5;
- `negate`, `negate_behind`, `negate_both`: a word that turns around what comes after it, what came before it (Turkish "değil"),
  or both (German "nicht": "nicht gut", "gefällt mir nicht");
- `negate_suffix`: a regular expression for endings that turn their own word around;
- `boost`, `contrast`, and valences of several words: kept for readers of the file. The models learn them from pairs of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from tocsin.query.fold import fold

FOLDER = Path(__file__).with_name("lexicons")
_SHORTEST_STEM = 3

Negation = Literal["", "after", "before", "both"]
"""What a word turns around: nothing, what comes after it, what came before it, or both."""
_NEGATIONS: Final[dict[str, Negation]] = {"negate": "after", "negate_behind": "before", "negate_both": "both"}
"""What a word turns around, by the kind of its line."""


class Lexicon:
    """The valences, -5 to 5, and the negators of a language. An empty one knows no word."""

    def __init__(
        self,
        words: dict[str, float] | None = None,
        stems: dict[str, float] | None = None,
        negators: Mapping[str, Negation] | None = None,
        negating: Iterable[str] = (),
    ) -> None:
        self._words = words or {}
        self._stems = stems or {}
        self._negation = negators or {}
        self._negating = [re.compile(one) for one in negating]
        # Most words begin like no stem, so one look-up is all they cost.
        self._stems_from: dict[str, list[str]] = {}
        for stem in sorted(self._stems, key=len, reverse=True):
            if len(stem) >= _SHORTEST_STEM:
                self._stems_from.setdefault(stem[:_SHORTEST_STEM], []).append(stem)

    def valence(self, word: str) -> float:
        """The valence of a folded word: its own, else that of its longest known beginning, else 0."""
        if (own := self._words.get(word)) is not None:
            return own
        for known in self._stems_from.get(word[:_SHORTEST_STEM], ()):
            if word.startswith(known):
                stem, rest = self._stems[known], word[len(known) :]
                return -0.7 * stem if any(one.search(rest) for one in self._negating) else stem
        return 0.0

    def negates(self, word: str) -> Negation:
        """What a folded word turns around."""
        return self._negation.get(word, "after" if word.endswith("n't") else "")


@cache
def lexicon_of(language: str, *, emoji: bool = True) -> Lexicon:
    """The lexicon of a language, with or without emoji. It has no words where the language has no file."""
    return read(written(language) if emoji else _file(language))


def written(language: str) -> str:
    """The text of all files that `lexicon_of` reads for a language."""
    return _file("emoji") + _file(language)


def _file(name: str) -> str:
    path = FOLDER / f"{name}.tsv"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def read(written: str) -> Lexicon:
    """The lexicon in a file's text."""
    words: dict[str, float] = {}
    stems: dict[str, float] = {}
    negators: dict[str, Negation] = {}
    negating: list[str] = []
    for line in written.splitlines():
        if not line or line.startswith("#"):
            continue
        kind, form, value = line.split("\t")
        if kind == "valence" and " " not in form:
            (stems if form.endswith("*") else words)[fold(form.rstrip("*"))] = float(value)
        elif kind in _NEGATIONS:
            negators[fold(form)] = _NEGATIONS[kind]
        elif kind == "negate_suffix":
            negating.append(form)
    return Lexicon(words, stems, negators, negating)
