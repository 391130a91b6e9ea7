"""Silence: nobody speaks where somebody should.

Window by window, the detector sums the mentions that were due since the last one, by the monitor's own hours. So a night that is
always quiet adds next to nothing. On a monitor's first day nothing is due, because its hours are not known: it may be quiet every
night. Nor is a silence told before somebody spoke in `ENOUGH_HOURS` different hours, because one burst is no rule. A silence
alerts when more mentions are missing than chance would leave out, and half as many again as in the longest silence of the last
two weeks, which the monitor is used to. Sources that are not heard make no silence: their windows are incomplete, and neither add
nor raise anything. A silence is told once, and not again within a day.

`detail`: span_s, complete, threshold, missing (mentions due since the last one), usual (missing in the longest silence of a known
day), limit (missing at which the score is 3), since (the first empty window, as a time), reason.
"""

# ruff: noqa: ARG001, ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from processors.signals import habit
from processors.signals.beside import HIGHEST, Beside, bounded, learns, reaches, told_lately
from processors.signals.calculation import Calculation, shown
from processors.signals.habit import Habit
from processors.signals.spans import LONGEST_SPAN
from processors.signals.statistics import tidy
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.counts import interval_95
from tocsin.core.promise import CLEARLY_OVER

# At least so many mentions must be missing. Chance leaves out a dozen once in 160,000 times.
LEAST = 12.0
BEYOND = 1.5
# The limit of a new monitor is up to so much higher, halving every two days.
YOUTH, YOUTH_HALF_LIFE_H = 1.0, 48.0
# Somebody spoke in so many different hours before a silence is told.
ENOUGH_HOURS = 6
# The spread of talk on the steady scale, for the interval that is shown.
SPREAD = 1.5


class SilenceState(msgspec.Struct, frozen=True):
    """The memory of one monitor: the silence that lasts (`since`, `missing`), the longest of each day, and what was told last.

    `hours` counts the different hours in which somebody spoke, up to `ENOUGH_HOURS`; `spoke` is the last of them, in hours since
    1970.
    """

    first: datetime | None = None
    since: datetime | None = None
    missing: float = 0.0
    longest: Habit = Habit()
    told_at: datetime | None = None
    # States that were stored before did not count, and keep what they can tell.
    hours: int = ENOUGH_HOURS
    spoke: int = 0


