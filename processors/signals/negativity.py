"""Negativity: more negatives than the volume explains. The one statistic that joins volume, tone and subject.

Most of the mentions above what was due are taken to be as negative as this monitor's mentions usually are. The rest of their
negatives, and those of a share that rises by itself, are news. A running sum (CUSUM) adds up the evidence that the odds of a
negative are 2.4 times the usual ones. A mention counts less the more come at once, because a thousand mentions of one evening are
not a thousand opinions. To that comes the evidence that there are more mentions than were due, and half-way to an alert the
evidence that they tell of something new, each up to what the negatives bring themselves. A burst with the usual share raises
nothing, and neither do a few angry posts. docs/detection.md has the formulas.

`detail`: span_s, scored and negative (in that span), threshold, heat, hour_score, usual_due (mentions due in the window), taken
(the negatives that the sums take), window_negative (negatives due in the window), off (how far the last hour is from them),
evidence (nats, negatives, scored, negatives due and windows since it began), crowd (the same of the volume: nats, mentions, due
and windows), subject (the nats of a new one, where there is one), adaptive_expected, complete, reason. observed, lower
and upper are the share of negatives of the span and its 95 % interval; expected is the usual share.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from math import log, sqrt
from typing import Any

import msgspec

from processors.signals import crowd, story, subject
from processors.signals.crowd import NO_CROWD, Crowd
from processors.signals.negative_run import (
    MOST_EVIDENCE,
    NO_RUN,
    NegativeRun,
    at_crisis_odds,
    grown,
    taught,
    together,
)
from processors.signals.rises import NO_RISE, Rise, as_stored
from processors.signals.spans import LONGEST_SPAN, moved
from processors.signals.statistics import asks, four, median_step, score_of, six, tidy, wildness, wilson
from processors.signals.story import Path, Story
from processors.signals.types import NOT_LOOKED, Reading, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.promise import CLEARLY_OVER

LEARNING = timedelta(hours=2)
HALF_HOUR = timedelta(minutes=30)
PRIOR_SHARE, PRIOR_SCORED, LEAST_SHARE, MOST_SHARE = 0.2, 10.0, 0.02, 0.95
USUAL_HALF_LIFE_H, ADAPTIVE_HALF_LIFE_H = 24.0 * 7, 6.0
# The part of an unusual volume that explains its own negatives.
EXPLAINS = 0.85
# A window enters the sum with at most so many of its own deviations above the negatives that were due.
CUT = 4.0
LEAST_COUNTED = 1e-9
# The evidence at which the heat is 1.
EVIDENCE_AT = 4.75
# A promise of N a week asks N to the power of minus this. Measured: the rate follows the promise.
ASKS = 0.3
# The correlation between two mentions of one half hour.
CORRELATION = 0.05
AT_LEAST_SCORED = 10
# From half of an alert's score on, a new subject counts.
HALF_WAY = 2.0
# Fewer angry posts are no crisis.
LEAST_NEGATIVE = 5
# A false alert must not hide a crisis of the same day, and the wildest monitor must keep its promise.
PATHS = (Path("negatives", habit=0.1, a_week=2 / 3, rest=story.HALF_A_DAY),)


class Recent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One window of the last hour: mentions scored, negatives, mentions due, negatives taken into the sums, negatives due,
    mentions taken into the sums.
    """

    scored: int = 0
    negative: int = 0
    due: float = 0.0
    taken: float = 0.0
    negative_due: float = 0.0
    # Windows that were stored before have none.
    crowd: float = 0.0


class NegativityState(msgspec.Struct, frozen=True, gc=False):
    """The memory of one monitor's negativity detector.

    `usual` and `adaptive` are (negative, scored), fading. `counted` are the mentions behind `usual`, scored or not. `recent` has
    the windows of the last hour, the newest last. `window_off` and `hour_off` are the logarithms of the medians of how far single
    windows and hours are from what was due.
    """

    first: datetime | None = None
    next: datetime | None = None
    known_h: float = 0.0
    usual: tuple[float, float] = (PRIOR_SHARE * PRIOR_SCORED, PRIOR_SCORED)
    counted: float = PRIOR_SCORED
    adaptive: tuple[float, float] = (0.0, 0.0)
    recent: tuple[Recent, ...] = ()
    window_off: float = 0.0
    hour_off: float = log(0.67)
    evidence: NegativeRun = NO_RUN
    story: Story = Story(habits=(0.0,))
    # States that were stored before have none: it is learned anew.
    crowd: Crowd = NO_CROWD


class _Behind(msgspec.Struct, frozen=True, gc=False):
    """The crowd behind a window: the mentions that the sums take of it, those taken and those due in the hour that ends with it,
    the windows of that hour, and the running sum after it.
    """

    counted: float
    hour: tuple[float, float, int]
    rise: Rise


