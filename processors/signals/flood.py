"""Flood: many authors tell one text within an hour, none of them as a repost.

Coordinated campaigns, copy-paste protests and syndicated news look like this. A person who reads the talk decides whether it is
real; the signal says that the many authors do not have as many thoughts. A brand that is syndicated every day is used to floods.
So a flood is news when it has twice the authors of the largest flood of a usual day, and twice five where less is usual. A flood
that was told is not told again for a day, unless twice as many authors tell it.

`detail`: span_s, complete, threshold, authors and posts (of the most told story of the hour), usual (authors on a usual day),
days (known days), reason.
"""

# ruff: noqa: ARG001, ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from math import log2
from zoneinfo import ZoneInfo

import msgspec

from processors.signals import habit
from processors.signals.beside import Beside, bounded, learns, reaches, told_lately
from processors.signals.calculation import Calculation, doublings, shown
from processors.signals.habit import Habit
from processors.signals.spans import moved
from processors.signals.types import OneText, Reading, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.sentences import Sentence

HANDFUL = 5
"""So many authors of one text are usual anywhere: a headline that a few pass on."""
NOBODY = OneText(0, 0)


class FloodState(msgspec.Struct, frozen=True):
    """The memory of one monitor: the mentions of the last windows of an hour, the most authors of one text on each day, and what
    was told last. `following` is the window after the newest known one.
    """

    first: datetime | None = None
    following: datetime | None = None
    recent: tuple[int, ...] = ()
    authors: Habit = Habit()
    told_at: datetime | None = None
    told: int = 0


class Flood(Beside[FloodState]):
    """The detector. It needs `heard.text`. Where that is None, no copies are known and the detector is quiet."""

    kind = "flood"
    version = "flood-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._kept = int(HOUR / length) - 1

    def initial(self) -> FloodState:
        return FloodState()

    def judge(self, state: FloodState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        found, today = window.heard.text or NOBODY, window.start.toordinal()
        learning = learns(state.first, window.start)
        usual = habit.usual(state.authors, today)
        score = score_of(found.authors, usual)
        known = _told_already(state, window.start, found.authors)
        over = not known and reaches(window, sensitivity, score, learning=learning)
        return self.reading(
            window,
            sensitivity,
            HOUR,
            {
                "authors": found.authors,
                "posts": found.posts,
                "usual": usual,
                "days": len(habit.before(state.authors, today)),
                "reason": _reason(found, learning=learning, known=known, over=over),
            },
            score=score,
            observed=float(found.authors),
            expected=usual,
            interval=(0.0, max(usual, float(HANDFUL))),
            learning=learning,
            over=over,
        )

    def quiet(self, state: FloodState, window: WindowCounts, sensitivity: Sensitivity) -> FloodState | None:
        """The state where several authors tell no text: the score is 0, which is below every threshold."""
        if window.heard.text is not None:
            return None
        return self._taught(state, window, 0) if window.complete else state

    def may_be_over(self, state: FloodState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return window.heard.text is not None and window.heard.text.authors > HANDFUL

    def learn(self, state: FloodState, window: WindowCounts, reading: Reading) -> FloodState:
        if not window.complete:
            return state
        authors = int(reading.detail["authors"])
        taught = self._taught(state, window, authors)
        return msgspec.structs.replace(taught, told_at=window.start, told=authors) if reading.over else taught

    def _taught(self, state: FloodState, window: WindowCounts, authors: int) -> FloodState:
        """The state after a complete window that tells nothing."""
        recent = moved(state.recent, state.following, window.start, window.length, 0, self._kept)
        return FloodState(
            first=state.first or window.start,
            following=window.end,
            recent=(*recent, window.count)[-self._kept :],
            authors=habit.met(state.authors, window.start.toordinal(), float(authors)),
            told_at=state.told_at,
            told=state.told,
        )


def in_the_hour(state: FloodState, window: WindowCounts) -> int:
    """The mentions of the hour that ends with this window, as far as it was heard."""
    kept = int(HOUR / window.length) - 1
    return sum(moved(state.recent, state.following, window.start, window.length, 0, kept)) + window.count


def score_of(authors: int, usual: float) -> float:
    """0 for no more authors than usual, 3 for twice as many, 6 for four times as many and for more."""
    if not authors:
        return 0.0
    return bounded(CLEARLY_OVER * log2(authors / max(usual, HANDFUL)))


def steps(
    state: FloodState, window: WindowCounts, reading: Reading, zone: ZoneInfo, promise: float
) -> list[Calculation]:
    """The arithmetic of a verdict."""
    today, authors = window.start.toordinal(), reading.detail["authors"]
    listed = ", ".join(shown(one) for one in sorted(habit.before(state.authors, today))) or Sentence("no day")
    usual = habit.usual(state.authors, today)
    return [
        Calculation(
            name="Authors of one text on a usual day",
            formula=Sentence("lower median of {counts}", counts=listed),
            value=usual,
            judged=reading.detail["usual"],
        ),
        Calculation(
            name="Score",
            formula=doublings(shown(authors), shown(max(usual, HANDFUL))),
            value=score_of(authors, usual),
            judged=reading.score,
        ),
    ]


def _told_already(state: FloodState, start: datetime, authors: int) -> bool:
    return told_lately(state.told_at, start) and authors < 2 * state.told


def _reason(found: OneText, *, learning: bool, known: bool, over: bool) -> str:
    if learning:
        return "learning which texts are usual"
    if not found.authors:
        return "no text that several tell"
    if known:
        return "told within a day"
    return "one text by more authors than usual" if over else "no more authors of one text than usual"
