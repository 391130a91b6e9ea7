"""Sentences that are written in English where they are decided, and can still be said in the reader's language."""

from __future__ import annotations

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

    def __new__(cls, pattern: str, **values: object) -> Sentence:
        shown = {name: _shown(value) for name, value in values.items()}
        said = super().__new__(cls, pattern.format(**shown) if values else pattern)
        said.pattern, said.values = pattern, values
        return said


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
