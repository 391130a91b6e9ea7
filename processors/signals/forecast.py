"""A forecast: the mentions of the next hour and of the next six, with an interval from this monitor's own past.

The forecast is what is due by the expectation, times how far the last hour was off, to a power below one: what is loud calms. The
interval comes from the monitor's own hours: the same forecast is made for each of its last days, and what it missed by, on
Anscombe's scale, gives the ends (split conformal prediction; Vovk, Gammerman and Shafer 2005). It is shown and rings nobody: a
rise that lasts and a course for tenfold are judged by volume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
# What is learnt of a loud hour is cut, so forecasts miss by more than what is known: measured on four series.
WIDER: Final = {1: 1.2, 6: 1.6}
# Mentions that the last hour is taken to have had as expected.
STEADIED = 10.0
# Errors that a monitor is taken to have made before: it is young, and its quantiles are of few.
PRIOR = (-2.6, -1.6, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 1.6, 2.6)
FROM_HOURS = 24


@dataclass(frozen=True, slots=True)
class Forecast:
    """The mentions of the next `hours` hours: as many are expected, and with `LEVEL` from `lower` to `upper`."""

    hours: int
    expected: float
    lower: float
    upper: float


def forecasts(
    state: VolumeState,
    start: datetime,
    length: timedelta,
    zone: tzinfo,
    holiday: Callable[[datetime], str] = lambda _: "",
) -> tuple[Forecast, ...]:
    """The forecasts for the hours from `start`, where the first window begins that is not closed; empty before a day is known.
    `holiday` names the holiday of the day that a time lies in.
    """
    known, an_hour = state.expected, timedelta(hours=1) // length
    if known.hours < FROM_HOURS or not 1 <= an_hour <= 60:
        return ()
    errors = _errors(known, an_hour)
    seen, was_due = sum(state.recent.seen[-an_hour:]), sum(state.recent.due[-an_hour:])
    made = []
    for hours in HORIZONS:
        due = sum(
            expectation.due(known, place_of(at, length, zone, holiday(at)), 1.0 / an_hour)
            for at in (start + n * length for n in range(an_hour * hours))
        )
        middle = steady(_followed(due, seen, was_due, hours))
        made.append(
            Forecast(
                hours,
                *(
                    round(unsteady(middle + WIDER[hours] * _quantile(errors[hours], part)), 1)
                    for part in (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2)
                ),
            )
        )
    return tuple(made)


def _followed(due: float, seen: float, was_due: float, hours: int) -> float:
    return due * float(((seen + STEADIED) / (was_due + STEADIED)) ** FOLLOWS[hours])


def _errors(known: Expectation, an_hour: int) -> dict[int, list[float]]:
    """By horizon, what the forecast missed by in the hours behind the expectation, on the steady scale, in order."""
    rates = [rate for day in known.days for rate in day]
    first_day = known.today - len(known.days) + 1
    factors = [
        usual * expectation.day_factor(known, first_day + place)
        for place in range(len(known.days))
        for usual in known.season
    ]
    missed: dict[int, list[float]] = {hours: [*PRIOR] for hours in HORIZONS}
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
                missed[hours].append(steady(sum(ahead) * an_hour) - steady(told))
    return {hours: sorted(some) for hours, some in missed.items()}


def _quantile(ordered: Sequence[float], part: float) -> float:
    """The quantile, between the two nearest values."""
    at = part * (len(ordered) + 1) - 1
    low = min(len(ordered) - 1, max(0, int(at)))
    high = min(len(ordered) - 1, low + 1)
    share = min(1.0, max(0.0, at - low))
    return ordered[low] * (1 - share) + ordered[high] * share
