"""Sentences that are written in English where they are decided, and can still be said in the reader's language."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence


class Percentage(float):
    """A share (0..1) that fills a place of a sentence, as a percentage."""


class Nth(int):
    """A number in a row that fills a place of a sentence: 30th in English, elsewhere the bare number."""

    ending: str

    def __new__(cls, number: int, ending: str) -> Nth:
        made = super().__new__(cls, number)
        made.ending = ending
        return made


class Sentence(str):
    """A sentence in English, with its pattern and with what fills its places: sentences, names, numbers and shares."""

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, /, **values: object) -> Sentence:
        shown = {name: _shown(value) for name, value in values.items()}
        said = super().__new__(cls, pattern.format(**shown) if values else pattern)
        said.pattern, said.values = pattern, values
        return said


class Patterns:
    """Sentences by their patterns, the more exact ones first where two fit. `places` says by name which shape the text in a
    place must have, where not any text will do.
    """

    def __init__(self, patterns: Sequence[str], places: Mapping[str, str]) -> None:
        self._places = places
        self._shapes = tuple((pattern, self._shape(pattern)) for pattern in patterns)

    def sentence_of(self, text: str) -> Sentence | None:
        """The text with its pattern; None where it has none. What fills a place may be such a text itself."""
        for pattern, shape in self._shapes:
            if found := shape.fullmatch(text):
                filled = {name: self.sentence_of(one) or one for name, one in found.groupdict().items()}
                return Sentence(pattern, **filled)
        return None

    def _shape(self, pattern: str) -> re.Pattern[str]:
        parts, seen = list[str](), set[str]()
        for text, name, _, _ in string.Formatter().parse(pattern):
            parts.append(re.escape(text))
            if name:
                # A place that comes twice is filled with the same both times.
                again = f"(?P={name})" if name in seen else f"(?P<{name}>{self._places.get(name, '.+?')})"
                parts.append(again)
                seen.add(name)
        return re.compile("".join(parts), re.DOTALL)


def spoken(name: str) -> Sentence:
    """A name of the code that people read, such as a status, a role or a kind. It stays as it is for programs; people hear "in
    review" for "in_review", in their language.
    """
    made = str.__new__(Sentence, name)
    made.pattern, made.values = name.replace("_", " "), {}
    return made


def listed(sentences: Sequence[str], joint: str = ", ") -> Sentence:
    """Sentences joined to one."""
    places = {f"_{number}": one for number, one in enumerate(sentences)}
    return Sentence(joint.join(f"{{{name}}}" for name in places), **places)


def _shown(value: object) -> object:
    if isinstance(value, Percentage):
        return f"{value:.0%}"
    if isinstance(value, Nth):
        return f"{int(value)}{value.ending}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value
