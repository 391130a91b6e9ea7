"""Volume: more mentions than this monitor's hours lead one to expect, as a burst or as a rise that lasts.

A *burst* shows in the sums of the last 5 minutes, 15 minutes and hour. Each sum is compared with what was due on Anscombe's
scale, and the difference is divided by the real spread of this monitor. A *rise* that lasts shows in a running sum (CUSUM) of the
evidence for two and a half times the mentions due, and another for a leap to ten times. Its windows are cut at what a crowd does
by itself, so one loud window is no rise. The cut hides bursts; hence the two paths. docs/detection.md has the formulas, the
constants and their sources.

`detail`: path (burst or rise), span_s, ratio, threshold, heat, hour_score (how far the last hour is from what was due),
window_expected (mentions due in the window itself), ready (the same, with the doubt of a first day), taken (what the sums take of
the window), sums_off, offs, rise and leap (evidence, seen, due and windows since each began), adaptive_expected, complete, reason
(why it is or is not over).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from math import log, sqrt
from typing import Any

import msgspec

from processors.signals import expectation, story
from processors.signals.crowd import CUT_RATIO, most_taken, variance
from processors.signals.due import WINDOW_OFF, due_in, teaches
from processors.signals.expectation import Expectation, HourPlace, place_of
from processors.signals.rises import LEAP, NO_RISE, NOTHING, RISE, Rise, as_stored, from_stored, risen
from processors.signals.spans import LONGEST_SPAN
from processors.signals.statistics import four, median_step, score_of, six, tidy, wildness
from processors.signals.story import Path, Story
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.counts import KAPPA, interval_95, steady, steady_count, unsteady
from tocsin.core.promise import CLEARLY_OVER

LEARNING = timedelta(hours=2)
# The spans of a burst, and how much less a z of each counts than one of an hour.
BURSTS = ((timedelta(minutes=5), 1.5), (timedelta(minutes=15), 1.25), (timedelta(hours=1), 1.0))
# The wildness of the rise is learned from sums over so long. Such a sum holds 24 windows, so their own variances weigh less.
SUMS, KAPPA_SUMS = timedelta(hours=2), KAPPA / 24.0
# Evidence from fewer mentions than an alert needs.
FEW_EVIDENCE = 2.0
# On a monitor's first day: the doubt about an hour of the day that was never met, and how many such hours the sums may hold.
SWING, FIRST_DAY_H = 2.0, 26
# The heat of a burst is 1 at this z, and falls so steeply below: sensitivity is spent on the rise.
BURST_AT, STEEP = 3.7, 30.0
# A promise of N a week asks N to the power of minus this of each path. Measured: the rate follows the promise.
ASKS_BURST, ASKS_RISE = 0.2, 0.4
# The thresholds of a new monitor are up to half higher, halving every two days; the burst's less.
YOUTH, YOUTH_H, YOUTH_BURST = 0.5, 48.0, 0.4
SPREAD_PRIOR, SPREAD_PRIOR_H, SPREAD_CUT, SPREAD_HALF_LIFE_H = 2.0, 48.0, 6.0, 24.0 * 14
# A burst that passed must not hide a rise of the same day.
PATHS = Path("burst", 0.2, 0.5), Path("rise", 0.2, 1.0, rest=timedelta(hours=18), yields=story.HALF_A_DAY)
BURST, LASTS = range(2)


class Recent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last windows, the newest last: mentions seen, mentions taken into the sums, mentions due, and mentions due with the
    doubt of a first day. A window that is unknown is 0 in all of them.
    """

    seen: tuple[int, ...] = ()
    taken: tuple[float, ...] = ()
    due: tuple[float, ...] = ()
    ready: tuple[float, ...] = ()


class VolumeState(msgspec.Struct, frozen=True, gc=False):
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
    window_off: float = WINDOW_OFF
    sums_off: float = log(0.9)
    rise: Rise = NO_RISE
    story: Story = Story(habits=(0.0, 0.0))
    # The running sum for a leap. States that were stored before have none.
    leap: Rise = NO_RISE


class _Look(msgspec.Struct, frozen=True, gc=False):
    """What a window looks like, before the promise and the story are asked.

    `sums` has the mentions seen and due in each span of a burst, `offs` how far apart they are on the steady scale, `zs` the same
    in units of this monitor's spread. `burst` is the highest z of a span that has enough mentions, `span` its place. `lasting`
    says that the rise has enough mentions and that the last hour still speaks for it.
    """

    at: HourPlace
    learning: bool
    due: float
    ready: float
    taken: float
    sums_off: float
    sums: list[tuple[int, float]]
    offs: list[float]
    zs: list[float]
    burst: float
    span: int
    rise: Rise
    lasting: bool
    leap: Rise
    leaping: bool


