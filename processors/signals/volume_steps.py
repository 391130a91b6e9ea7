"""The arithmetic of a verdict on the volume: from the hours that were heard to the expectation, and from there to the score."""

from __future__ import annotations

from datetime import tzinfo
from math import exp, sqrt

from processors.signals import expectation, holidays, story
from processors.signals.calculation import Calculation, added, heated, promised, shown
from processors.signals.expectation import LEAST_AN_HOUR, LEVEL_HOURS, SEASON_FROM_H, HourPlace, place_of
from processors.signals.rises import LEAP, RISE, Sought
from processors.signals.spans import moved
from processors.signals.statistics import NORMAL_OF_MEDIAN, asks
from processors.signals.types import Reading, WindowCounts
from processors.signals.volume import (
    ASKS_BURST,
    ASKS_RISE,
    BURST,
    BURST_AT,
    BURSTS,
    LASTS,
    PATHS,
    YOUTH,
    YOUTH_BURST,
    YOUTH_H,
    VolumeState,
)
from tocsin.core.counts import KAPPA, NORMAL_95, steady, unsteady
from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.sentences import Sentence, listed


def steps(
    state: VolumeState, window: WindowCounts, reading: Reading, zone: tzinfo, promise: float
) -> list[Calculation]:
    """The steps of `reading`, the verdict on `window` by `state`. `promise` is the number of false alerts a week."""
    path = BURST if reading.detail["path"] == PATHS[BURST].name else LASTS
    return [
        *_due(state, window, reading, zone),
        *_sums(state, window, reading, path),
        *_interval(state, reading, path),
        *(_burst if path == BURST else _rise)(state, window, reading, promise),
        Calculation(
            name="Score",
            formula=heated(reading),
            value=CLEARLY_OVER * float(reading.detail["heat"]),
            judged=reading.score,
        ),
    ]


def _due(state: VolumeState, window: WindowCounts, reading: Reading, zone: tzinfo) -> list[Calculation]:
    known, at = state.expected, place_of(window.start, window.length, zone, window.holiday)
    hours, judged = window.length.total_seconds() / 3600.0, float(reading.detail["window_expected"])
    if known.hours < 1:
        guess = expectation.first_guess(known, hours)
        so_far = guess if known.hour_windows else max(guess, float(window.count))
        seen, n = shown(known.hour_seen), str(known.hour_windows)
        said = Sentence("{seen} in {n} windows so far", seen=seen, n=n)
        return [Calculation(name="Due in the window", formula=said, value=so_far, judged=judged)]
    level, factor = expectation.level(known, hours), expectation.factor(known, at)
    of = min(LEVEL_HOURS, known.hours)
    return [
        Calculation(
            name="Level, in mentions a window",
            formula=Sentence("median of the last {n} known hours without their season", n=of),
            value=level,
            judged=known.level,
        ),
        *_holiday(known, at),
        Calculation(name="Season at that time", formula=_season(known, at), value=factor),
        Calculation(
            name="Due in the window",
            formula=Sentence(
                "{product}, at least {least}",
                product=f"{shown(known.level)} x {shown(factor)}",
                least=shown(LEAST_AN_HOUR * hours),
            ),
            value=max(known.level * factor, LEAST_AN_HOUR * hours),
            judged=judged,
        ),
    ]


def _holiday(known: expectation.Expectation, at: HourPlace) -> list[Calculation]:
    if not at.holiday:
        return []
    weekday, sunday = known.weekdays[at.weekday], known.weekdays[expectation.SUNDAY]
    of_all, (_, off, n) = known.holidays, holidays.named(known.holidays, at.holiday)
    guess, common = shown(holidays.GUESS), shown(holidays.COMMON)
    return [
        Calculation(
            name="Factor of the holiday",
            formula=f"{at.holiday}: exp(({common} x ({guess} x ln √({shown(weekday)} x {shown(sunday)}) + {shown(of_all.off)})"
            f" / ({guess} + {shown(of_all.n)}) + {shown(off)}) / ({common} + {shown(n)}))",
            value=expectation.holiday_factor(known, at),
        )
    ]


def _season(known: expectation.Expectation, at: HourPlace) -> str:
    share, holiday = abs(at.away), shown(expectation.holiday_factor(known, at)) if at.holiday else ""

    def part(hour: int, weekday: int) -> str:
        of_day, usual = f"{hour:02d}", shown(known.season[hour])
        if holiday:
            factor = f"{at.holiday} {holiday}"
            return Sentence("hour {hour} {usual} x {factor}", hour=of_day, usual=usual, factor=factor)
        factor = shown(known.weekdays[weekday])
        return Sentence("hour {hour} {usual} x weekday {factor}", hour=of_day, usual=usual, factor=factor)

    mine, other = part(at.of_day, at.weekday), part(at.near_of_day, at.near_weekday)
    return listed([f"{shown(1.0 - share)} x (", mine, f") + {shown(share)} x (", other, ")"], "")


def _sums(state: VolumeState, window: WindowCounts, reading: Reading, path: int) -> list[Calculation]:
    detail, due = reading.detail, float(reading.detail["window_expected"])
    windows = round(detail["span_s"] / window.length.total_seconds())
    leaps = _leaps(reading)
    before = state.leap if leaps else state.rise
    run = detail["leap" if leaps else "rise"]
    if path == LASTS and run[3] == windows and before.windows + 1 == windows:
        seen: str = Sentence(
            "{seen} in {n} windows before + {count}",
            seen=str(before.seen),
            n=str(before.windows),
            count=str(window.count),
        )
        of = f"{shown(before.due)} + {shown(detail['ready'])}"
        counted, expected = before.seen + window.count, before.due + float(detail["ready"])
    else:
        past = _past(state, window, windows - 1)
        counts, dues = [one for one, _ in past] + [window.count], [one for _, one in past] + [due]
        seen, of, counted, expected = added(counts), added(dues), sum(counts), sum(dues)
    return [
        Calculation(name="Observed", formula=seen, value=float(counted), judged=reading.observed),
        Calculation(name="Expected", formula=of, value=expected, judged=reading.expected),
    ]


