"""Reach: somebody who is heard far speaks against the brand, louder than this monitor is used to.

An author is heard far who has as many followers as the monitor's `influential_followers`; so is an outlet of its `tier1`. If such
people speak of a brand every day, one more is no news. An author is news with twice the followers of the loudest author of a
usual day. An outlet is news on a day on which more than twice as many first-rank posts speak against the brand as on a usual day.
Praise is heard and remembered, and alerts nobody. After an alert the detector is quiet for a day, unless somebody with twice the
followers speaks.

`detail`: span_s, complete, threshold, loudest (the followers of the loudest voice in the window, praise included), outlets (posts
of outlets against it in the window), usual and usual_outlets (of a usual day), told (the followers that the verdict is about),
reason.
"""

# ruff: noqa: ARG001, ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import datetime
from math import log2
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from processors.signals import habit
from processors.signals.beside import HIGHEST, Beside, bounded, learns, reaches, told_lately
from processors.signals.calculation import Calculation, doublings, shown
from processors.signals.habit import Habit
from processors.signals.types import FarVoice, Reading, Sensitivity, WindowCounts
from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.sentences import Sentence

# A score rises by this with each doubling over a usual day.
A_DOUBLING = CLEARLY_OVER


class ReachState(msgspec.Struct, frozen=True):
    """The memory of one monitor: the loudest author of each day, the outlets' posts against it, and what was told last."""

    first: datetime | None = None
    authors: Habit = Habit()
    outlets: Habit = Habit()
    told_at: datetime | None = None
    told: float = 0.0


class Reach(Beside[ReachState]):
    """The detector. It needs `heard.voices`. Where they are None, nobody is known and the detector is quiet."""

    kind = "reach"
    version = "reach-1"

    def initial(self) -> ReachState:
        return ReachState()

    def judge(self, state: ReachState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        voices, today = window.heard.voices or (), window.start.toordinal()
        against = [one for one in voices if one.against]
        learning = learns(state.first, window.start)
        loudest = max((one.reach for one in voices), default=0)
        outlets = sum(bool(one.outlet) for one in against)
        usual = habit.usual(state.authors, today) if voices else 0.0
        usual_outlets = habit.usual(state.outlets, today) if voices else 0.0
        score = _score(state, against, today, usual, usual_outlets)
        told = max((one.reach for one in against), default=0)
        known = _told_already(state, window.start, told)
        over = bool(against) and not known and reaches(window, sensitivity, score, learning=learning)
        return self.reading(
            window,
            sensitivity,
            window.length,
            {
                "loudest": loudest,
                "outlets": outlets,
                "usual": usual,
                "usual_outlets": usual_outlets,
                "told": told,
                "reason": _reason(voices, against, learning=learning, known=known, over=over),
            },
            score=score,
            observed=float(len(against)),
            expected=0.0,
            interval=(0.0, 0.0),
            learning=learning,
            over=over,
        )

    def quiet(self, state: ReachState, window: WindowCounts, sensitivity: Sensitivity) -> ReachState | None:
        """The state where nobody spoke who is heard far, on a day that is known already."""
        today = window.start.toordinal()
        known = state.first is not None and state.authors.today == state.outlets.today == today
        return state if known and not window.heard.voices else None

    def may_be_over(self, state: ReachState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return any(one.against for one in window.heard.voices or ())

    def learn(self, state: ReachState, window: WindowCounts, reading: Reading) -> ReachState:
        if not window.complete:
            return state
        today, detail = window.start.toordinal(), reading.detail
        nobody = not (detail["loudest"] or detail["outlets"])
        if nobody and state.first and state.authors.today == state.outlets.today == today:
            return state
        outlets = detail["outlets"] + (state.outlets.highest if state.outlets.today == today else 0.0)
        return ReachState(
            first=state.first or window.start,
            authors=habit.met(state.authors, today, float(detail["loudest"])),
            outlets=habit.met(state.outlets, today, float(outlets)),
            told_at=window.start if reading.over else state.told_at,
            told=float(detail["told"]) if reading.over else state.told,
        )


def steps(
    state: ReachState, window: WindowCounts, reading: Reading, zone: ZoneInfo, promise: float
) -> list[Calculation]:
    """The arithmetic of a verdict."""
    today, detail = window.start.toordinal(), reading.detail
    days = habit.before(state.authors, today)
    usual = habit.usual(state.authors, today)
    listed = ", ".join(shown(one) for one in sorted(days)) or Sentence("no day")
    made = [
        Calculation(
            name="The loudest of a usual day",
            formula=Sentence("lower median of {counts}", counts=listed),
            value=usual,
            judged=detail["usual"],
        )
    ]
    against = [one for one in window.heard.voices or () if one.against]
    if any(one.outlet for one in against):
        n = detail["outlets"] + (state.outlets.highest if state.outlets.today == today else 0.0)
        made.append(_step("outlets", n, detail["usual_outlets"]))
    authors = [one.reach for one in against if not one.outlet]
    if authors:
        made.append(_step("followers", float(max(authors)), usual))
    best = max((one.value for one in made[1:]), default=0.0)
    return [
        *made,
        Calculation(name="Score", formula=Sentence("the highest of these"), value=best, judged=reading.score),
    ]


def _step(what: str, seen: float, usual: float) -> Calculation:
    formula = doublings(shown(seen), shown(usual)) if usual else Sentence("6: none on a usual day")
    return Calculation(name=f"Score by {what}", formula=formula, value=_doublings(seen, usual))


def _score(
    state: ReachState, against: list[FarVoice], today: int, usual: float, usual_outlets: float
) -> float:
    outlets = sum(bool(one.outlet) for one in against)
    authors = [one.reach for one in against if not one.outlet]
    by_outlets = by_authors = 0.0
    if outlets:
        so_far = state.outlets.highest if state.outlets.today == today else 0.0
        by_outlets = _doublings(outlets + so_far, usual_outlets)
    if authors:
        by_authors = _doublings(float(max(authors)), usual)
    return max(by_outlets, by_authors)


def _doublings(seen: float, usual: float) -> float:
    if usual <= 0:
        return HIGHEST if seen > 0 else 0.0
    return bounded(A_DOUBLING * log2(seen / usual)) if seen > 0 else 0.0


def _told_already(state: ReachState, start: datetime, reach: int) -> bool:
    return told_lately(state.told_at, start) and reach < 2 * max(state.told, 1.0)


def _reason(voices: Any, against: Any, *, learning: bool, known: bool, over: bool) -> str:
    if learning:
        return "learning who usually speaks"
    if not voices:
        return "nobody who is heard far"
    if not against:
        return "nobody who is heard far speaks against it"
    if known:
        return "told within a day"
    return "heard farther than usual" if over else "no farther than on a usual day"