class _Lesson(msgspec.Struct, frozen=True, gc=False):
    """What a judged window teaches, rounded as its reading stores it. `heat` is that of the hottest path."""

    due: float
    taken: float
    ready: float
    sums_off: float
    offs: list[float]
    rise: list[Any]
    leap: list[Any]
    path: int
    heat: float
    threshold: float
    reason: str


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
        lesson = _lesson(state, window, look, sensitivity)
        windows, observed, expected = self._shown(look, lesson.path)
        spread = state.spread[look.span] if lesson.path == BURST else state.spread[-1]
        lower, upper = interval_95(expected, sqrt(spread) if spread > 1.0 else 1.0)
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=four(score_of(lesson.heat)),
            observed=float(observed),
            expected=four(expected),
            lower=four(lower),
            upper=four(upper),
            over=lesson.reason == story.OVER,
            state="learning" if look.learning else "warm",
            detail={
                "path": PATHS[lesson.path].name,
                "span_s": windows * window.length.total_seconds(),
                "ratio": four(observed / max(expected, 1e-9)),
                "threshold": lesson.threshold,
                "heat": lesson.heat,
                "hour_score": four(CLEARLY_OVER * look.zs[-1] / BURST_AT),
                "window_expected": lesson.due,
                "ready": lesson.ready,
                "taken": lesson.taken,
                "sums_off": lesson.sums_off,
                "offs": lesson.offs,
                "rise": lesson.rise,
                "leap": lesson.leap,
                "adaptive_expected": six(expectation.adaptive_due(state.expected, look.at)),
                "complete": window.complete,
                "reason": lesson.reason,
            },
        )

    def step(
        self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity
    ) -> tuple[VolumeState, float, float]:
        """`judge` and `learn` at once, for a series of which nobody keeps the readings: the state after the window, the score and
        the mentions that were due.
        """
        lesson = _lesson(state, window, self._look(state, window, sensitivity), sensitivity)
        return self._taught(state, window, lesson), four(score_of(lesson.heat)), lesson.due

    def may_be_over(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over. The counts alone decide most open windows."""
        if self._learning(state, window):
            return False
        least, recent = sensitivity.at_least_mentions, state.recent.seen[1 - self._hour :]
        if (
            window.count + sum(recent) < least
            and window.count + max(state.rise.seen, state.leap.seen) < least
        ):
            return False
        look = self._look(state, window, sensitivity)
        hottest = _hottest(state, window.start, look, sensitivity)
        return _why_not(state.story, window.start, look, hottest, sensitivity) == story.OVER

    def learn(self, state: VolumeState, window: WindowCounts, reading: Reading) -> VolumeState:
        detail = reading.detail
        return self._taught(
            state,
            window,
            _Lesson(
                detail["window_expected"],
                detail["taken"],
                detail["ready"],
                detail["sums_off"],
                detail["offs"],
                detail["rise"],
                # Readings that were stored before have none.
                detail.get("leap", NOTHING),
                BURST if detail["path"] == PATHS[BURST].name else LASTS,
                detail["heat"],
                detail["threshold"],
                detail["reason"],
            ),
        )

    def _taught(self, state: VolumeState, window: WindowCounts, lesson: _Lesson) -> VolumeState:
        """The state after a closed window. A window that is incomplete, or was met before, teaches nothing."""
        start, following = window.start, state.next
        if not window.complete or (following is not None and start < following):
            return state
        count, due, taken, known_h, hours = window.count, lesson.due, lesson.taken, state.known_h, self._hours
        varies, end, past = variance(due), start + self._length, self._past(state, start)
        step, cut = hours / state.spread_h, max(0, len(past.seen) + 1 - self._keep)
        (quick, middle, slow), (z5, z15, z60) = state.spread, lesson.offs
        return VolumeState(
            state.first or start,
            end,
            tidy(known_h + hours),
            expectation.heard(
                state.expected,
                place_of(start, self._length, self._zone, window.holiday),
                place_of(end, self._length, self._zone),
                hours,
                count,
                teaches(state.expected, count, due, taken, varies, state.window_off),
            ),
            Recent(
                (*past.seen[cut:], count),
                (*past.taken[cut:], taken),
                (*past.due[cut:], due),
                (*past.ready[cut:], lesson.ready),
            ),
            (_nearer(quick, z5, step), _nearer(middle, z15, step), _nearer(slow, z60, step)),
            state.spread_h * self._spread_keep + hours,
            median_step(state.window_off, abs(count - due) / sqrt(varies + 0.1), known_h, hours),
            median_step(state.sums_off, abs(lesson.sums_off), known_h, hours),
            from_stored(lesson.rise),
            story.after(
                state.story,
                start,
                PATHS,
                10.0 ** (CLEARLY_OVER - lesson.threshold),
                lesson.path,
                lesson.heat,
                over=lesson.reason == story.OVER,
            )
            if lesson.reason in story.HOT
            else state.story,
            from_stored(lesson.leap),
        )

    def accept(self, state: VolumeState) -> VolumeState:
        return msgspec.structs.replace(
            state,
            expected=expectation.accepted(state.expected),
            recent=Recent(),
            rise=NO_RISE,
            leap=NO_RISE,
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
        nearest = max(off / sqrt(max(1.0, spread)) / less for off, spread, (_, less) in spans)
        score = max(reading.score, CLEARLY_OVER * nearest / BURST_AT)
        leans = score >= float(reading.detail["threshold"]) / 2
        return {"ratio": ratio if leans else min(ratio, 1.0)}

    def _look(self, state: VolumeState, window: WindowCounts, sensitivity: Sensitivity) -> _Look:
        count, past, known = window.count, self._past(state, window.start), state.expected
        at = place_of(window.start, self._length, self._zone, window.holiday)
        due = due_in(known, at, self._hours, count)
        first_day = expectation.unmet(known, at)
        ready = due * SWING if first_day else due
        learning = self._learning(state, window)
        most = most_taken(due, state.window_off)
        taken = float(count) if count < most else most
        for_rise = min(float(count), max(most, CUT_RATIO * ready)) if first_day else taken
        doubt = known.hours < FIRST_DAY_H
        least, ratio = sensitivity.at_least_mentions, sensitivity.at_least_ratio
        sums, offs, zs, burst, loudest, span = [], [], [], 0.0, 0.0, len(BURSTS) - 1
        counted, were_due = past.seen, past.due
        seen, span_due, span_ready = count, due, ready
        for place, ((n, less), spread) in enumerate(zip(self._bursts, state.spread, strict=True)):
            if n > 1:
                seen, span_due = count + sum(counted[1 - n :]), due + sum(were_due[1 - n :])
                # The doubt of a first day is over in all windows of the last hour.
                span_ready = ready + sum(past.ready[1 - n :]) if doubt else span_due
            on_scale = steady_count(seen)
            off = on_scale - steady(span_due)
            sigma = sqrt(spread) if spread > 1.0 else 1.0
            sums.append((seen, span_due))
            offs.append(off)
            zs.append(off / sigma if off > 0.0 else 0.0)
            if doubt:
                off = on_scale - steady(span_ready)
            z = off / sigma / less
            if z > loudest or z > burst:
                counts = seen >= least and seen >= ratio * span_due
                # A span that counts is shown before any that does not.
                if z > (burst if counts or burst else loudest) and (counts or not burst):
                    span, loudest, burst = place, z, z if counts else burst
        rise = leap = NO_RISE
        if not learning:
            wild = wildness(state.sums_off) ** 2
            rise = risen(state.rise, RISE, for_rise, ready, wild, count)
            leap = risen(state.leap, LEAP, for_rise, ready, wild, count)
        return _Look(
            at,
            learning,
            due,
            ready,
            taken,
            self._sums_off(past, taken, due),
            sums,
            offs,
            zs,
            burst,
            span,
            rise,
            rise.seen >= least and seen >= RISE.turns_at * span_ready and rise.seen >= ratio * rise.due,
            leap,
            leap.seen >= least and seen >= LEAP.turns_at * span_ready and leap.seen >= ratio * leap.due,
        )

    def _sums_off(self, past: Recent, taken: float, due: float) -> float:
        """How far the sums of the last two hours are from what was due, on the steady scale of such sums."""
        keep = self._keep
        if keep > 1:
            taken, due = taken + sum(past.taken[1 - keep :]), due + sum(past.due[1 - keep :])
        return steady(taken, KAPPA_SUMS) - steady(due, KAPPA_SUMS)

    def _shown(self, look: _Look, path: int) -> tuple[int, int, float]:
        """The windows that the reading speaks of, the mentions seen in them and the mentions due. A rise that has lasted for long
        is told by its last hour.
        """
        rise = look.leap if _leaps(look) else look.rise
        if path == LASTS and 0 < rise.windows <= self._longest:
            return rise.windows, rise.seen, rise.due
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
        least = unsteady(steady(now) - 1.645 * sqrt(max(1.0, state.spread[-1]))) / max(due_now, 1.0)
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


def _lesson(state: VolumeState, window: WindowCounts, look: _Look, sensitivity: Sensitivity) -> _Lesson:
    path, heat = hottest = _hottest(state, window.start, look, sensitivity)
    due, (off5, off15, off60) = six(look.due), look.offs
    return _Lesson(
        due,
        look.taken if look.taken == window.count else four(look.taken),
        due if look.ready == look.due else six(look.ready),
        four(look.sums_off),
        [four(off5), four(off15), four(off60)],
        as_stored(look.rise),
        as_stored(look.leap),
        path,
        heat,
        four(sensitivity.threshold),
        _why_not(state.story, window.start, look, hottest, sensitivity),
    )


def _hottest(state: VolumeState, at: datetime, look: _Look, sensitivity: Sensitivity) -> tuple[int, float]:
    """The path that is hottest, and its heat."""
    if look.learning:
        return LASTS, 0.0
    lasting = _rise_heat(look)
    if not look.burst and not lasting:
        return BURST, 0.0
    youth = YOUTH * 0.5 ** (state.known_h / YOUTH_H)
    raised, promise = story.raised, sensitivity.false_alerts_per_week
    # The heat at which the promise is reached.
    reached = sensitivity.threshold / CLEARLY_OVER
    burst = look.burst / BURST_AT / (1.0 + YOUTH_BURST * youth)
    burst /= 1.0 + raised(state.story, BURST, PATHS[BURST], at, promise)
    rise = lasting / (1.0 + youth) / (1.0 + raised(state.story, LASTS, PATHS[LASTS], at, promise))
    if promise != 1.0:
        burst, rise = burst * promise**ASKS_BURST, rise * promise**ASKS_RISE
    burst = burst if burst >= 1.0 else burst**STEEP
    return (BURST, four(burst * reached)) if burst >= rise else (LASTS, four(rise * reached))


def _rise_heat(look: _Look) -> float:
    """The evidence of the rise or of the leap, whichever is nearer to its threshold, in units of that."""
    evidence = look.rise.evidence
    if evidence > FEW_EVIDENCE and not look.lasting:
        evidence = FEW_EVIDENCE
    heat = evidence / RISE.needs
    leap = look.leap.evidence / LEAP.needs if look.leaping else 0.0
    return heat if heat > leap else leap


def _leaps(look: _Look) -> bool:
    """Whether the leap speaks, and not the rise."""
    return look.leaping and not (
        look.lasting and look.rise.evidence / RISE.needs >= look.leap.evidence / LEAP.needs
    )


def _why_not(told: Story, at: datetime, look: _Look, hot: tuple[int, float], sensitivity: Sensitivity) -> str:
    """The first reason for which the window is not over, or "over"."""
    if look.learning:
        return "learning"
    path, heat = hot
    if score_of(heat) < sensitivity.threshold:
        return _what_lacks(look, sensitivity)
    return story.OVER if story.speaks(told, at, heat, path, PATHS[path]) else story.THE_SAME


def _what_lacks(look: _Look, sensitivity: Sensitivity) -> str:
    """The reason for which a window is not hot: a span or a rise is high enough but lacks another need, or nothing is high."""
    hot = max(look.zs) >= BURST_AT
    for place, (seen, _) in enumerate(look.sums if hot else ()):
        if look.zs[place] >= BURST_AT * BURSTS[place][1]:
            if seen < sensitivity.at_least_mentions:
                return "too few mentions"
            if seen < sensitivity.at_least_ratio * look.sums[place][1]:
                return "less than the ratio"
    risen = look.rise.evidence >= RISE.needs and not look.lasting
    return "no longer so" if risen else "as expected"


def _nearer(spread: float, z: float, step: float) -> float:
    """The spread after a difference of `z`; a square counts with at most `SPREAD_CUT` squared times the spread."""
    square, most = z * z, SPREAD_CUT * SPREAD_CUT * spread
    return spread + ((square if square < most else most) - spread) * step
