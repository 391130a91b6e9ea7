"""The demo's sentences: a small grammar per language, read from texts/<language>.txt.

A file has sections `[name]` with one choice a line. `{slot}` in a line takes a line of the section `slot`, or what the caller
gives under that name. `~` is the empty choice and `;` starts a comment. The same random numbers give the same text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_SLOT = re.compile(r"\{(\w+)\}")
_SPACES = re.compile(r" {2,}")
_SENTENCE = re.compile(r"(?:^|(?<=[.!?] ))[^\W\d_]")
# Articles that change before the one brand that begins with a vowel.
_ELISIONS = {
    "en": (re.compile(r"\b([Aa]) (?=Ondrello)"), r"\1n "),
    "fr": (re.compile(r"\b([DLdl])e (?=Ondrello)"), r"\1'"),
}


class Phrases:
    """The sentences of one language."""

    def __init__(self, lang: str, sections: Mapping[str, tuple[str, ...]]) -> None:
        self.lang = lang
        self._sections = sections

    def has(self, section: str) -> bool:
        """Whether this language has the section."""
        return section in self._sections

    def choices(self, section: str) -> tuple[str, ...]:
        """The lines of a section, slots unfilled. Raises `KeyError` where there is no such section."""
        return self._sections[section]

    def say(self, section: str, rng: random.Random, given: Mapping[str, str]) -> str:
        """One text of `section`: every slot filled, single spaces, a capital at the beginning of each sentence."""
        text = _SPACES.sub(" ", self._fill("{" + section + "}", rng, given)).strip()
        if self.lang in _ELISIONS:
            article, elided = _ELISIONS[self.lang]
            text = article.sub(elided, text)
        return _SENTENCE.sub(self._capital, text)

    def _capital(self, letter: re.Match[str]) -> str:
        return "İ" if self.lang == "tr" and letter.group() == "i" else letter.group().upper()

    def _fill(self, line: str, rng: random.Random, given: Mapping[str, str]) -> str:
        def one(match: re.Match[str]) -> str:
            slot = match.group(1)
            if slot in given:
                return given[slot]
            choices = self._sections[slot]
            return self._fill(choices[int(rng.random() * len(choices))], rng, given)

        return _SLOT.sub(one, line)


@cache
def phrases(lang: str) -> Phrases:
    """The phrases of a language of the demo, read once. Raises `FileNotFoundError` where the demo does not speak it."""
    text = resources.files("ops.demo").joinpath("texts", f"{lang}.txt").read_text(encoding="utf-8")
    return Phrases(lang, parse_sections(text))


def parse_sections(text: str) -> dict[str, tuple[str, ...]]:
    """The sections by name. Raises `ValueError` with the line that stands before any section or opens a section twice."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
            if name in found:
                raise ValueError(f"line {number}: section [{name}] is there twice")
            lines = found[name] = []
        elif lines is None:
            raise ValueError(f"line {number}: a text before the first [section]")
        else:
            lines.append("" if line == "~" else line)
    return {name: tuple(choices) for name, choices in found.items()}
