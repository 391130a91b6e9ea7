"""How the page speaks: English written in the templates, and a catalogue per other language keyed by it.

`locales/<code>.toml` holds `"English" = "translation"`; for counted things, keyed by the English plural, a list of the
language's forms. A string without a translation is shown in English; a test sees to it that there is none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

LANGUAGES = ("en", "tr", "nl", "ro")
_FOLDER = Path(__file__).parent / "locales"


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the page."""

    code: str = "en"
    catalogue: Mapping[str, str | list[str]] = field(default_factory=dict)

    def translate(self, text: str, **values: object) -> str:
        """The text in this language, with `{name}` filled in; markup where one of the values is, the rest then escaped."""
        found = self.catalogue.get(text, text)
        said = found if isinstance(found, str) else text
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup(escape(said)).format(**values)  # noqa: S704  # every value in it is escaped or a number
        return said.format(**values) if values else said

    def plural(self, one: str, many: str, n: int, shown: str | None = None) -> str:
        """The form that goes with `n`, with `{n}` filled in (as `shown`, where it is to be written another way)."""
        forms = self.catalogue.get(many)
        if not isinstance(forms, list):
            forms = [one, many]
        return forms[min(plural_form(self.code, n), len(forms) - 1)].format(
            n=shown if shown is not None else n
        )

    def decimal(self, text: str) -> str:
        """A number written the English way (1,234.5), written this language's way."""
        if self.code == "en":
            return text
        return text.translate(str.maketrans(",.", ".,"))


def plural_form(code: str, n: int) -> int:
    """Which form of a counted noun: Turkish has one, English and Dutch two, Romanian three (Unicode CLDR, cardinals)."""
    if code == "tr":
        return 0
    if n == 1:
        return 0
    if code == "ro":
        return 1 if n == 0 or 1 <= n % 100 <= 19 else 2
    return 1


@cache
def language(code: str) -> Language:
    """The language with this code; English for any that the page does not speak."""
    if code == "en" or code not in LANGUAGES:
        return Language()
    return Language(code, tomllib.loads((_FOLDER / f"{code}.toml").read_text("utf-8")))


def choose_language(person: str | None, accept: str | None) -> str:
    """The person's own language, else the first of the browser's that the page speaks, else English."""
    if person and _base(person) in LANGUAGES:
        return _base(person)
    wanted: list[tuple[float, int, str]] = []
    for place, item in enumerate((accept or "")[:1000].split(",")[:20]):
        tag, _, weight = item.partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if _base(tag) in LANGUAGES and quality > 0:
            wanted.append((-quality, place, _base(tag)))
    return min(wanted)[2] if wanted else "en"


def _base(tag: str) -> str:
    return tag.strip().lower().split("-")[0]
