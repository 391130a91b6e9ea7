"""Volume: more mentions than this monitor's hours lead one to expect, in 5 minutes, 15 minutes, 1 hour or 6
hours.

A sudden burst shows in the last window, a slow ramp and a small brand in the last hours; one reading looks at
all spans and reports the rarest. Per span the sum is held against its expectation on Anscombe's scale,
divided by the spread that this monitor really has (its variance is many times its mean), and turned into
rarity by the tail of its own past peaks. The formulas, defaults and their reasons: docs/detection.md.

`detail`: span_s, z, ratio, threshold, recent_score (best of the spans up to an hour), hour_score,
adaptive_expected and window_expected (mentions in the window itself), doubt, complete, spans (z of each
span), reason (why it is or is not over).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from processors.signals.baseline import Baseline, Expected, absorb, accepted, expect
from processors.signals.spans import HOUR, spans_in_windows, up_to_an_hour
from processors.signals.statistics import (
    UNION,
    Tail,
    spread_rule,
    tail_rule,
    tidy,
)
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.counts import KAPPA, interval_95, steady, unsteady

PRIOR_SPREAD = 1.5
LOOKS = 2.0  # what four overlapping spans are worth at first; the union's own tail corrects it
LEARNING = timedelta(hours=2)
SILENCE = timedelta(hours=24)
YOUNG = timedelta(days=7)
SUDDEN = 0.5  # of what a morning may bring on top: the part that can come within minutes
RELENT = 1.5  # what an hour far above what was due is taught, over what was due


class Recent(msgspec.Struct, frozen=True, array_like=True):
    """The last windows, newest last: mentions seen, mentions due, and the variance that our doubt adds
    (mentions due times doubt). A window that is unknown, or was still learned from, is 0 in all."""

    seen: tuple[int, ...] = ()
    due: tuple[float, ...] = ()
    dawn: tuple[float, ...] = ()
    doubt: tuple[float, ...] = ()


class VolumeState(msgspec.Struct, frozen=True):
    """What one monitor's volume detector remembers. `spread` and `tails` have one place per span."""

    first: datetime | None = None
    next: datetime | None = None
    last_mention: datetime | None = None
    baseline: Baseline = Baseline()
    recent: Recent = Recent()
    spread: tuple[float, ...] = ()
    tails: tuple[Tail, ...] = ()
    union: Tail = Tail()


@dataclass(frozen=True, slots=True)
class _Look:
    """One span: what was seen, what was due, and how far apart they are in units of this monitor's own
    spread."""

    windows: int
    observed: int
    expected: float
    sigma: float
    z: float
    raw: float
    score: float


