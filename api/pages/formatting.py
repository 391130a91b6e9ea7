"""Times, spans and numbers as a person reads them, in their zone and language.

One `Formatter` is made per request. All times given to it are aware; UTC stands in the title of each `<time>`. CLDR, by Babel,
decides how a language writes numbers, dates and units; this module decides what is left out, and that hours count to 24.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import DateTimePattern, match_skeleton
from babel.numbers import format_compact_decimal, format_decimal, format_percent, format_scientific
from babel.units import format_unit
from markupsafe import Markup, escape

from alerts.alert import Alert
from alerts.reasons import reason_of
from alerts.story import copies_below, left_out, negatives_below, story_line
from alerts.words import Words
from api.pages.i18n import ENGLISH, Language
from api.pages.recorded import recorded, refusal_in
from api.pages.source_labels import LABELS
from api.pages.terms import PREFIXES, TERMS
from tocsin.core.clock import which_of_two
from tocsin.core.sentences import Sentence
from tocsin.core.signal import Agreement, Facts
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import kind_of
from tocsin.health.reasons import sentence_of, unseen
from tocsin.health.troubles import THEIR_OWN, trouble_of, unexpected_of

UNKNOWN: Final = "–"
NO_TIME: Final = Markup("–")
# Skeletons of CLDR: what is to be seen of a time, in whatever order and with whatever signs.
CLOCK: Final = "Hm"
DAY: Final = "MMMd"
WEEKDAY: Final = "MMMEd"
DAY_AND_YEAR: Final = "yMMMd"
# No language has a short word for larger numbers.
BEYOND_NAMES: Final = 1e15
# The numbers and spans that are kept as written lately: a page writes the same few again and again.
REMEMBERED: Final = 4096
IN_BACKTICKS: Final = re.compile(r"`([^`<>\n]+)`")


@dataclass(frozen=True, slots=True)
class Formatter:
    """Words, times and numbers for one reader."""

    language: Language
    zone: ZoneInfo
    now: datetime

    def translate(self, text: str, **values: object) -> str:
        return self.language.translate(text, **values)

    def plural(self, one: str, many: str, n: float, shown: str = "", **values: object) -> str:
        """The form that goes with a whole number, or with a small rate; `{n}` is filled in as `shown`, where that is given."""
        if isinstance(n, float) and not n.is_integer():
            return self.language.plural(one, many, n, shown or self.rate(n), **values)
        return self.language.plural(one, many, int(n), shown or self.number(int(n)), **values)

    def term(self, table: str, key: object) -> str:
        """A word of one of our closed lists, translated; a key that the list lacks is shown as it is."""
        known = TERMS[table].get(key)
        return self.translate(known) if known is not None else str(key).replace("_", " ")

    def field(self, name: str, kind: str) -> str:
        """The label that a field of such a definition has in its form. A setting of a plugin's source keeps its name."""
        called = LABELS.get(name) if kind == kind_of(SourceDef) else None
        return self.translate(called) if called is not None else self.term("field", name)

    def reason(self, reason: str) -> Markup:
        """Why a source was not heard; what a network says in its own words stays, marked as English."""
        known = reason if isinstance(reason, Sentence) else sentence_of(reason) or recorded(reason)
        if known is not None:
            return escape(self.language.say(known))
        return Markup('<span lang="en">{}</span>').format(reason)

    def unseen(self, told: str) -> Markup:
        """What was not heard: a sentence of ours, perhaps after the name of a source; else as it is."""
        if "; " in told and sentence_of(told) is None:
            return Markup("; ").join(self.unseen(piece) for piece in told.split("; "))
        name, known = unseen(told)
        if name:
            said = self.language.say(known) if known else self.reason(told.removeprefix(f"{name}: "))
            return Markup("{}: {}").format(name, said)
        return self.reason(told)

    def trouble(self, told: str) -> Markup:
        """Why a part of ours does not work. The words of an engine or a library stand in it as they are, marked as English."""
        if self.language.code == ENGLISH:
            return escape(told)
        known = trouble_of(told) or recorded(told)
        if known is None and sentence_of(told) is None and unseen(told)[1] is None:
            known = unexpected_of(told)
        return self.unseen(told) if known is None else self._with_their_own(known)

    def _with_their_own(self, known: Sentence) -> Markup:
        """The sentence in this language, with what is another's own words marked as English."""
        filled: dict[str, object] = {}
        for name, value in known.values.items():
            if isinstance(value, Sentence):
                filled[name] = self._with_their_own(value)
            else:
                filled[name] = self.trouble(str(value)) if name in THEIR_OWN else value
        return escape(self.language.translate(known.pattern, **filled))

    def recorded(self, text: str) -> Markup:
        """A text that is kept in English, in this language. A text that is not known stays, marked as English."""
        known = recorded(text)
        if known is not None or self.language.code == ENGLISH:
            return escape(self.language.say(known) if known is not None else text)
        return Markup('<span lang="en">{}</span>').format(text)

    def hint(self, text: str) -> Markup:
        """What a connector says of a setting, its price or its limit; that of a plugin stays, marked as English."""
        if self.language.code == ENGLISH or text in self.language.catalogue:
            return self.coded(self.translate(text))
        return Markup('<span lang="en">{}</span>').format(self.coded(text))

    def coded(self, text: str) -> Markup:
        """A text of a setting, or what is wrong with it, with each name between backticks as code. The command line and the docs
        have the same text. Nothing else of Markdown is read.
        """
        return Markup(IN_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # what goes in is escaped

    def said(self, text: str) -> str:
        """A reason or a receipt: our own words in this language, whatever a person or a server wrote as it is."""
        if refusal_in(text) is not None:
            return self._said(text)
        return "; ".join(self._said(piece) for piece in text.split("; "))

    def _said(self, piece: str) -> str:
        prefix, colon, rest = piece.partition(": ")
        if colon and prefix in PREFIXES:
            return f"{self.translate(PREFIXES[prefix])}: {self.language.say(refusal_in(piece) or rest)}"
        known = reason_of(piece)
        if known is not None:
            refusal = refusal_in(piece)
            whole = known if refusal is None else Sentence(known.pattern, **{**known.values, "why": refusal})
            return self.language.say(whole)
        return self.translate(piece) if "{" not in piece else piece

    def story(self, alert: Alert) -> str:
        """The subject of the alert on one line, as its notices say it."""
        return story_line(alert, Words(self.language, self.zone.key))

    def told_below(self, alert: Alert) -> str:
        """What stands below `story`: the copies set aside, and how many are negative where it had no room for that."""
        words = Words(self.language, self.zone.key)
        return " · ".join(filter(None, (copies_below(alert, words), negatives_below(alert, words))))

    def formula(self, formula: str) -> str:
        """The arithmetic of a step with its words in this language. Symbols and numbers stay."""
        return self.language.say(formula)

    def left_out(self, alert: Alert) -> str:
        """What the observed figure leaves out and all other figures count."""
        return left_out(alert, Words(self.language, self.zone.key))

    def means(self, kind: str) -> str:
        """The name of a kind of signal."""
        return self.translate(SIGNAL_KINDS.of(kind).means)

    def figure(self, value: float | None, kind: str) -> str:
        """An observed or expected value of a signal of that kind, in its unit."""
        return self.percent(value) if SIGNAL_KINDS.of(kind).is_share else self.number(value)

    def agreement(self, one: Agreement) -> str:
        """What another signal of the same window claims."""
        signal = SIGNAL_KINDS.of(one.kind)
        names = ("share", "usual") if signal.is_share else ("observed", "expected")
        figures = (self.figure(value, one.kind) for value in (one.observed, one.expected))
        return self._claimed(signal, one.observed, dict(zip(names, figures, strict=True)))

    def claim(self, facts: Facts) -> str:
        """What a signal claims, on one line: observed against expected."""
        signal = SIGNAL_KINDS.of(facts.kind)
        observed, expected = (self.figure(getattr(facts, name), facts.kind) for name in signal.figures)
        if facts.learning:
            # A value that was assumed before anything was heard is neither usual nor expected.
            expected = UNKNOWN
        named = (
            {"share": observed, "usual": expected}
            if signal.is_share
            else {"observed": observed, "expected": expected}
        )
        return self._claimed(signal, getattr(facts, signal.figures[0]), named)

    def _claimed(self, signal: SignalKind, seen: float | None, named: Mapping[str, str]) -> str:
        n = round(seen) if seen is not None and math.isfinite(seen) else 0
        return self.plural(signal.claim_of_one, signal.claim, n, **named)

    # -- times -------------------------------------------------------------------------------------------------------------

    def time(self, at: datetime | None, *, day: bool = False) -> Markup:
        """03:12 for today, 21 Nov 23:50 for another day (or wherever `day` asks for it); 02:15 UTC+2 where the clock shows that
        time twice.
        """
        if at is None:
            return NO_TIME
        return _stamp(at, self.time_text(at, day=day))

    def time_text(self, at: datetime, *, day: bool = False) -> str:
        """The text of `time`, without markup."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        clock = self._written(local, CLOCK) + which_of_two(local)
        if local.date() == today.date() and not day:
            return clock
        date = self._written(local, DAY if local.year == today.year else DAY_AND_YEAR)
        return f"{date} {clock}"

    def between(self, start: datetime, end: datetime) -> Markup:
        """A window of time, such as 24 Nov 18:00–18:35, with markup for both ends. Only an end on another day than the beginning
        has its date; a window of today has none.
        """
        return Markup("{}–{}").format(
            _stamp(start, self.time_text(start)), _stamp(end, self.end_text(start, end))
        )

    def between_text(self, start: datetime, end: datetime) -> str:
        """The text of `between`, without markup."""
        return f"{self.time_text(start)}–{self.end_text(start, end)}"

    def end_text(self, start: datetime, end: datetime) -> str:
        """The end of a window that began at `start`: its date is there only where it is another day in the reader's zone."""
        first, last = start.astimezone(self.zone), end.astimezone(self.zone)
        if first.date() == last.date():
            return self._written(last, CLOCK) + which_of_two(last)
        return self.time_text(end, day=True)

    def day(self, day: date) -> str:
        """Sat 28 Nov, in the reader's order."""
        return self._written(datetime(day.year, day.month, day.day, 12, tzinfo=self.zone), WEEKDAY)

    def ago(self, at: datetime | None) -> Markup:
        """4 mins ago; the script keeps it fresh."""
        if at is None:
            return NO_TIME
        span = self.now - at
        said = (
            self.translate("just now")
            if span < timedelta(seconds=10)
            else self.translate("{span} ago", span=self.duration(span))
        )
        return _stamp(at, said, exact=self.time_text(at, day=True))

    def time_left(self, due: datetime | None) -> Markup:
        """12 mins left, or overdue by 5 mins: in words, so that colour is not needed to tell."""
        if due is None:
            return NO_TIME
        said = (
            self.translate("{span} left", span=self.duration(due - self.now))
            if due >= self.now
            else self.translate("overdue by {span}", span=self.duration(self.now - due))
        )
        return _stamp(due, said, exact=self.time_text(due, day=True))

    def next_look(self, due: datetime) -> Markup:
        """When a source is asked next. A source that is due is asked by and by: nobody is late with it."""
        return self.time_left(due) if due > self.now else _stamp(due, self.translate("now"))

    def seconds(self, seconds: float) -> str:
        """A length of time given in seconds."""
        return self.duration(timedelta(seconds=seconds))

    def duration(self, span: timedelta | None) -> str:
        """The two largest units: 45 secs, 12 mins, 2 hrs 5 mins, 3 days 4 hrs; from a week on, days alone."""
        if span is None:
            return UNKNOWN
        return _duration(max(0, int(span.total_seconds())), self.language.locale)

    def minutes(self, minutes: int) -> str:
        """A span of so many minutes."""
        return self.duration(timedelta(minutes=minutes))

    def _written(self, at: datetime, skeleton: str) -> str:
        locale = self.language.locale
        return _pattern(skeleton, locale).apply(at, locale)

    # -- numbers -----------------------------------------------------------------------------------------------------------

    def number(self, value: float | None) -> str:
        """1,234; one decimal under ten where it has one."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        return _number(round(value, 1 if abs(value) < 10 else 0), self.language.locale)

    def exact(self, value: float) -> str:
        """100,000 or 0.125: a number as somebody set it, to three decimals."""
        return _number(value, self.language.locale)

    def rate(self, value: float) -> str:
        """A small rate to two figures, such as 0.25."""
        return _number(float(f"{value:.2g}"), self.language.locale)

    def compact(self, value: float | None) -> str:
        """Followers, shortly: 950, 1.4K, 12K, 1.4M."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        return _compact(value, self.language.locale)

    def axis(self, value: float) -> str:
        """For the axis of a chart: 950, 1.25K, 12.5K."""
        locale = self.language.locale
        if abs(value) >= BEYOND_NAMES:
            return format_scientific(value, locale=locale)
        return format_compact_decimal(value, locale=locale, fraction_digits=2)

    def percent(self, share: float | None) -> str:
        """42% (in Turkish %42, in Romanian 42 %); a dash where nothing is known."""
        if share is None or not math.isfinite(share):
            return UNKNOWN
        return format_percent(share, locale=self.language.locale)

    def ratio(self, ratio: float | None) -> str:
        """3.4×: how many times as much."""
        return UNKNOWN if ratio is None or not math.isfinite(ratio) else f"{self.number(ratio)}×"


@lru_cache
def _pattern(skeleton: str, locale: Locale) -> DateTimePattern:
    known: Mapping[str, DateTimePattern] = locale.datetime_skeletons
    name = skeleton if skeleton in known else match_skeleton(skeleton, known)
    return known[name or CLOCK]


@lru_cache(REMEMBERED)
def _number(value: float, locale: Locale) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(REMEMBERED)
def _compact(value: float, locale: Locale) -> str:
    whole_digits = len(str(int(abs(value))))
    # Whether one digit stands before the short word: thousands, millions or billions.
    under_ten = whole_digits > 3 and whole_digits % 3 == 1
    return format_compact_decimal(value, locale=locale, fraction_digits=1 if under_ten else 0)


@lru_cache(REMEMBERED)
def _duration(seconds: int, locale: Locale) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        parts = [(seconds, "second")]
    elif hours < 1:
        parts = [(minutes, "minute")]
    elif days < 1:
        parts = [(hours, "hour"), (minutes % 60, "minute")]
    else:
        parts = [(days, "day"), (hours % 24 if days < 7 else 0, "hour")]
    first, *rest = parts
    shown = [first, *(part for part in rest if part[0])]
    return " ".join(format_unit(n, f"duration-{unit}", "short", locale=locale) for n, unit in shown)


def utc_text(at: datetime) -> str:
    """2026-11-22 01:12 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _stamp(at: datetime, shown: str, exact: str = "") -> Markup:
    iso = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    title = f"{exact} · {utc_text(at)}" if exact else utc_text(at)
    return Markup(f'<time datetime="{escape(iso)}" title="{escape(title)}">{escape(shown)}</time>')  # noqa: S704  # every value in it is escaped or a number
