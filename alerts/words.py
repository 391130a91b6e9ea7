"""The words of notices in the reader's language: sentences, figures, times. English is the language of the code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from tocsin.core.clock import which_of_two
from tocsin.core.languages import ENGLISH, Catalogues, Language
from tocsin.core.sentences import Sentence
from tocsin.health.reasons import CATALOGUES as WORDS_OF_SOURCES
from tocsin.health.reasons import unseen

CATALOGUES: Final = Path(__file__).parent / "locales"
LANGUAGES: Final = Catalogues(CATALOGUES, WORDS_OF_SOURCES)
"""The languages that notices are written in."""


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences, figures and times for one reader of a notice. `zone` is the name of the zone that their clock shows."""

    language: Language
    zone: str

    def say(self, sentence: str, **values: object) -> str:
        """A sentence of ours in this language: as it is where it is already whole, else with its places filled in."""
        return self.language.translate(sentence, **values) if values else self.language.say(sentence)

    def plural(self, one: str, many: str, n: int, **values: object) -> str:
        """The form that goes with `n`."""
        return self.language.plural(one, many, n, self.number(n), **values)

    def lines(self, sentences: tuple[str, ...] | list[str]) -> list[str]:
        return [self.say(one) for one in sentences]

    def unseen(self, told: str) -> str:
        """What was not heard, and why. A network's own words stay as they came."""
        name, known = ("", None) if isinstance(told, Sentence) else unseen(told)
        if known is None:
            return self.say(told)
        return f"{name}: {self.say(known)}" if name else self.say(known)

    def number(self, value: float) -> str:
        """1,234; one decimal below ten where it has one."""
        return self.language.number(value, 0 if value >= 10 or value == int(value) else 1)

    def percent(self, share: float) -> str:
        return self.language.percent(share)

    def followers(self, reach: int) -> str:
        """9,999 or 12k: how many follow an author."""
        if reach < 10_000:
            return self.number(reach)
        return self.say("{n}k", n=self.number(round(reach / 1000)))

    def span(self, length: timedelta) -> str:
        """15 min, 2 h or 2.4 h."""
        minutes = round(length.total_seconds() / 60)
        if minutes < 120:
            return self.say("{n} min", n=self.number(minutes))
        return self.say("{n} h", n=self.number(minutes / 60))

    def clock(self, at: datetime) -> str:
        """03:12 Sat 22 Nov, in the reader's zone and language; with the offset where the clock shows that time twice."""
        local = at.astimezone(ZoneInfo(self.zone))
        clock = f"{local:%H:%M}{which_of_two(local)}"
        if self.language.code == ENGLISH:
            return f"{clock} {local:%a %d %b}"
        return f"{clock} {format_skeleton('MMMEd', local, locale=self.language.locale)}"


@lru_cache(maxsize=512)
def words_for(language: str | None, zone: str) -> Words:
    """The words for a reader of this language (None: not chosen, so English) and zone."""
    return Words(LANGUAGES.choose(language, None), zone)
