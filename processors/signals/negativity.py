"""Negativity: a larger share of negatives than this monitor is used to, over 15 minutes, 1 hour or 6 hours.

The detector compares the share of negatives among the scored mentions of a span with a baseline share. It does so on the
arc-sine scale, where the variance of a share does not depend on the share. Mentions are correlated (one thread, one topic, one
hour), so their shares vary more than coins do: a thousand mentions of one evening are worth some thirty. A reading is over only
if the lower end of the observed share's interval (Wilson's, for that effective number) is above the baseline by a margin.

`detail`: span_s, z, scored, negative, margin, threshold, recent_score, hour_score, adaptive_expected, complete, spans,
window_taught, reason. observed, lower and upper are the share of the span and its 95 % interval; expected is the baseline share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from processors.signals.spans import moved, spans_in_windows, up_to_an_hour
from processors.signals.statistics import UNION, Tail, spread_rule, tail_rule, tidy, wilson
from processors.signals.types import Reading, Sensitivity, WindowCounts

PRIOR_SHARE, PRIOR_SCORED = 0.2, 10.0
# The prior correlation between two mentions of one span. The learned spread multiplies it.
CORRELATION = 0.03
PROTECTED_HALF_LIFE_H, ADAPTIVE_HALF_LIFE_H = 24.0 * 7, 6.0
MARGIN = 0.05
AT_LEAST_SCORED = 10
LEARNING, LEARNING_SCORED = timedelta(hours=2), 30.0
LEAST_SPREAD = 0.3
# The worth of three nested spans at first, in independent looks. The tail of the union corrects it.
LOOKS = 2.0


class NegativityState(msgspec.Struct, frozen=True):
    """The memory of one monitor's negativity detector.

    `protected` and `adaptive` are (negative, scored), fading. `recent` holds (negative, scored) of the last windows, newest last.
    `spread` and `tails` have one place per span.
    """

    first: datetime | None = None
    next: datetime | None = None
    hours: float = 0.0
    protected: tuple[float, float] = (0.0, 0.0)
    adaptive: tuple[float, float] = (0.0, 0.0)
    recent: tuple[tuple[int, int], ...] = ()
    spread: tuple[float, ...] = ()
    tails: tuple[Tail, ...] = ()
    union: Tail = Tail()


@dataclass(frozen=True, slots=True)
class _Look:
    """One span: its counts, the distance of its share from the baseline's in units of this monitor's own spread, and the interval
    of the share.
    """

    windows: int
    scored: int
    negative: int
    z: float
    raw: float
    score: float
    lower: float
    upper: float


class Negativity:
    """The detector. `length` is the length of the windows. The port asks for the zone; the detector does not use it, because
    shares have no season here.
    """

    kind = "negativity"
    version = "negativity-1"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        spans = spans_in_windows(length)
        self._spans = spans[1:] if len(spans) > 1 else spans
        self._rules = tuple(tail_rule(n * length) for n in self._spans)
        self._spreads = tuple(spread_rule(n * length, LEAST_SPREAD) for n in self._spans)
        self._recent_spans = up_to_an_hour(self._spans, length)

    def initial(self) -> NegativityState:
        n = len(self._spans)
        return NegativityState(spread=(1.0,) * n, tails=(Tail(),) * n)

    def judge(self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        past = moved(state.recent, state.next, window.start, self._length, (0, 0), self._spans[-1])
        base = _share(state.protected)
        overall, arc = UNION.scale(state.union), _arc(base)
        looks = [
            self._look(state, place, scored, negative, arc, overall)
            for place, (scored, negative) in enumerate(self._sums(past, window))
        ]
        threshold = sensitivity.threshold
        recent = max(look.score for look in looks[: self._recent_spans])
        learning = self._learning(state, window)
        reasons = [_why_not(look, base, recent, threshold, sensitivity) for look in looks]
        passed = [look for look, reason in zip(looks, reasons, strict=True) if reason is None]
        shown = max(passed or looks, key=lambda look: (look.score, look.scored))
        reason = "learning" if learning else _why_not(shown, base, recent, threshold, sensitivity)
        scored = shown.scored
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=round(shown.score, 4),
            observed=round(shown.negative / scored, 6) if scored else 0.0,
            expected=round(base, 6),
            lower=round(shown.lower, 6),
            upper=round(shown.upper, 6),
            over=reason is None,
            state="learning" if learning else "warm",
            detail={
                "span_s": shown.windows * window.length.total_seconds(),
                "z": round(shown.z, 4),
                "scored": scored,
                "negative": shown.negative,
                "margin": MARGIN,
                "threshold": round(threshold, 4),
                "recent_score": round(recent, 4),
                "hour_score": round(looks[self._recent_spans - 1].score, 4),
                "adaptive_expected": round(_share(state.adaptive), 6),
                "complete": window.complete,
                "raw_score": round(max(look.raw for look in looks), 4),
                "spans": [round(look.z, 4) for look in looks],
                "window_taught": round(self._taught(looks, window, base), 6),
                "reason": reason or "over",
            },
        )

    def may_be_over(self, state: NegativityState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over. The counts alone decide most spans of most open windows, because the lower
        end of the interval is never above the share itself.
        """
        if self._learning(state, window):
            return False
        past = moved(state.recent, state.next, window.start, self._length, (0, 0), self._spans[-1])
        base, overall = _share(state.protected), UNION.scale(state.union)
        for place, (scored, negative) in enumerate(self._sums(past, window)):
            if scored < AT_LEAST_SCORED or negative < sensitivity.at_least_mentions:
                continue
            if negative > (base + MARGIN) * scored:
                look = self._look(state, place, scored, negative, _arc(base), overall)
                if look.score >= sensitivity.threshold and look.lower > base + MARGIN:
                    return True
        return False

    def learn(self, state: NegativityState, window: WindowCounts, reading: Reading) -> NegativityState:
        if not window.complete or (state.next is not None and window.start < state.next):
            return state
        if state.first is None and window.scored == 0:
            return state
        warm = state.first is not None and not self._learning(state, window)
        taught = float(reading.detail["window_taught"]) if warm else float(window.negative)
        past = moved(state.recent, state.next, window.start, self._length, (0, 0), self._spans[-1])
        zs: list[float] = reading.detail["spans"]
        return NegativityState(
            first=state.first or window.start,
            next=window.end,
            hours=tidy(state.hours + self._hours),
            protected=_fade(state.protected, PROTECTED_HALF_LIFE_H, self._hours, taught, window.scored),
            adaptive=_fade(state.adaptive, ADAPTIVE_HALF_LIFE_H, self._hours, window.negative, window.scored),
            recent=(*past, (window.negative, window.scored))[-self._spans[-1] :],
            spread=tuple(
                r.after(s, z, self._hours, state.hours)
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

    def accept(self, state: NegativityState) -> NegativityState:
        return msgspec.structs.replace(state, protected=state.adaptive, recent=())

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
        return {"negative_baseline": round(reading.expected, 4), "negative_over": reading.over or above}

    def _sums(self, past: tuple[tuple[int, int], ...], window: WindowCounts) -> list[tuple[int, int]]:
        """The scored and the negative mentions over each span that ends with the window."""
        negatives, scored = zip(*past, strict=True) if past else ((), ())
        sums = []
        for n in self._spans:
            back = slice(-(n - 1), None) if n > 1 else slice(0, 0)
            sums.append((window.scored + sum(scored[back]), window.negative + sum(negatives[back])))
        return sums

    def _look(
        self,
        state: NegativityState,
        place: int,
        scored: int,
        negative: int,
        arc: float,
        overall: tuple[float, float],
    ) -> _Look:
        """One span. `arc` is the arc-sine of the baseline share; `overall` is the scale of the union's tail."""
        n, spread = self._spans[place], state.spread[place]
        spread *= 1.0 + max(0, scored - 1) * CORRELATION
        variance = spread + scored / (PRIOR_SCORED + state.protected[1])
        away = _arc((negative + 0.375) / (scored + 0.75)) - arc if scored else 0.0
        z = math.sqrt(scored / variance) * away
        lower, upper = wilson(negative / spread, scored / spread)
        raw = self._rules[place].rarity(state.tails[place], z, LOOKS)
        return _Look(n, scored, negative, z, raw, UNION.score(raw, overall), lower, upper)

    def _taught(self, looks: list[_Look], window: WindowCounts, base: float) -> float:
        """The negatives of this window that the protected baseline learns.

        It learns all of them, unless the share of the last hour is above the baseline by more than its interval. Then it learns
        proportionally fewer, down to the end of that interval.
        """
        hour = looks[self._recent_spans - 1]
        if hour.lower <= base or not hour.negative:
            return float(window.negative)
        ordinary = base + (hour.negative / hour.scored - hour.lower)
        return window.negative * min(1.0, ordinary * hour.scored / hour.negative)

    def _learning(self, state: NegativityState, window: WindowCounts) -> bool:
        if state.first is None or window.start - state.first < LEARNING:
            return True
        return state.protected[1] < LEARNING_SCORED


def _share(sums: tuple[float, float]) -> float:
    return (sums[0] + PRIOR_SHARE * PRIOR_SCORED) / (sums[1] + PRIOR_SCORED)


def _arc(share: float) -> float:
    """The arc-sine transform (Anscombe 1948): variance 1/n whatever the share."""
    return 2.0 * math.asin(math.sqrt(min(1.0, max(0.0, share))))


def _fade(
    sums: tuple[float, float], half_life_h: float, hours: float, negative: float, scored: float
) -> tuple[float, float]:
    keep = 0.5 ** (hours / half_life_h)
    return (tidy(sums[0] * keep + negative), tidy(sums[1] * keep + scored))


def _why_not(
    look: _Look, base: float, recent: float, threshold: float, sensitivity: Sensitivity
) -> str | None:
    """The first reason for which this span is not over, or None if it is over."""
    if look.score < threshold:
        return "as expected"
    if look.scored < AT_LEAST_SCORED or look.negative < sensitivity.at_least_mentions:
        return "too few mentions"
    if look.lower <= base + MARGIN:
        return "within the margin"
    if recent < threshold / 2:
        return "no longer so"
    return None
