"""A forecast: the mentions of the next hour and of the next six, with an interval from this monitor's own past.

The forecast is what is due by the expectation, times how far the last hour was off, to a power below one, because loud talk calms
down. The interval comes from the monitor's own hours: the same forecast is made for each of its last days, and what it missed by,
on Anscombe's scale, gives the ends (split conformal prediction; Vovk, Gammerman and Shafer 2005). It is shown and rings nobody: a
rise that lasts and a course for tenfold are judged by volume.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from processors.signals import expectation
from processors.signals.expectation import LEVEL_HOURS, Expectation, median, place_of
from processors.signals.volume import VolumeState
from tocsin.core.counts import steady, unsteady

HORIZONS: Final = (1, 6)
LEVEL: Final = 0.9
"""The part of the hours that the interval is to hold."""
# How far the last hour moves the forecast, by horizon: a power of how far it was off.
FOLLOWS: Final = {1: 0.7, 6: 0.5}
# The expectation learns a loud hour only in part, so forecasts miss by more than it knows. Measured on four series.
WIDER: Final = {1: 1.2, 6: 1.6}
# So many expected mentions are added to the last hour, so that a few mentions do not move the forecast far.
STEADIED = 10.0
# Errors that a young monitor is taken to have made before, because quantiles of few errors say little.
PRIOR = (-2.6, -1.6, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 1.6, 2.6)
FROM_HOURS = 24


@dataclass(frozen=True, slots=True)
class Forecast:
    """The mentions of the next `hours` hours: as many are expected, and with `LEVEL` from `lower` to `upper`. Of the last `of`
    hours such an interval would have held what came in `held`.
    """

    hours: int
    expected: float
    lower: float
    upper: float
    held: int = 0
    of: int = 0


def forecasts(
    state: VolumeState,
    start: datetime,
    length: timedelta,
    zone: tzinfo,
    holiday: Callable[[datetime], str] = lambda _: "",
    came: Mapping[int, int] | None = None,
) -> tuple[Forecast, ...]:
    """The forecasts for the hours from `start`, where the first window begins that is not closed; empty before a day is known.
    `holiday` names the holiday of the day that a time lies in. `came` has the mentions of the last days' hours, as `held` asks.
    """
    known, an_hour = state.expected, timedelta(hours=1) // length
    if known.hours < FROM_HOURS or not 1 <= an_hour <= 60:
        return ()
    errors, held_so_far = _errors(known, an_hour), held(known, length, came) if came else {}
    seen, was_due = sum(state.recent.seen[-an_hour:]), sum(state.recent.due[-an_hour:])
    made = []
    for hours in HORIZONS:
        due = sum(
            expectation.due(known, place_of(at, length, zone, holiday(at)), 1.0 / an_hour)
            for at in (start + n * length for n in range(an_hour * hours))
        )
        told = _followed(due, seen, was_due, hours)
        made.append(Forecast(hours, *_ends(told, errors[hours], hours), *held_so_far.get(hours, (0, 0))))
    return tuple(made)


def _followed(due: float, seen: float, was_due: float, hours: int) -> float:
    return due * float(((seen + STEADIED) / (was_due + STEADIED)) ** FOLLOWS[hours])


def held(known: Expectation, length: timedelta, came: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """By horizon, in how many of the hours of `came` the interval would have held what came, and how many hours those are. `came`
    has mentions by the local hour, counted as in `Expectation.hour`. An interval is made of what was missed before its hour; the
    season is the one that is known now.
    """
    an_hour, first = timedelta(hours=1) // length, (known.today - len(known.days) + 1) * 24
    errors: dict[int, list[float]] = {hours: [*PRIOR] for hours in HORIZONS}
    # What was missed in hours that were not over yet.
    waiting: dict[int, deque[tuple[int, float]]] = {hours: deque() for hours in HORIZONS}
    told = {hours: [0, 0] for hours in HORIZONS}
    for n, hours, expected, missed in _past(known, an_hour):
        while waiting[hours] and waiting[hours][0][0] <= n:
            insort(errors[hours], waiting[hours].popleft()[1])
        waiting[hours].append((n + hours, missed))
        ahead = [came.get(first + n + ahead) for ahead in range(hours)]
        if None not in ahead:
            _, lower, upper = _ends(expected, errors[hours], hours)
            # The ends are rounded to whole mentions, as they are shown.
            told[hours][0] += lower - 0.5 <= sum(one or 0 for one in ahead) <= upper + 0.5
            told[hours][1] += 1
    return {hours: (n, of) for hours, (n, of) in told.items()}


def _past(known: Expectation, an_hour: int) -> Iterator[tuple[int, int, float, float]]:
    """The same forecast for each of the hours behind the expectation: the hour's place, the horizon, the mentions that it tells,
    and what it missed by, on the steady scale.
    """
    rates = [rate for day in known.days for rate in day]
    first_day = known.today - len(known.days) + 1
    factors = [
        usual * expectation.day_factor(known, first_day + place)
        for place in range(len(known.days))
        for usual in known.season
    ]
    for n in range(LEVEL_HOURS, len(rates)):
        before = [
            rate / factor
            for rate, factor in zip(rates[n - LEVEL_HOURS : n], factors[n - LEVEL_HOURS : n], strict=True)
            if rate >= 0
        ]
        if len(before) < LEVEL_HOURS // 2 or rates[n - 1] < 0:
            continue
        level, last = median(before) * an_hour, rates[n - 1] * an_hour
        for hours in HORIZONS:
            ahead = rates[n : n + hours]
            if len(ahead) == hours and min(ahead) >= 0:
                due = level * sum(factors[n : n + hours])
                told = _followed(due, last, level * factors[n - 1], hours)
                yield n, hours, told, steady(sum(ahead) * an_hour) - steady(told)


def _errors(known: Expectation, an_hour: int) -> dict[int, list[float]]:
    """By horizon, what the forecast missed by in the hours behind the expectation, in order."""
    missed: dict[int, list[float]] = {hours: [*PRIOR] for hours in HORIZONS}
    for _, hours, _, error in _past(known, an_hour):
        missed[hours].append(error)
    return {hours: sorted(some) for hours, some in missed.items()}


def _ends(told: float, errors: Sequence[float], hours: int) -> tuple[float, float, float]:
    """The middle of a forecast and the ends of its interval; `errors` are in order."""
    middle = steady(told)
    middle, lower, upper = (
        round(unsteady(middle + WIDER[hours] * _quantile(errors, part)), 1)
        for part in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)
    )
    return middle, lower, upper


def _quantile(ordered: Sequence[float], part: float) -> float:
    """The quantile, between the two nearest values."""
    at = part * (len(ordered) + 1) - 1
    low = min(len(ordered) - 1, max(0, int(at)))
    high = min(len(ordered) - 1, low + 1)
    share = min(1.0, max(0.0, at - low))
    return ordered[low] * (1 - share) + ordered[high] * share