class _Look(msgspec.Struct, frozen=True, gc=False):
    """What a window looks like, before the promise and the story are asked."""

    learning: bool
    share: float
    due: float
    negative_due: float
    taken: float
    off: float
    hour: tuple[float, float]
    evidence: NegativeRun
    behind: _Behind
    # The nats of a new subject.
    subject: float = 0.0


class _Lesson(msgspec.Struct, frozen=True, gc=False):
    """What a judged window teaches, rounded as its reading stores it."""

    share: float
    due: float
    negative_due: float
    taken: float
    off: float
    evidence: list[Any]
    heat: float
    threshold: float
    reason: str
    subject: float = 0.0


class Negativity:
    """The detector. `length` is the length of the windows. The port asks for the zone; the detector does not use it, because
    shares have no season here.
    """

    kind = "negativity"
    version = "negativity-6"
    # Their states are carried over. Those of the first have no crowd, which is learned anew.
    carries = ("negativity-2", "negativity-3", "negativity-4", "negativity-5")

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        self._hour = max(1, round(HOUR / length))
        self._half = max(1, round(HALF_HOUR / length))
        self._longest = max(self._hour, round(LONGEST_SPAN / length))
        self._usual_keep = 0.5 ** (self._hours / USUAL_HALF_LIFE_H)
        self._adaptive_keep = 0.5 ** (self._hours / ADAPTIVE_HALF_LIFE_H)

    def initial(self) -> NegativityState:
        return NegativityState()

    def judge(self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        look = self._look(state, window)
        lesson = _lesson(state, window, look, sensitivity)
        windows, scored, negative = self._shown(state, window, look.evidence)
        effective = 1.0 + max(0, scored - 1) * CORRELATION
        lower, upper = wilson(negative / effective, scored / effective)
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=four(score_of(lesson.heat)),
            observed=six(negative / scored) if scored else 0.0,
            expected=lesson.share,
            lower=six(lower),
            upper=six(upper),
            over=lesson.reason == story.OVER,
            state="learning" if look.learning else "warm",
            detail={
                "span_s": windows * window.length.total_seconds(),
                "scored": scored,
                "negative": negative,
                "threshold": lesson.threshold,
                "heat": lesson.heat,
                "hour_score": four(_hour_score(look)),
                "usual_due": lesson.due,
                "window_negative": lesson.negative_due,
                "taken": lesson.taken,
                "off": lesson.off,
                "evidence": lesson.evidence,
                "crowd": as_stored(look.behind.rise),
                **({"subject": lesson.subject} if lesson.subject else {}),
                "adaptive_expected": six(_share(state.adaptive, look.share)),
                "complete": window.complete,
                "reason": lesson.reason,
            },
        )

    def step(
        self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity
    ) -> tuple[NegativityState, float]:
        """`judge` and `learn` at once, for a series of which nobody keeps the readings: the state after the window and the
        score.
        """
        look = self._look(state, window)
        lesson = _lesson(state, window, look, sensitivity)
        return self._taught(state, window, lesson, look.behind), four(score_of(lesson.heat))

    def quiet(
        self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity
    ) -> NegativityState | None:
        """An empty window that is not over. The readings of other windows are kept, so these are judged."""
        if window.count or window.scored:
            return None
        look = self._look(state, window)
        lesson = _lesson(state, window, look, sensitivity)
        return None if lesson.reason == story.OVER else self._taught(state, window, lesson, look.behind)

    def may_be_over(self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over. Most windows would not be, were their negatives to count in full and
        nothing to explain them.
        """
        if self._learning(state, window):
            return False
        share = _usual(state)
        high = at_crisis_odds(share)
        most = min(MOST_EVIDENCE, state.evidence.nats + window.negative * log(high / share))
        loudest = state.crowd.rise.evidence + window.scored * crowd.SOUGHT.nats
        heat = four(together(most, loudest) / _needed(state, window.start, sensitivity))
        enough = state.evidence.negative + window.negative >= LEAST_NEGATIVE
        if not enough or score_of(heat) < sensitivity.threshold:
            return False
        return _lesson(state, window, self._look(state, window), sensitivity).reason == story.OVER

    def learn(self, state: NegativityState, window: WindowCounts, reading: Reading) -> NegativityState:
        detail, before = reading.detail, self._before(state, window.start)
        counted, due = 0.0, 0.0
        # Added up as `_look` does it: the sum of newer Pythons rounds otherwise.
        for one in before:
            counted += one.crowd
            due += one.due
        hour = counted, due, len(before) + 1
        return self._taught(
            state,
            window,
            _Lesson(
                reading.expected,
                detail["usual_due"],
                detail["window_negative"],
                detail["taken"],
                detail["off"],
                detail["evidence"],
                detail["heat"],
                detail["threshold"],
                detail["reason"],
            ),
            self._behind(state, window, detail["usual_due"], hour, learning=self._learning(state, window)),
        )

    def _taught(
        self, state: NegativityState, window: WindowCounts, lesson: _Lesson, behind: _Behind
    ) -> NegativityState:
        """The state after a closed window. A window that is incomplete, or was met before, teaches nothing."""
        start, following = window.start, state.next
        if not window.complete or (following is not None and start < following):
            return state
        keep, adaptive, known_h, hours = self._usual_keep, self._adaptive_keep, state.known_h, self._hours
        scored, negative, negative_due, taken = (
            window.scored,
            window.negative,
            lesson.negative_due,
            lesson.taken,
        )
        usual, before = state.usual, state.adaptive
        lately = before[0] * adaptive + negative, before[1] * adaptive + scored
        teaches = taught(lesson.share, lately, window, known_h)
        nats, negatives, of, due, windows = lesson.evidence
        newest = Recent(scored, negative, lesson.due, taken, negative_due, tidy(behind.counted))
        return NegativityState(
            state.first or start,
            start + self._length,
            tidy(known_h + hours),
            (usual[0] * keep + teaches, usual[1] * keep + scored),
            state.counted * keep + window.count,
            lately,
            (*self._before(state, start), newest),
            median_step(
                state.window_off, abs(negative - negative_due) / sqrt(negative_due + 0.1), known_h, hours
            ),
            median_step(state.hour_off, lesson.off, known_h, hours),
            NegativeRun(nats, negatives, of, due, windows) if nats > 0.0 else NO_RUN,
            story.after(
                state.story,
                start,
                PATHS,
                10.0 ** (CLEARLY_OVER - lesson.threshold),
                0,
                lesson.heat,
                over=lesson.reason == story.OVER,
            )
            if lesson.reason in story.HOT
            else state.story,
            crowd.taught(state.crowd, scored, lesson.due, behind.hour, behind.rise, known_h, hours),
        )

    def accept(self, state: NegativityState) -> NegativityState:
        if not state.adaptive[1]:
            return state
        share = _share(state.adaptive, PRIOR_SHARE)
        usual = (tidy(share * state.usual[1]), state.usual[1])
        quiet = msgspec.structs.replace(state.crowd, rise=NO_RISE)
        return msgspec.structs.replace(state, usual=usual, recent=(), evidence=NegativeRun(), crowd=quiet)

    # A share does not need some arguments of the port.
    def tells(
        self,
        state: NegativityState,  # noqa: ARG002  # see above
        window: WindowCounts,  # noqa: ARG002  # see above
        reading: Reading,
        *,
        speaks: bool,  # noqa: ARG002  # see above
    ) -> dict[str, Any]:
        """The usual share, and whether this share is above it: the reading is over, or enough were scored and the interval lies
        above.
        """
        above = reading.detail["scored"] >= AT_LEAST_SCORED and reading.lower > reading.expected
        return {"negative_baseline": four(reading.expected), "negative_over": reading.over or above}

    def _look(self, state: NegativityState, window: WindowCounts) -> _Look:
        scored, negative = window.scored, window.negative
        share, learning = _usual(state), self._learning(state, window)
        due = float(scored)
        if window.due is not None:
            due = window.due * _part_scored(state)
        before = self._before(state, window.start)
        seen, seen_due, hour_taken, hour_due, hour_counted = 0, 0.0, 0.0, 0.0, 0.0
        for one in before:
            seen += one.scored
            seen_due += one.due
            hour_taken += one.taken
            hour_due += one.negative_due
            hour_counted += one.crowd
        windows, unusual = len(before) + 1, scored - due
        excess = (seen + scored - seen_due - due) / windows
        unusual = unusual if unusual > excess else excess
        explained = due + EXPLAINS * unusual if unusual > 0.0 else due
        negative_due = share * explained
        taken = float(negative)
        most = negative_due + CUT * sqrt(negative_due) * wildness(state.window_off) + 1.0
        if most < taken:
            taken = most
        recent = scored
        if self._half > 1:
            for one in before[1 - self._half :]:
                recent += one.scored
        alike = 1.0 + (recent - 1.0) * CORRELATION if recent > 1 else 1.0
        hour_taken += taken
        hour_due += negative_due
        weight, due = alike * wildness(state.hour_off) ** 2, six(due)
        return _Look(
            learning,
            share,
            due,
            negative_due,
            taken,
            abs(hour_taken - hour_due) / sqrt((hour_due + 0.3) * (1.0 - share) * alike),
            (hour_taken, hour_due),
            grown(state.evidence, window, share, explained, negative_due, taken, weight),
            self._behind(state, window, due, (hour_counted, seen_due, windows), learning=learning),
            0.0 if window.heard is NOT_LOOKED else six(subject.nats(subject.newest(window, state.first))),
        )

    @staticmethod
    def _behind(
        state: NegativityState,
        window: WindowCounts,
        due: float,
        before: tuple[float, float, int],
        *,
        learning: bool,
    ) -> _Behind:
        """The crowd behind a window in which `due` scored mentions were due. `before` is the hour without this window."""
        counted = crowd.taken(state.crowd, window.scored, due)
        return _Behind(
            counted,
            (before[0] + counted, before[1] + due, before[2]),
            # Evidence that there are more mentions than were due.
            NO_RISE if learning else crowd.grown(state.crowd, window.scored, due, counted),
        )

    def _shown(
        self, state: NegativityState, window: WindowCounts, since: NegativeRun
    ) -> tuple[int, int, int]:
        """The windows that the reading speaks of, the mentions scored in them and the negatives. A run that is old is told by
        its last hour.
        """
        if 0 < since.windows <= self._longest:
            return since.windows, since.scored, since.negative
        hour = self._before(state, window.start)
        return (
            self._hour,
            window.scored + sum(one.scored for one in hour),
            window.negative + sum(one.negative for one in hour),
        )

    def _before(self, state: NegativityState, start: datetime) -> tuple[Recent, ...]:
        """The windows of the hour that ends with the window at `start`, without that one."""
        if self._hour == 1:
            return ()
        if state.next is None or start <= state.next:
            return state.recent[1 - self._hour :]
        return moved(state.recent, state.next, start, self._length, Recent(), self._hour)[1 - self._hour :]

    @staticmethod
    def _learning(state: NegativityState, window: WindowCounts) -> bool:
        return state.first is None or window.start - state.first < LEARNING


def _lesson(state: NegativityState, window: WindowCounts, look: _Look, sensitivity: Sensitivity) -> _Lesson:
    heat, new = _heat(state, window.start, look, sensitivity)
    threshold, since = sensitivity.threshold, look.evidence
    return _Lesson(
        six(look.share),
        look.due,
        six(look.negative_due),
        look.taken if look.taken == window.negative else four(look.taken),
        four(look.off),
        [six(since.nats), since.negative, since.scored, four(since.due), since.windows]
        if since.windows
        else [0.0, 0, 0, 0.0, 0],
        heat,
        four(threshold),
        _why_not(state, window.start, look, heat, threshold),
        new,
    )


def _usual(state: NegativityState) -> float:
    share = _share(state.usual, PRIOR_SHARE)
    if share > LEAST_SHARE:
        return share if share < MOST_SHARE else MOST_SHARE
    return LEAST_SHARE


def _part_scored(state: NegativityState) -> float:
    scored, counted = state.usual[1], state.counted
    return 1.0 if scored >= counted > LEAST_COUNTED else min(1.0, scored / max(counted, LEAST_COUNTED))


def _share(sums: tuple[float, float], without: float) -> float:
    return sums[0] / sums[1] if sums[1] else without


def _heat(state: NegativityState, at: datetime, look: _Look, sensitivity: Sensitivity) -> tuple[float, float]:
    """The heat, and the nats of the subject where it counts."""
    nats = 0.0 if look.learning else together(look.evidence.nats, look.behind.rise.evidence)
    if not nats:
        return 0.0, 0.0
    needed = _needed(state, at, sensitivity)
    heat, new = four(nats / needed), look.subject
    if not new or HALF_WAY * score_of(heat) < sensitivity.threshold:
        return heat, 0.0
    return four((nats + min(look.evidence.nats, new)) / needed), new


def _needed(state: NegativityState, at: datetime, sensitivity: Sensitivity) -> float:
    """The evidence at which the heat is 1."""
    promise = sensitivity.false_alerts_per_week
    return EVIDENCE_AT / asks(promise, ASKS) * (1.0 + story.raised(state.story, 0, PATHS[0], at, promise))


def _hour_score(look: _Look) -> float:
    """How far the last hour is above its negatives, on the scale of the score."""
    taken, due = look.hour
    return max(0.0, look.off) * CLEARLY_OVER / 4.0 if taken > due else 0.0


def _why_not(
    state: NegativityState,
    at: datetime,
    look: _Look,
    heat: float,
    threshold: float,
) -> str:
    """The first reason for which the window is not over, or "over"."""
    if look.learning:
        return "learning"
    if score_of(heat) < threshold:
        return "as expected"
    if look.evidence.negative < LEAST_NEGATIVE:
        return "too few mentions"
    return story.OVER if story.speaks(state.story, at, heat, 0, PATHS[0]) else story.THE_SAME
