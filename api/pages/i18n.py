"""The languages of the page: English in the templates, and a catalogue for each other language.

A catalogue is a file `locales/CODE.toml`, and adding one is all that a further language needs. It holds
`"English" = "translation"`; for counted things, keyed by the English plural, a list with the forms of that language in the order
of CLDR (zero, one, two, few, many, other; those that it has), or a single form that goes with every number. A string without a
translation is shown in English; a test sees to it that there is none. Plural rules, numbers and dates are CLDR's, by Babel.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale
from markupsafe import Markup, escape

CATALOGUES: Final = Path(__file__).parent / "locales"
ENGLISH: Final = "en"
LOCALES: Final = {ENGLISH: "en_001"}
"""Where CLDR's locale is not the code itself. English is the world's, which puts the day before the month."""

PLURALS: Final = ("zero", "one", "two", "few", "many", "other")


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the page."""

    code: str
    locale: Locale
    catalogue: Mapping[str, str | list[str]] = field(default_factory=dict)

    def translate(self, text: str, **values: object) -> str:
        """The text in this language, with `{name}` filled in; markup where one of the values is, the rest then escaped."""
        found = self.catalogue.get(text, text)
        said = found if isinstance(found, str) else text
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup(escape(said)).format(**values)  # noqa: S704  # every value in it is escaped or a number
        return said.format(**values) if values else said

    def plural(self, one: str, many: str, n: int, shown: str) -> str:
        """The form that goes with `n`, with `{n}` filled in as `shown`."""
        forms = self.catalogue.get(many)
        if isinstance(forms, list):
            form = (
                forms[0]
                if len(forms) == 1
                else forms[plural_forms(self.locale).index(self.locale.plural_form(n))]
            )
        else:
            form = one if n == 1 else many
        return form.format(n=shown)


class Languages:
    """The languages that the page speaks: English, and one per catalogue in `folder`. A catalogue is read on first use."""

    def __init__(self, folder: Path = CATALOGUES) -> None:
        self._catalogues = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        self._read: dict[str, Language] = {}

    @property
    def codes(self) -> tuple[str, ...]:
        """Of every language, English first."""
        return (ENGLISH, *self._catalogues)

    def __getitem__(self, code: str) -> Language:
        """The language with this code; English for any that the page does not speak."""
        code = code if code in self._catalogues else ENGLISH
        if code not in self._read:
            path = self._catalogues.get(code)
            catalogue = tomllib.loads(path.read_text("utf-8")) if path is not None else {}
            self._read[code] = Language(code, Locale.parse(LOCALES.get(code, code)), catalogue)
        return self._read[code]

    def choose(self, person: str | None, accept: str | None) -> Language:
        """The person's own language, else the first of the browser's that the page speaks, else English."""
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
def plural_forms(locale: Locale) -> tuple[str, ...]:
    """CLDR's names of the forms that counted nouns have in this language, in the order of a catalogue's list."""
    return tuple(name for name in PLURALS if name in locale.plural_form.tags or name == "other")


def _base(tag: str) -> str:
    return tag.strip().lower().split("-")[0]
