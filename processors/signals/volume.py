"""Volume: more mentions than this monitor's hours lead one to expect, as a burst or as a rise that lasts.

A *burst* shows in the sums of the last 5 minutes, 15 minutes and hour. Each sum is compared with what was due on Anscombe's
scale, and the difference is divided by the real spread of this monitor. A *rise* that lasts shows in a running sum (CUSUM) of the
evidence for two and a half times the mentions due. Its windows are cut at what a crowd does by itself, so one loud window is no
rise. The cut hides bursts; hence the two paths. docs/detection.md has the formulas, the constants and their sources.

`detail`: path (burst or rise), span_s, ratio, threshold, heat, hour_score (how far the last hour is from what was due),
window_expected (mentions due in the window itself), ready (the same, with the doubt of a first day), taken (what the sums take of
the window), sums_off, offs, rise (evidence, seen, due and windows since the rise began), adaptive_expected, complete, reason (why
it is or is not over).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from processors.signals import expectation, story
from processors.signals.expectation import Expectation, HourPlace, place_of
from processors.signals.spans import HOUR, LONGEST_SPAN
from processors.signals.statistics import NORMAL_OF_MEDIAN, median_step, score_of, tidy
from processors.signals.story import Path, Story
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.counts import KAPPA, interval_95, steady, unsteady
from tocsin.core.promise import CLEARLY_OVER

LEARNING = timedelta(hours=2)
# The spans of a burst, and how much less a z of each counts than one of an hour.
BURSTS = ((timedelta(minutes=5), 1.5), (timedelta(minutes=15), 1.25), (timedelta(hours=1), 1.0))
# The wildness of the rise is learned from sums over so long. Such a sum holds 24 windows, so their own variances weigh less.
SUMS, KAPPA_SUMS = timedelta(hours=2), KAPPA / 24.0
# A window enters the sums with at most so many of its own deviations above what was due, and at most so many times that.
CUT, CUT_RATIO = 3.0, 6.0
# It teaches at most so many times what was due, once twelve hours are known.
TEACHES, TEACHES_DEVIATIONS, TEACHES_FROM_H = 3.0, 2.0, 12
# The rise that the running sum looks for, and the most evidence that it keeps.
RISE, MOST_EVIDENCE = 2.5, 44.0
LOG_RISE = math.log(RISE)
# Below this ratio a window speaks against the rise.
TURNS_AT = (RISE - 1.0) / LOG_RISE
# Evidence from fewer mentions than an alert needs.
FEW_EVIDENCE = 2.0
# What an hour of the day that was never met may bring on a monitor's first day, and the hours that its sums may hold of that.
SWING, FIRST_DAY_H = 2.0, 26
# The heat of a path is 1 at this z, and at this evidence.
BURST_AT, RISE_AT = 4.0, 20.0
# The heat of a burst falls so steeply below 1: sensitivity is spent on the rise.
STEEP = 30.0
# The thresholds of a new monitor are up to half higher, halving every two days; the burst's less.
YOUTH, YOUTH_H, YOUTH_BURST = 0.5, 48.0, 0.4
SPREAD_PRIOR, SPREAD_PRIOR_H, SPREAD_CUT, SPREAD_HALF_LIFE_H = 2.0, 48.0, 6.0, 24.0 * 14
PATHS = (Path("burst", habit=0.12, a_week=0.5), Path("rise", habit=0.2, a_week=1.0))
BURST, LASTS = range(2)


class Recent(msgspec.Struct, frozen=True, array_like=True):
    """The last windows, the newest last: mentions seen, mentions taken into the sums, mentions due, and mentions due with the
    doubt of a first day. A window that is unknown is 0 in all of them.
    """

    seen: tuple[int, ...] = ()
    taken: tuple[float, ...] = ()
    due: tuple[float, ...] = ()
    ready: tuple[float, ...] = ()


class Rise(msgspec.Struct, frozen=True, array_like=True):
    """The running sum: its evidence in nats, and the mentions seen and due in the windows since it began."""

    evidence: float = 0.0
    seen: int = 0
    due: float = 0.0
    windows: int = 0


class VolumeState(msgspec.Struct, frozen=True):
    """The memory of one monitor's volume detector. `spread` has one place per span of a burst, as a variance in units of the
    theory's, and `spread_h` is the weight behind it, in hours. `window_off` and `sums_off` are the medians of how far single
    windows and two-hour sums are off.
    """

    first: datetime | None = None
    next: datetime | None = None
    known_h: float = 0.0
    expected: Expectation = Expectation()
    recent: Recent = Recent()
    spread: tuple[float, ...] = (SPREAD_PRIOR,) * len(BURSTS)
    spread_h: float = SPREAD_PRIOR_H
    window_off: float = math.log(2.0)
    sums_off: float = math.log(0.9)
    rise: Rise = Rise()
    story: Story = Story(habits=(0.0, 0.0))


class _Look(msgspec.Struct, frozen=True):
    """What a window looks like, before the promise and the story are asked.

    `sums` has the mentions seen and due in each span of a burst, `offs` how far apart they are on the steady scale. `burst` is
    the highest z of a span that has enough mentions, `span` its place. `lasting` says that the rise has
    enough mentions and that the last hour still speaks for it.
    """

    at: HourPlace
    learning: bool
    due: float
    ready: float
    taken: float
    sums_off: float
    sums: tuple[tuple[int, float], ...]
    offs: tuple[float, ...]
    burst: float
    span: int
    rise: Rise
    lasting: bool


class Volume:
    """The detector. `zone` is the monitor's own. `length` is the length of its windows, from a second to a week."""

    kind = "volume"
    version = "volume-2"

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        self._zone = zone
        self._length = length
        self._hours = length.total_seconds() / 3600.0
        self._bursts = tuple((max(1, round(span / length)), less) for span, less in BURSTS)
        self._hour = max(1, round(HOUR / length))
        self._keep = max(1, round(SUMS / length))
        self._longest = max(self._hour, round(LONGEST_SPAN / length))
        self._spread_keep = 0.5 ** (self._hours / SPREAD_HALF_LIFE_H)

    def initial(self) -> VolumeState:
        return VolumeState()

    def judge(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        look = self._look(state, window, sensitivity)
        path, heat = _hottest(state, window.start, look, sensitivity)
        score, threshold = score_of(heat), sensitivity.threshold
        reason = _why_not(state, window.start, look, heat, sensitivity)
        windows, observed, expected = self._shown(look, path)
        spread = state.spread[look.span] if path == BURST else state.spread[-1]
        lower, upper = interval_95(expected, math.sqrt(max(1.0, spread)))
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=round(score, 4),
            observed=float(observed),
            expected=round(expected, 4),
            lower=round(lower, 4),
            upper=round(upper, 4),
            over=reason == story.OVER,
            state="learning" if look.learning else "warm",
            detail={
                "path": PATHS[path].name,
                "span_s": windows * window.length.total_seconds(),
                "ratio": round(observed / max(expected, 1e-9), 4),
                "threshold": round(threshold, 4),
                "heat": heat,
                "hour_score": round(CLEARLY_OVER * _z(state, look, len(BURSTS) - 1) / BURST_AT, 4),
                "window_expected": round(look.due, 6),
                "ready": round(look.ready, 6),
                "taken": round(look.taken, 4),
                "sums_off": round(look.sums_off, 4),
                "offs": [round(one, 4) for one in look.offs],
                "rise": [
                    round(look.rise.evidence, 4),
                    look.rise.seen,
                    round(look.rise.due, 4),
                    look.rise.windows,
                ],
                "adaptive_expected": round(expectation.adaptive_due(state.expected, look.at), 6),
                "complete": window.complete,
                "reason": reason,
            },
        )

    def may_be_over(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over. The counts alone decide most open windows."""
        if self._learning(state, window):
            return False
        least, recent = sensitivity.at_least_mentions, state.recent.seen[1 - self._hour :]
        if window.count + sum(recent) < least and window.count + state.rise.seen < least:
            return False
        look = self._look(state, window, sensitivity)
        _, heat = _hottest(state, window.start, look, sensitivity)
        return _why_not(state, window.start, look, heat, sensitivity) == story.OVER

    def learn(self, state: VolumeState, window: WindowCounts, reading: Reading) -> VolumeState:
        if not window.complete or (state.next is not None and window.start < state.next):
            return state
        detail, past = reading.detail, self._past(state, window.start)
        due, taken, ready = detail["window_expected"], detail["taken"], detail["ready"]
        heat, threshold = detail["heat"], detail["threshold"]
        deviation = _deviation(due, state.window_off)
        teaches = float(window.count)
        if state.expected.hours >= TEACHES_FROM_H:
            teaches = min(taken, max(TEACHES * due, due + TEACHES_DEVIATIONS * deviation) + 0.5)
        cut = SPREAD_CUT * SPREAD_CUT
        step = self._hours / state.spread_h
        off = abs(window.count - due) / math.sqrt(_variance(due) + 0.1)
        evidence, seen, due_since, windows = detail["rise"]
        path = BURST if detail["path"] == PATHS[BURST].name else LASTS
        return VolumeState(
            first=state.first or window.start,
            next=window.end,
            known_h=tidy(state.known_h + self._hours),
            expected=expectation.heard(
                state.expected,
                place_of(window.start, self._length, self._zone),
                place_of(window.end, self._length, self._zone),
                self._hours,
                window.count,
                teaches,
            ),
            recent=Recent(
                (*past.seen, window.count)[-self._keep :],
                (*past.taken, taken)[-self._keep :],
                (*past.due, due)[-self._keep :],
                (*past.ready, ready)[-self._keep :],
            ),
            spread=tuple(
                [
                    spread + (min(z * z, cut * spread) - spread) * step
                    for spread, z in zip(state.spread, detail["offs"], strict=True)
                ]
            ),
            spread_h=state.spread_h * self._spread_keep + self._hours,
            window_off=median_step(state.window_off, off, state.known_h, self._hours),
            sums_off=median_step(state.sums_off, abs(detail["sums_off"]), state.known_h, self._hours),
            rise=Rise(evidence, seen, due_since, windows) if evidence > 0.0 else Rise(),
            story=story.after(
                state.story,
                window.start,
                PATHS,
                10.0 ** (CLEARLY_OVER - threshold),
                path,
                heat,
                over=reading.over,
            )
            if detail["reason"] in story.HOT
            else state.story,
        )

    def accept(self, state: VolumeState) -> VolumeState:
        return msgspec.structs.replace(
            state, expected=expectation.accepted(state.expected), recent=Recent(), rise=Rise()
        )

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
        spans = zip(reading.detail["offs"], state.spread, BURSTS, strict=True)
        nearest = max(off / math.sqrt(max(1.0, spread)) / less for off, spread, (_, less) in spans)
        score = max(reading.score, CLEARLY_OVER * nearest / BURST_AT)
        leans = score >= float(reading.detail["threshold"]) / 2
        return {"ratio": ratio if leans else min(ratio, 1.0)}

    def _look(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> _Look:
        count, past, known = window.count, self._past(state, window.start), state.expected
        at = place_of(window.start, self._length, self._zone)
        due = expectation.due(known, at, self._hours)
        if known.hours < 1 and not known.hour_windows:
            due = max(due, float(count))
        first_day = expectation.unmet(known, at)
        ready = due * SWING if first_day else due
        learning = self._learning(state, window)
        most = _most(due, state.window_off)
        taken = min(float(count), most)
        for_rise = min(float(count), max(most, CUT_RATIO * ready)) if first_day else taken
        sums, offs, burst, loudest, hour_ready = [], [], 0.0, 0.0, ready
        span = len(BURSTS) - 1
        for place, (n, less) in enumerate(self._bursts):
            seen, span_due = count, due
            if n > 1:
                seen, span_due = seen + sum(past.seen[1 - n :]), due + sum(past.due[1 - n :])
                hour_ready = ready + sum(past.ready[1 - n :])
            on_scale = steady(seen)
            off = on_scale - steady(span_due)
            sums.append((seen, span_due))
            offs.append(off)
            if known.hours < FIRST_DAY_H:
                off = on_scale - steady(hour_ready)
            z = off / math.sqrt(max(1.0, state.spread[place])) / less
            counts = seen >= sensitivity.at_least_mentions and seen >= sensitivity.at_least_ratio * span_due
            # A span that counts is shown before any that does not.
            if z > (burst if counts or burst else loudest) and (counts or not burst):
                span, loudest, burst = place, z, z if counts else burst
        rise = Rise() if learning else _risen(state, count, for_rise, ready)
        few = rise.seen < sensitivity.at_least_mentions or rise.seen < sensitivity.at_least_ratio * rise.due
        return _Look(
            at=at,
            learning=learning,
            due=due,
            ready=ready,
            taken=taken,
            sums_off=self._sums_off(past, taken, due),
            sums=tuple(sums),
            offs=tuple(offs),
            burst=burst,
            span=span,
            rise=rise,
            lasting=not few and seen >= TURNS_AT * hour_ready,
        )

    def _sums_off(self, past: Recent, taken: float, due: float) -> float:
        """How far the sums of the last two hours are from what was due, on the steady scale of such sums."""
        if self._keep > 1:
            taken, due = taken + sum(past.taken[1 - self._keep :]), due + sum(past.due[1 - self._keep :])
        return steady(taken, KAPPA_SUMS) - steady(due, KAPPA_SUMS)

    def _shown(self, look: _Look, path: int) -> tuple[int, int, float]:
        """The windows that the reading speaks of, the mentions seen in them and the mentions due. A rise that has lasted for long
        is told by its last hour.
        """
        if path == LASTS and 0 < look.rise.windows <= self._longest:
            return look.rise.windows, look.rise.seen, look.rise.due
        return self._bursts[look.span][0], *look.sums[look.span]

    def _on_course(self, state: VolumeState, window: WindowCounts, reading: Reading) -> bool:
        """Whether the volume is on course for ten times what is due, within six hours of the end of `window`.

        `state` is the state that judged `window`, and `reading` is the verdict.

        A straight line goes through the last hour and the hour before it, as multiples of the mentions due in each, and on for
        six hours. It starts from the lower end of a one-sided 95 % interval of the last hour, so a small brand's three mentions
        are not on course for anything. The last hour needs eight mentions and twice the mentions due. Ten times the mentions due
        already counts as on course.
        """
        n = self._hour
        seen = (*state.recent.seen, window.count)
        due = (*state.recent.due, float(reading.detail["window_expected"]))
        now, due_now = sum(seen[-n:]), sum(due[-n:])
        before, due_before = sum(seen[-2 * n : -n]), sum(due[-2 * n : -n])
        if now < 8 or now < 2.0 * due_now:
            return False
        if now >= 10.0 * max(due_now, 1.0):
            return True
        least = unsteady(steady(now) - 1.645 * math.sqrt(max(1.0, state.spread[-1]))) / max(due_now, 1.0)
        growth = least - before / max(due_before, 1.0)
        return least + 6.0 * max(0.0, growth) >= 10.0

    def _past(self, state: VolumeState, start: datetime) -> Recent:
        """The recent windows as seen from `start`. The missing ones in between are unknown."""
        if state.next is None or start <= state.next:
            return state.recent
        missing = min(self._keep, round((start - state.next) / self._length))
        r, none = state.recent, (0.0,) * missing
        return Recent(r.seen + (0,) * missing, r.taken + none, r.due + none, r.ready + none)

    @staticmethod
    def _learning(state: VolumeState, window: WindowCounts) -> bool:
        return state.first is None or window.start - state.first < LEARNING


def _hottest(state: VolumeState, at: datetime, look: _Look, sensitivity: Sensitivity) -> tuple[int, float]:
    """The path that is hottest, and its heat."""
    if look.learning:
        return LASTS, 0.0
    youth = YOUTH * 0.5 ** (state.known_h / YOUTH_H)
    raised, promise = story.raised, sensitivity.false_alerts_per_week
    burst = look.burst / BURST_AT / (1.0 + YOUTH_BURST * youth)
    burst /= 1.0 + raised(state.story, BURST, PATHS[BURST], at, promise)
    burst = burst if burst >= 1.0 else burst**STEEP
    evidence = look.rise.evidence if look.lasting else min(look.rise.evidence, FEW_EVIDENCE)
    rise = evidence / RISE_AT / (1.0 + youth) / (1.0 + raised(state.story, LASTS, PATHS[LASTS], at, promise))
    return (BURST, round(burst, 4)) if burst >= rise else (LASTS, round(rise, 4))


def _risen(state: VolumeState, count: int, taken: float, ready: float) -> Rise:
    """The running sum after this window: the log likelihood of `RISE` times as many, divided by how much wilder than Poisson's
    the sums of this monitor are.
    """
    before, wild = state.rise, max(1.0, (NORMAL_OF_MEDIAN * math.exp(state.sums_off)) ** 2)
    evidence = before.evidence + (taken * LOG_RISE - ready * (RISE - 1.0)) / wild
    if evidence <= 0.0:
        return Rise()
    return Rise(min(MOST_EVIDENCE, evidence), before.seen + count, before.due + ready, before.windows + 1)


def _why_not(state: VolumeState, at: datetime, look: _Look, heat: float, sensitivity: Sensitivity) -> str:
    """The first reason for which the window is not over, or "over"."""
    if look.learning:
        return "learning"
    if score_of(heat) < sensitivity.threshold:
        return _what_lacks(state, look, sensitivity)
    return story.OVER if story.speaks(state.story, at, heat) else story.THE_SAME


def _what_lacks(state: VolumeState, look: _Look, sensitivity: Sensitivity) -> str:
    """The reason for which a window is not hot: a span or a rise that would be, but lacks another need, or nothing at all."""
    for place, (seen, _) in enumerate(look.sums):
        if _z(state, look, place) >= BURST_AT * BURSTS[place][1]:
            if seen < sensitivity.at_least_mentions:
                return "too few mentions"
            if seen < sensitivity.at_least_ratio * look.sums[place][1]:
                return "less than the ratio"
    risen = look.rise.evidence >= RISE_AT and not look.lasting
    return "no longer so" if risen else "as expected"


def _z(state: VolumeState, look: _Look, place: int) -> float:
    return max(0.0, look.offs[place] / math.sqrt(max(1.0, state.spread[place])))


def _most(due: float, window_off: float) -> float:
    """The most mentions of a window that the sums take."""
    cut = due + CUT * _deviation(due, window_off) + 1.0
    return min(cut, max(CUT_RATIO * due, due + 1.0 + 2.0 * math.sqrt(due)))


def _deviation(due: float, window_off: float) -> float:
    """The deviation of a window with so many mentions due: the theory's, times how much wilder this monitor's windows are."""
    return math.sqrt(_variance(due)) * max(1.0, NORMAL_OF_MEDIAN * math.exp(window_off))


def _variance(due: float) -> float:
    return due * (1.0 + KAPPA * due)
