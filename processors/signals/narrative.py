"""Narrative: many tell of one subject that this monitor had hardly heard of in the two days before.

A subject is a rising term: a word or a pair of words that the texts of the last hour say and those of the two days before do not
explain. It is new where five texts and a fifth of the hour's texts say it, and its log-odds are three of their own deviations
above those of before. It stays so for six hours. It opens no alert: an alert that is open names it, since when it is told, and in
how many texts. The store is asked for texts only where some signal is over its threshold.

`detail`: span_s, complete, threshold, places (the subjects that are new now, each {dimension: "term", value, since, until, seen,
due, z}, the most told first), hot (all that were new in the last six hours, as the state keeps them), said, of, before, of_before
(texts that say the first of them, and all texts, now and before), reason.
"""

# ruff: noqa: ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import datetime
from math import log, sqrt

import msgspec

from processors.signals.beside import Beside, bounded, learns, reaches
from processors.signals.calculation import Calculation, shown
from processors.signals.spread import HOT_FOR
from processors.signals.statistics import wilson
from processors.signals.types import Reading, RisingTerm, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.sentences import Sentence
from tocsin.core.signal import Agreement, SpreadPlace

AT_LEAST, PART = 5, 0.2
# The weight of the prior, in texts: it is made of the terms of both times together.
PRIOR = 10.0
# The subjects that are kept, and those that an alert names.
MOST, NAMED = 12, 3


class NarrativeState(msgspec.Struct, frozen=True):
    """The memory of one monitor: what was new in the last six hours."""

    first: datetime | None = None
    hot: tuple[SpreadPlace, ...] = ()


class Narrative(Beside[NarrativeState]):
    """The detector. It needs `heard.subjects`."""

    kind = "narrative"
    version = "narrative-1"

    def initial(self) -> NarrativeState:
        return NarrativeState()

    def judge(self, state: NarrativeState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        learning = learns(state.first, window.start)
        subjects = [one for one in window.heard.subjects or () if is_new(one)]
        hot = _hot(state, window, subjects) if state.hot or subjects else ()
        now = {one.term: one for one in subjects}
        named = sorted((one for one in hot if one.value in now), key=lambda one: (-one.seen, one.value))
        top = now[named[0].value] if named else None
        score = bounded(top.z if top else 0.0)
        over = top is not None and reaches(window, sensitivity, score, learning=learning)
        counts = (
            {"said": top.seen, "of": top.of, "before": top.before, "of_before": top.of_before} if top else {}
        )
        lower, upper = wilson(top.seen, top.of) if top else (0.0, 0.0)
        return self.reading(
            window,
            sensitivity,
            max(HOUR, window.length),
            {
                "places": msgspec.to_builtins(named[:NAMED]),
                "hot": msgspec.to_builtins([*hot]),
                **counts,
                "reason": "a new subject"
                if over
                else "learning the subjects"
                if learning
                else "no new subject",
            },
            score=score,
            observed=round(top.seen / top.of, 6) if top else 0.0,
            expected=round(_share_before(top), 6) if top else 0.0,
            interval=(round(lower, 6), round(upper, 6)),
            learning=learning,
            over=over,
        )

    def quiet(
        self, state: NarrativeState, window: WindowCounts, sensitivity: Sensitivity
    ) -> NarrativeState | None:
        """The state where no subject is new, and no texts were asked for."""
        return state if state.first is not None and not state.hot and not window.heard.subjects else None

    def may_be_over(self, state: NarrativeState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return bool(window.heard.subjects)

    def learn(self, state: NarrativeState, window: WindowCounts, reading: Reading) -> NarrativeState:
        if not window.complete:
            return state
        if state.first and not state.hot and not reading.detail["hot"]:
            return state
        hot = msgspec.convert(reading.detail["hot"], tuple[SpreadPlace, ...])
        return NarrativeState(state.first or window.start, hot)

    def accept(self, state: NarrativeState) -> NarrativeState:
        return msgspec.structs.replace(state, hot=())


def checks(agreement: Agreement) -> list[Calculation]:
    """The arithmetic behind the first new subject that stands in an alert's evidence."""
    said, of, before, of_before = (
        int(agreement.numbers[name]) for name in ("said", "of", "before", "of_before")
    )
    term = agreement.places[0].value
    return [
        Calculation(
            name="Share of the new subject",
            formula=f"{term}: {said} / {of}",
            value=round(said / of, 6),
            judged=agreement.observed,
        ),
        Calculation(
            name="Distance from the texts before (z)",
            formula=Sentence(
                "log-odds of {said} in {of} over {before} in {of_before}, {prior} texts as prior, over their spread",
                said=str(said),
                of=str(of),
                before=str(before),
                of_before=str(of_before),
                prior=shown(PRIOR),
            ),
            value=bounded(log_odds(said, of, before, of_before)),
            judged=agreement.score,
        ),
    ]


def log_odds(said: int, of: int, before: int, of_before: int) -> float:
    """The log-odds of a term in so many texts now against before, with a prior, in units of its own spread (Monroe, Colaresi and
    Quinn 2008), rounded so that it is the same on every machine.
    """
    share = (said + before) / (of + of_before)
    has, has_not = 0.5 + PRIOR * share, 0.5 + PRIOR * (1.0 - share)
    now = said + has, of - said + has_not
    then = before + has, of_before - before + has_not
    odds = log(now[0] / now[1]) - log(then[0] / then[1])
    return round(odds / sqrt(sum(1.0 / one for one in (*now, *then))), 6)


def is_new(one: RisingTerm) -> bool:
    """Whether so many of the hour's texts say it that it is a subject, and what was told before is known."""
    return one.seen >= AT_LEAST and one.seen >= PART * one.of and one.of_before > 0


def _share_before(one: RisingTerm) -> float:
    return one.before / one.of_before


def _hot(state: NarrativeState, window: WindowCounts, subjects: list[RisingTerm]) -> tuple[SpreadPlace, ...]:
    """The subjects that are new now or were in the last six hours, the first first."""
    found = {one.value: one for one in state.hot if window.end - one.until < HOT_FOR}
    for one in subjects:
        since = found[one.term].since if one.term in found else window.start
        due = round(one.of * _share_before(one), 4)
        found[one.term] = SpreadPlace("term", one.term, since, window.end, one.seen, due, one.z)
    ordered = sorted(found.values(), key=lambda one: (one.since, one.value))
    return tuple(ordered[-MOST:])
