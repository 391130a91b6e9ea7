"""Volume: more mentions than this monitor's hours lead one to expect, in 5 minutes, 15 minutes, 1 hour or 6 hours.

A sudden burst shows in the last window, a slow ramp and a small brand in the last hours. One reading looks at all spans and
reports the rarest. For each span the detector compares the sum with its expectation on Anscombe's scale and divides the
difference by the real spread of this monitor (its variance is many times its mean). The tail of the monitor's own past peaks
turns the result into rarity. docs/detection.md gives the formulas, the defaults and their reasons.

`detail`: span_s, z, ratio, threshold, recent_score (best of the spans up to an hour), hour_score, adaptive_expected and
window_expected (mentions in the window itself), doubt, complete, spans (z of each span), reason (why it is or is not over).
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
# The worth of four overlapping spans at first, in independent looks. The tail of the union corrects it.
LOOKS = 2.0
LEARNING = timedelta(hours=2)
SILENCE = timedelta(hours=24)
YOUNG = timedelta(days=7)
# The part of a morning's additional mentions that can come within minutes.
SUDDEN = 0.5
# An hour far above its due mentions is taught as so many times the due mentions.
RELENT = 1.5


class Recent(msgspec.Struct, frozen=True, array_like=True):
    """The last windows, newest last: mentions seen, mentions due, mentions of a dawn, and the variance that doubt adds (mentions
    due times doubt). A window that is unknown, or came while the monitor was learning, is 0 in all of them.
    """

    seen: tuple[int, ...] = ()
    due: tuple[float, ...] = ()
    dawn: tuple[float, ...] = ()
    doubt: tuple[float, ...] = ()


class VolumeState(msgspec.Struct, frozen=True):
    """The memory of one monitor's volume detector. `spread` and `tails` have one place per span."""

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
    """One span: the mentions seen, the mentions due, and the distance between them in units of this monitor's own spread."""

    windows: int
    observed: int
    expected: float
    sigma: float
    z: float
    raw: float
    score: float


class Volume:
    """The detector. `zone` is the monitor's own. `length` is the length of its windows, from a minute to a day."""

    kind = "volume"
    version = "volume-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        self._spans = spans_in_windows(length)
        # For each span: its number of windows, the place of those before the newest in the recent ones, its part of a dawn.
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
        """False only where `judge` would not be over. The counts alone decide most spans of most open windows."""
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
        """The volume as a multiple of the expected volume, and whether it is on course for ten times that.

        Beside another signal the multiple counts only where the volume itself is half-way to an alert. Three posts where one was
        due are three times as many, and mean nothing.
        """
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
        """One span. `overall` is the scale of the union's tail."""
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
        """The mentions seen and the mentions due over one span that ends with the window."""
        _, back, sudden = span
        return (
            window.count + sum(past.seen[back]),
            now.protected + sum(past.due[back]) + sudden * (now.dawn + sum(past.dawn[back])),
        )

    def _most(self, state: VolumeState) -> Callable[[float, float], float]:
        """The most mentions of an hour that the protected baseline learns. It learns all of them up to the upper end of the
        expected range; of an hour above that, it learns half as many again as were due.
        """
        sigma = math.sqrt(state.spread[self._recent_spans - 1])

        def most(seen: float, due: float) -> float:
            _, upper = interval_95(due, sigma)
            return seen if seen <= max(upper, RELENT * due) else RELENT * due

        return most

    def _on_course(self, state: VolumeState, window: WindowCounts, reading: Reading) -> bool:
        """Whether the volume is on course for ten times what is due, within six hours of the end of `window`.

        `state` is the state that judged `window`, and `reading` is the verdict.

        A straight line goes through the last hour and the hour before it, as multiples of the mentions due in each, and on for
        six hours. It starts from the lower end of a one-sided 95 % interval of the last hour, so a small brand's three mentions
        are not on course for anything. The last hour needs eight mentions and twice the mentions due. Ten times the mentions due
        already counts as on course.
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
        """The recent windows as seen from `start`. The missing ones in between are unknown."""
        if state.next is None or start <= state.next:
            return state.recent
        missing = min(self._spans[-1], round((start - state.next) / self._length))
        r = state.recent
        return Recent(r.seen + (0,) * missing, *(x + (0.0,) * missing for x in (r.due, r.dawn, r.doubt)))

    def _learning(self, state: VolumeState, window: WindowCounts) -> bool:
        return state.first is None or window.start - state.first < LEARNING or self._anew(state, window)

    def _anew(self, state: VolumeState, window: WindowCounts) -> bool:
        """Whether the monitor starts anew with this window. A young monitor that heard nothing for a whole day cannot tell
        silence from deafness, so the next mention counts as its first.
        """
        if state.first is None or state.last_mention is None or window.count == 0:
            return False
        return window.start - state.last_mention > SILENCE and window.start - state.first < YOUNG


def _why_not(look: _Look, recent: float, threshold: float, sensitivity: Sensitivity) -> str | None:
    """The first reason for which this span is not over, or None if it is over."""
    if look.score < threshold:
        return "as expected"
    if look.observed < sensitivity.at_least_mentions:
        return "too few mentions"
    if look.observed < sensitivity.at_least_ratio * look.expected:
        return "less than the ratio"
    if recent < threshold / 2:
        return "no longer so"
    return None
