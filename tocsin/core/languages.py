"""The languages of page and notices: English in the code, and a catalogue for each other language.

A catalogue is a file `locales/CODE.toml`, and adding one is all that a further language needs. It holds `"English" =
"translation"`; for counted things (of a sentence, those that `{n}` counts), keyed by the English plural, a list with the forms
of that language in the order of CLDR (zero, one, two, few, many, other; those that it has), or a single form that goes
with every number. A string without a translation is shown in English. A test fails where there is one. Plural rules, numbers and
dates are CLDR's, by Babel.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from tocsin.core.sentences import Percentage, Sentence

ENGLISH: Final = "en"
LOCALES: Final = {ENGLISH: "en_001"}
"""Where CLDR's locale is not the code itself. English is the world's, which puts the day before the month."""

PLURALS: Final = ("zero", "one", "two", "few", "many", "other")


@dataclass(frozen=True, slots=True)
class Language:
    """One language that people are spoken to in."""

    code: str
    locale: Locale
    catalogue: Mapping[str, str | list[str]] = field(default_factory=dict)

    def translate(self, text: str, /, **values: object) -> str:
        """The text in this language, with `{name}` filled in; markup where one of the values is, the rest then escaped."""
        found = self.catalogue.get(text, text)
        said = found if isinstance(found, str) else text
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup(escape(said)).format(**values)  # noqa: S704  # every value in it is escaped or a number
        return said.format(**values) if values else said

    def say(self, sentence: str) -> str:
        """A sentence of ours in this language, with whatever sentences fill its places; other text stays as it is."""
        if not isinstance(sentence, Sentence):
            return self.translate(sentence)
        filled = {name: self._filled(value) for name, value in sentence.values.items()}
        forms, n = self.catalogue.get(sentence.pattern), sentence.values.get("n")
        if isinstance(forms, list) and isinstance(n, int | float):
            return self._form(forms, n).format(**filled)
        return self.translate(sentence.pattern, **filled)

    def number(self, value: float, digits: int = 0) -> str:
        """1,234 or 3.1, as this language writes it."""
        return format_decimal(round(value, digits), locale=self.locale)

    def percent(self, share: float) -> str:
        """42% (in Turkish %42, in Romanian 42 %)."""
        return format_percent(share, locale=self.locale)

    def _filled(self, value: object) -> object:
        if isinstance(value, Sentence):
            return self.say(value)
        if isinstance(value, Percentage):
            return self.percent(value)
        return self.number(value, 1) if isinstance(value, int | float) else value

    def plural(self, one: str, many: str, n: float, shown: str, **values: object) -> str:
        """The form that goes with `n`, with `{n}` filled in as `shown` and its other places with `values`. A translation that has
        one form, because nothing in it is counted, goes with every number.
        """
        forms = self.catalogue.get(many, [])
        if isinstance(forms, str):
            forms = [forms]
        form = self._form(forms, n) if forms else one if n == 1 else many
        return form.format(n=shown, **values)

    def _form(self, forms: list[str], n: float) -> str:
        """The one of the forms of this language that goes with `n`."""
        if len(forms) == 1:
            return forms[0]
        return forms[plural_forms(self.locale).index(self.locale.plural_form(n))]


class Catalogues:
    """English, and one language per catalogue in the first of the `folders`; further folders add to its words. A catalogue is
    read on first use.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._codes = tuple(sorted(path.stem for path in folders[0].glob("*.toml")))
        self._read: dict[str, Language] = {}

    @property
    def codes(self) -> tuple[str, ...]:
        """Of every language, English first."""
        return (ENGLISH, *self._codes)

    def __getitem__(self, code: str) -> Language:
        """The language with this code; English for any that is not spoken."""
        code = code if code in self._codes else ENGLISH
        if code not in self._read:
            catalogue: dict[str, str | list[str]] = {}
            for folder in self._folders:
                path = folder / f"{code}.toml"
                catalogue |= _words(path) if path.exists() else {}
            self._read[code] = Language(code, Locale.parse(LOCALES.get(code, code)), catalogue)
        return self._read[code]

    def choose(self, person: str | None, accept: str | None) -> Language:
        """The person's own language, else the first of the browser's that is spoken here, else English."""
        if person and _base(person) in self.codes:
            return self[_base(person)]
        wanted: list[tuple[float, int, str]] = []
        for place, item in enumerate((accept or "")[:1000].split(",")[:20]):
            tag, _, weight = item.partition(";q=")
            try:
                quality = float(weight) if weight else 1.0
            except ValueError:
                continue
            if _base(tag) in self.codes and quality > 0:
                wanted.append((-quality, place, _base(tag)))
        return self[min(wanted)[2] if wanted else ENGLISH]


@cache
def _words(path: Path) -> Mapping[str, str | list[str]]:
    """What this file says. Page and notices share words, so several catalogues of a process read one file."""
    return tomllib.loads(path.read_text("utf-8"))


@cache
def plural_forms(locale: Locale) -> tuple[str, ...]:
    """CLDR's names of the forms that counted nouns have in this language, in the order of a catalogue's list."""
    return tuple(name for name in PLURALS if name in locale.plural_form.tags or name == "other")


def _base(tag: str) -> str:
    return tag.strip().lower().split("-")[0]