def _past(state: VolumeState, window: WindowCounts, windows: int) -> list[tuple[int, float]]:
    """The mentions seen and due in so many windows before this one."""
    if windows <= 0:
        return []
    recent = tuple(zip(state.recent.seen, state.recent.due, strict=True))
    return list(moved(recent, state.next, window.start, window.length, (0, 0.0), windows))


def _interval(state: VolumeState, reading: Reading, path: int) -> list[Calculation]:
    spread = _spread(state, reading, path)
    sigma, middle = sqrt(max(1.0, spread)), steady(reading.expected)
    reach = NORMAL_95 * sigma
    return [
        Calculation(
            name=name,
            formula=f"g⁻¹(g({shown(reading.expected)}) {sign} {NORMAL_95:.2f} x √{shown(max(1.0, spread))}),"
            f" g(x) = 2/√{KAPPA} x asinh √({KAPPA} x (x + 3/8))",
            value=unsteady(middle + (reach if sign == "+" else -reach)),
            judged=judged,
        )
        for name, sign, judged in (
            ("Interval of the expected, from", "-", reading.lower),
            ("Interval of the expected, to", "+", reading.upper),
        )
    ]


def _spread(state: VolumeState, reading: Reading, path: int) -> float:
    return state.spread[_span(reading) if path == BURST else -1]


def _span(reading: Reading) -> int:
    """The place of the span of a burst that the reading speaks of."""
    spans = [max(1, round(span / reading.length)) for span, _ in BURSTS]
    return spans.index(round(reading.detail["span_s"] / reading.length.total_seconds()))


def _burst(state: VolumeState, window: WindowCounts, reading: Reading, promise: float) -> list[Calculation]:
    place = _span(reading)
    off, spread = steady(reading.observed) - steady(reading.expected), max(1.0, state.spread[place])
    z, less = off / sqrt(spread), BURSTS[place][1]
    needs = 1.0 + YOUTH_BURST * _youth(state)
    raised = 1.0 + story.raised(state.story, BURST, PATHS[BURST], window.start, promise)
    return [
        Calculation(
            name="Distance from the expected (z)",
            formula=f"(g({shown(reading.observed)}) - g({shown(reading.expected)})) / √{shown(spread)}",
            value=z,
        ),
        Calculation(
            name="Heat of the burst",
            formula=Sentence(
                "{z} / {less} (span) / {at} / {needs} (young) / {raised} (told lately){promise}",
                z=shown(z),
                less=shown(less),
                at=shown(BURST_AT),
                needs=shown(needs),
                raised=shown(raised),
                promise=promised(promise, ASKS_BURST),
            ),
            value=z / less / BURST_AT / needs / raised * asks(promise, ASKS_BURST),
            # What is below 1, or held against the doubt of a first day, is not this quotient.
            judged=float(reading.detail["heat"])
            if reading.over and state.expected.hours >= LEVEL_HOURS
            else None,
        ),
    ]


def _rise(state: VolumeState, window: WindowCounts, reading: Reading, promise: float) -> list[Calculation]:
    leaps = _leaps(reading)
    name, sought = ("leap", LEAP) if leaps else ("rise", RISE)
    evidence, _, _, windows = reading.detail[name]
    if not windows:
        return []
    wild = max(1.0, NORMAL_OF_MEDIAN * exp(state.sums_off)) ** 2
    taken, ready = float(reading.detail["taken"]), float(reading.detail["ready"])
    young = 1.0 + _youth(state)
    raised = 1.0 + story.raised(state.story, LASTS, PATHS[LASTS], window.start, promise)
    before = state.leap if leaps else state.rise
    return [
        Calculation(
            name=f"Evidence of a {name}, in nats",
            formula=Sentence(
                "{nats} before + ({taken} taken of {count} x {weight}) / {wild} (wildness)",
                nats=shown(before.evidence),
                taken=shown(taken),
                count=str(window.count),
                weight=f"{shown(sought.nats)} - {shown(ready)} x {shown(sought.times - 1.0)}",
                wild=shown(wild),
            ),
            value=min(
                sought.most,
                before.evidence + (taken * sought.nats - ready * (sought.times - 1.0)) / wild,
            ),
            # On a first day the sum may take more of a window than the other sums do.
            judged=float(evidence) if state.expected.hours >= SEASON_FROM_H else None,
        ),
        Calculation(
            name=f"Heat of the {name}",
            formula=Sentence(
                "{evidence} / {at} / {young} (young) / {raised} (told lately){promise}",
                evidence=shown(evidence),
                at=shown(sought.needs),
                young=shown(young),
                raised=shown(raised),
                promise=promised(promise, ASKS_RISE),
            ),
            value=float(evidence) / sought.needs / young / raised * asks(promise, ASKS_RISE),
            judged=float(reading.detail["heat"]) if reading.over else None,
        ),
    ]


def _leaps(reading: Reading) -> bool:
    """Whether the reading tells of a leap and not of a rise. Readings that were stored before the leap have none."""
    leap = reading.detail.get("leap")
    return leap is not None and _quotient(leap, LEAP) > _quotient(reading.detail["rise"], RISE)


def _quotient(run: list[float], sought: Sought) -> float:
    return run[0] / sought.needs


def _youth(state: VolumeState) -> float:
    return YOUTH * float(0.5 ** (state.known_h / YOUTH_H))