class SilenceDetector(Beside[SilenceState]):
    """The detector. It needs `due`, which the volume detector gives."""

    kind = "silence"
    version = "silence-3"
    carries = ("silence-2",)

    def initial(self) -> SilenceState:
        return SilenceState(hours=0)

    def judge(self, state: SilenceState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        empty = not window.count
        learning = learns(state.first, window.start) or state.hours < ENOUGH_HOURS
        missing = tidy(state.missing + _due(state, window)) if empty else 0.0
        since = (state.since or window.start) if empty else window.end
        most = habit.most(state.longest, window.start.toordinal())
        limit = _limit(state, window.start, most)
        score = bounded(CLEARLY_OVER * missing / limit)
        told = told_lately(state.told_at, window.start)
        over = empty and not told and reaches(window, sensitivity, score, learning=learning)
        lower, upper = interval_95(missing, SPREAD) if missing else (0.0, 0.0)
        span = max(window.length, min(LONGEST_SPAN, window.end - since))
        return self.reading(
            window,
            sensitivity,
            span,
            {
                "missing": missing,
                "usual": most,
                "limit": limit,
                "since": since.isoformat(),
                "reason": _reason(empty=empty, learning=learning, told=told, over=over),
            },
            score=score,
            observed=float(window.count),
            expected=round(missing, 4),
            interval=(round(lower, 4), round(upper, 4)),
            learning=learning,
            over=over,
        )

    def quiet(
        self, state: SilenceState, window: WindowCounts, sensitivity: Sensitivity
    ) -> SilenceState | None:
        """The state where somebody speaks, or where fewer mentions are missing than any silence needs."""
        if not window.complete:
            return state
        today = window.start.toordinal()
        if window.count:
            if _teaches_nothing(state, window):
                return state
            since, missing, ended = None, 0.0, state.missing
        else:
            since, missing, ended = (
                state.since or window.start,
                tidy(state.missing + _due(state, window)),
                0.0,
            )
            # A limit is `LEAST` or more.
            if (
                state.hours >= ENOUGH_HOURS
                and bounded(CLEARLY_OVER * missing / LEAST) >= sensitivity.threshold
            ):
                return None
        return SilenceState(
            state.first or window.start,
            since,
            missing,
            habit.met(state.longest, today, ended),
            state.told_at,
            *_hours(state, window),
        )

    def may_be_over(self, state: SilenceState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        missing = state.missing + _due(state, window)
        return not window.count and state.hours >= ENOUGH_HOURS and missing > LEAST / 2

    def learn(self, state: SilenceState, window: WindowCounts, reading: Reading) -> SilenceState:
        if not window.complete or (window.count and _teaches_nothing(state, window)):
            return state
        detail, today = reading.detail, window.start.toordinal()
        hours, spoke = _hours(state, window)
        # A silence counts as known once it has ended; one that lasts is not usual yet.
        ended = state.missing if window.count else 0.0
        return SilenceState(
            first=state.first or window.start,
            since=None if window.count else datetime.fromisoformat(detail["since"]),
            missing=detail["missing"],
            longest=habit.met(state.longest, today, ended),
            told_at=window.start if reading.over else state.told_at,
            hours=hours,
            spoke=spoke,
        )

    def accept(self, state: SilenceState) -> SilenceState:
        return msgspec.structs.replace(state, since=None, missing=0.0)


def steps(
    state: SilenceState, window: WindowCounts, reading: Reading, zone: ZoneInfo, promise: float
) -> list[Calculation]:
    """The arithmetic of a verdict."""
    due, most = _due(state, window), reading.detail["usual"]
    missing = state.missing + due
    limit = _limit(state, window.start, most)
    return [
        Calculation(
            name="Due since the last mention",
            formula=f"{shown(state.missing)} + {shown(due)}",
            value=missing,
            judged=reading.detail["missing"],
        ),
        Calculation(
            name="Missing that a silence needs",
            formula=f"max({shown(LEAST)}, {shown(BEYOND)} * {shown(most)}) * {shown(_youth(state, window.start))}",
            value=limit,
            judged=reading.detail["limit"],
        ),
        Calculation(
            name="Score",
            formula=f"min(6, 3 * {shown(missing)} / {shown(limit)})",
            value=min(HIGHEST, CLEARLY_OVER * missing / limit),
            judged=reading.score,
        ),
    ]


def _due(state: SilenceState, window: WindowCounts) -> float:
    """The mentions that this window should have brought."""
    return 0.0 if learns(state.first, window.start) else window.due or 0.0


def _hours(state: SilenceState, window: WindowCounts) -> tuple[int, int]:
    """The different hours in which somebody spoke, and the last of them, after this window."""
    hour = _hour(window)
    if not window.count or state.hours >= ENOUGH_HOURS or hour == state.spoke:
        return state.hours, state.spoke
    return state.hours + 1, hour


def _hour(window: WindowCounts) -> int:
    return int(window.start.timestamp() // 3600)


def _teaches_nothing(state: SilenceState, window: WindowCounts) -> bool:
    """Whether a window in which somebody speaks leaves the state as it is: it ends no silence, and its day and hour are known."""
    if state.first is None or state.since is not None or state.longest.today != window.start.toordinal():
        return False
    return state.hours >= ENOUGH_HOURS or state.spoke == _hour(window)


def _limit(state: SilenceState, start: datetime, most: float) -> float:
    return tidy(max(LEAST, BEYOND * most) * _youth(state, start))


def _youth(state: SilenceState, start: datetime) -> float:
    known = (start - state.first).total_seconds() / 3600 if state.first else 0.0
    return 1.0 + YOUTH * float(0.5 ** (max(0.0, known) / YOUTH_HALF_LIFE_H))


def _reason(*, empty: bool, learning: bool, told: bool, over: bool) -> str:
    if learning:
        return "learning when it is quiet"
    if not empty:
        return "somebody speaks"
    if told:
        return "told within a day"
    return "silent where somebody should speak" if over else "no longer than its silences are"