class Volume:
    """The detector. `zone` is the monitor's own; `length` the length of its windows, from a minute to a
    day."""

    kind = "volume"
    version = "volume-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        self._spans = spans_in_windows(length)
        # Of each span: its windows, where those before the newest lie in the recent ones, its part of a dawn.
        self._backs = tuple(
            (n, slice(-(n - 1), None) if n > 1 else slice(0, 0), SUDDEN if n * length < HOUR else 1.0)
            for n in self._spans
        )
        self._rules = tuple(tail_rule(n * length) for n in self._spans)
        self._spreads = tuple(spread_rule(n * length) for n in self._spans)
        self._recent_spans = up_to_an_hour(self._spans, length)

    def initial(self) -> VolumeState:
        n = len(self._spans)
        return VolumeState(spread=(PRIOR_SPREAD,) * n, tails=(Tail(),) * n)

    def judge(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        due = expect(state.baseline, window.start, window.length, self._zone)
        looks = self._looks(state, window, due)
        recent = max(look.score for look in looks[: self._recent_spans])
        threshold = sensitivity.threshold
        learning = self._learning(state, window)
        passed = [look for look in looks if _why_not(look, recent, threshold, sensitivity) is None]
        shown = max(passed or looks, key=lambda look: look.score)
        reason = "learning" if learning else _why_not(shown, recent, threshold, sensitivity)
        lower, upper = interval_95(shown.expected, shown.sigma)
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=round(shown.score, 4),
            observed=float(shown.observed),
            expected=round(shown.expected, 4),
            lower=round(lower, 4),
            upper=round(upper, 4),
            over=reason is None,
            state="learning" if learning else "warm",
            detail={
                "span_s": shown.windows * window.length.total_seconds(),
                "z": round(shown.z, 4),
                "ratio": round(shown.observed / max(shown.expected, 1e-9), 4),
                "threshold": round(threshold, 4),
                "recent_score": round(recent, 4),
                "hour_score": round(looks[self._recent_spans - 1].score, 4),
                "adaptive_expected": round(due.adaptive, 6),
                "window_expected": round(due.protected, 6),
                "dawn": round(due.dawn, 6),
                "doubt": round(due.doubt, 6),
                "complete": window.complete,
                "raw_score": round(max(look.raw for look in looks), 4),
                "spans": [round(look.z, 4) for look in looks],
                "reason": reason or "over",
            },
        )

    def may_be_over(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over: most spans of most open windows are told from their
        counts alone."""
        if self._learning(state, window):
            return False
        past = self._past(state, window.start)
        if window.count + sum(past.seen) < sensitivity.at_least_mentions:
            return False
        due = expect(state.baseline, window.start, window.length, self._zone)
        least, ratio, threshold = (
            sensitivity.at_least_mentions,
            sensitivity.at_least_ratio,
            sensitivity.threshold,
        )
        overall: tuple[float, float] | None = None
        for place, back in enumerate(self._backs):
            observed, expected = self._sums(past, back, window, due)
            if observed < least or observed < ratio * expected:
                continue
            overall = overall or UNION.scale(state.union)
            if self._look(state, place, due, observed, expected, past, overall).score >= threshold:
                return True
        return False

    def learn(self, state: VolumeState, window: WindowCounts, reading: Reading) -> VolumeState:
        if not window.complete or (state.next is not None and window.start < state.next):
            return state
        warm = not self._learning(state, window)
        due, dawn, doubt = (float(reading.detail[name]) for name in ("window_expected", "dawn", "doubt"))
        if self._anew(state, window):
            state = self.initial()
        if state.first is None:
            if window.count == 0:
                return state
            start = expect(state.baseline, window.start, window.length, self._zone)
            due, dawn, doubt = tidy(start.protected), tidy(start.dawn), tidy(start.doubt)
        past, keep = self._past(state, window.start), self._spans[-1]
        known = (window.count, due, dawn, tidy(due * doubt)) if warm else (0, 0.0, 0.0, 0.0)
        recent = Recent(
            (*past.seen, known[0])[-keep:],
            (*past.due, known[1])[-keep:],
            (*past.dawn, known[2])[-keep:],
            (*past.doubt, known[3])[-keep:],
        )
        zs = reading.detail["spans"]
        return VolumeState(
            first=state.first or window.start,
            next=window.end,
            last_mention=window.start if window.count else state.last_mention,
            baseline=absorb(
                state.baseline, window, self._zone, due + dawn, self._most(state) if warm else None
            ),
            recent=recent,
            spread=tuple(
                r.after(s, z, self._hours, state.baseline.hours)
                for r, s, z in zip(self._spreads, state.spread, zs, strict=True)
            )
            if warm
            else state.spread,
            tails=tuple(
                r.after(t, z, self._hours) for r, t, z in zip(self._rules, state.tails, zs, strict=True)
            )
            if warm
            else state.tails,
            union=UNION.after(state.union, float(reading.detail["raw_score"]), self._hours)
            if warm
            else state.union,
        )

    def accept(self, state: VolumeState) -> VolumeState:
        return msgspec.structs.replace(state, baseline=accepted(state.baseline), recent=Recent())

    def tells(
        self, state: VolumeState, window: WindowCounts, reading: Reading, *, speaks: bool
    ) -> dict[str, Any]:
        """How many times the expected volume, and whether it is on course for ten times that. Beside another signal
        it counts only where the volume itself is half-way to an alert: three posts where one was due are three times as
        many, and nothing."""
        ratio = float(reading.detail["ratio"])
        if speaks:
            return {"ratio": ratio, "tenfold": self._on_course(state, window, reading)}
        leans = reading.score >= float(reading.detail["threshold"]) / 2
        return {"ratio": ratio if leans else min(ratio, 1.0)}

    def _looks(self, state: VolumeState, window: WindowCounts, now: Expected) -> list[_Look]:
        past, overall = self._past(state, window.start), UNION.scale(state.union)
        return [
            self._look(state, place, now, *self._sums(past, back, window, now), past, overall)
            for place, back in enumerate(self._backs)
        ]

    def _look(
        self,
        state: VolumeState,
        place: int,
        now: Expected,
        observed: int,
        expected: float,
        past: Recent,
        overall: tuple[float, float],
    ) -> _Look:
        """One span; `overall` is the scale of the union's tail."""
        n, back, _ = self._backs[place]
        unknown = now.protected * now.doubt + sum(past.doubt[back])
        sigma = math.sqrt(state.spread[place] + unknown / (1.0 + KAPPA * expected))
        z = (steady(observed) - steady(expected)) / sigma
        raw = self._rules[place].rarity(state.tails[place], z, LOOKS)
        return _Look(n, observed, expected, sigma, z, raw, UNION.score(raw, overall))

    @staticmethod
    def _sums(
        past: Recent, span: tuple[int, slice, float], window: WindowCounts, now: Expected
    ) -> tuple[int, float]:
        """Mentions seen and mentions due over one span that ends with the window."""
        _, back, sudden = span
        return (
            window.count + sum(past.seen[back]),
            now.protected + sum(past.due[back]) + sudden * (now.dawn + sum(past.dawn[back])),
        )

    def _most(self, state: VolumeState) -> Callable[[float, float], float]:
        """What the protected baseline is taught of an hour at most: all up to the upper end of what was to be
        expected; of more than that, half as much again as was due."""
        sigma = math.sqrt(state.spread[self._recent_spans - 1])

        def most(seen: float, due: float) -> float:
            _, upper = interval_95(due, sigma)
            return seen if seen <= max(upper, RELENT * due) else RELENT * due

        return most

    def _on_course(self, state: VolumeState, window: WindowCounts, reading: Reading) -> bool:
        """Whether the volume is on course for ten times what is due, within six hours of the end of `window`.

        `state` is the one that `window` was judged with and `reading` the verdict.

        A straight line through the last hour and the hour before it, as multiples of what was due in each, is
        drawn on for six hours. It starts from the lower end of a one-sided 95 % interval of the last hour, so a
        small brand's three mentions are not on course for anything. Needs eight mentions in the last hour and
        twice what is due; ten times already counts as on course.
        """
        n = max(1, round(HOUR / window.length))
        seen, due = (
            (*state.recent.seen, window.count),
            (*state.recent.due, float(reading.detail["window_expected"])),
        )
        now, due_now = sum(seen[-n:]), sum(due[-n:])
        before, due_before = sum(seen[-2 * n : -n]), sum(due[-2 * n : -n])
        if now < 8 or now < 2.0 * due_now:
            return False
        if now >= 10.0 * max(due_now, 1.0):
            return True
        sigma = math.sqrt(state.spread[up_to_an_hour(spans_in_windows(window.length), window.length) - 1])
        least = unsteady(steady(now) - 1.645 * sigma) / max(due_now, 1.0)
        growth = least - before / max(due_before, 1.0)
        return least + 6.0 * max(0.0, growth) >= 10.0

    def _past(self, state: VolumeState, start: datetime) -> Recent:
        """The recent windows as seen from `start`: what is missing in between is unknown."""
        if state.next is None or start <= state.next:
            return state.recent
        missing = min(self._spans[-1], round((start - state.next) / self._length))
        r = state.recent
        return Recent(r.seen + (0,) * missing, *(x + (0.0,) * missing for x in (r.due, r.dawn, r.doubt)))

    def _learning(self, state: VolumeState, window: WindowCounts) -> bool:
        return state.first is None or window.start - state.first < LEARNING or self._anew(state, window)

    def _anew(self, state: VolumeState, window: WindowCounts) -> bool:
        """A young monitor that heard nothing for a whole day cannot tell silence from deafness: the next
        mention is its first."""
        if state.first is None or state.last_mention is None or window.count == 0:
            return False
        return window.start - state.last_mention > SILENCE and window.start - state.first < YOUNG


def _why_not(look: _Look, recent: float, threshold: float, sensitivity: Sensitivity) -> str | None:
    """The first reason why this span is not over, or None."""
    if look.score < threshold:
        return "as expected"
    if look.observed < sensitivity.at_least_mentions:
        return "too few mentions"
    if look.observed < sensitivity.at_least_ratio * look.expected:
        return "less than the ratio"
    if recent < threshold / 2:
        return "no longer so"
    return None
