"""The expectation: the mentions that are due in a window, from what the monitor's own hours were like, in its own zone.

Mentions a window = level x hour of the day x weekday. The level is the median of the last 30 known hours with the season taken
out, so a crisis of hours does not move it and a lasting change is normal within a day. An hour of the day is the median of
fifteen days. A weekday is compared with the week around it and trusted as far as there is something to compare. Nothing fades by
a half-life, so nothing is learned from one loud hour. A holiday of the monitor's countries has a factor of its own in place of
its weekday's, and teaches that weekday nothing.

Beside it stands the adaptive level, which follows whatever comes. It is shown, and a person may accept it as the new normal.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec

from processors.signals import holidays
from processors.signals.holidays import Holidays
from processors.signals.statistics import tidy

# Days of hourly history, today among them.
DAYS = 15
LEVEL_HOURS = 30
ADAPTIVE_HALF_LIFE_H = 3.0
# The season of a day is known from so many hours on.
SEASON_FROM_H = 24
# The part of the mean that every hour of the day gets, so that no hour is expected to be silent.
FLOOR = 0.05
# An hour is known from so much of it on.
HOUR_KNOWN = 0.5
# A day teaches its weekday only with so many known hours.
DAY_KNOWN_H = 12
# What a weekday keeps from one week to the next, and the weeks after which it speaks for itself by half.
WEEKDAY_KEEP, WEEKDAY_WEEKS = 0.8, 4.0
# A day with so many mentions is trusted by half to tell weekdays apart.
WEEKDAY_MENTIONS = 20.0
WORKDAYS, WEEKEND, SUNDAY = range(5), range(5, 7), 6
# The least that is due in an hour, and what is due before anything is known.
LEAST_AN_HOUR, FIRST_GUESS = 0.05, 0.3
UNKNOWN = -1.0

Day = tuple[float, ...]
_NO_DAY: Day = (UNKNOWN,) * 24
_ONES = (1.0,) * 24


class Expectation(msgspec.Struct, frozen=True, gc=False):
    """What a monitor's hours were like. Rates are mentions in a window; hours and days are those of the monitor's zone.

    `days` holds up to `DAYS` days of 24 hourly rates, the newest last, -1 where an hour is unknown. `today` is the ordinal of the
    newest day. `typical` has the median rate of each hour of the day, `season` the same, smoothed, with a mean of 1. `weekday` is
    the log level of the last day of each weekday; `weekday_off` and `weekday_n` are the fading sums of how far each was off the
    week and how often; `weekdays` are the factors that follow. `met` counts how often an hour of the day was met. `hour` is the
    hour that is still open (days times 24), with the mentions that it teaches and the windows that it has. `adaptive` is
    (mentions, windows with the season in them), fading.
    """

    days: tuple[Day, ...] = (_NO_DAY,)
    today: int = 0
    typical: Day = _ONES
    season: Day = _ONES
    weekday: tuple[float | None, ...] = (None,) * 7
    weekday_off: tuple[float, ...] = (0.0,) * 7
    weekday_n: tuple[float, ...] = (0.0,) * 7
    weekdays: tuple[float, ...] = (1.0,) * 7
    level: float = 0.0
    hours: int = 0
    met: tuple[int, ...] = (0,) * 24
    hour: int = -1
    hour_seen: float = 0.0
    hour_windows: int = 0
    adaptive: tuple[float, float] = (0.0, 0.0)
    # States that were stored before know none.
    holidays: Holidays = holidays.NONE


class HourPlace(msgspec.Struct, frozen=True, gc=False):
    """The place of a window in its monitor's week. `hour` is the local hour, counted in days times 24 from the ordinal 0. `away`
    is the distance of the window's middle from the middle of that hour, in hours: -0.5 to 0.5. `near` is the neighbouring hour on
    that side. The hours of the day and the weekdays (0: Monday) are those of both. `holiday` is the name of the holiday on that
    day, "" on any other.
    """

    hour: int
    away: float
    of_day: int
    weekday: int
    near_of_day: int
    near_weekday: int
    holiday: str = ""


# The windows of many monitors begin at the same times.
@lru_cache(maxsize=64)
def place_of(start: datetime, length: timedelta, zone: tzinfo, holiday: str = "") -> HourPlace:
    """The place of the window that begins at `start`, on a day with this holiday."""
    local = (start + length / 2).astimezone(zone)
    hour = local.toordinal() * 24 + local.hour
    away = local.minute / 60.0 + local.second / 3600.0 - 0.5
    near = hour + (1 if away > 0 else -1)
    # The ordinal 1 is a Monday.
    return HourPlace(hour, away, hour % 24, (hour // 24 - 1) % 7, near % 24, (near // 24 - 1) % 7, holiday)


def due(known: Expectation, at: HourPlace, window_hours: float) -> float:
    """The mentions due in a window at that place, blended with the neighbouring hour so that nothing jumps at the full hour."""
    if known.hours < 1:
        return first_guess(known, window_hours)
    usual, least = known.level * factor(known, at), LEAST_AN_HOUR * window_hours
    return usual if usual > least else least


def first_guess(known: Expectation, window_hours: float) -> float:
    """The mentions due before one whole hour is known: those of the windows so far."""
    so_far = known.hour_seen / known.hour_windows if known.hour_windows else 0.0
    return max(LEAST_AN_HOUR * window_hours, so_far, FIRST_GUESS)


def factor(known: Expectation, at: HourPlace) -> float:
    """The season at that place: hour of the day times weekday or holiday, about 1."""
    season, weekdays, share = known.season, known.weekdays, at.away if at.away > 0.0 else -at.away
    if at.holiday:
        near = season[at.near_of_day]
        return holiday_factor(known, at) * (season[at.of_day] * (1.0 - share) + near * share)
    near = season[at.near_of_day] * weekdays[at.near_weekday]
    return season[at.of_day] * weekdays[at.weekday] * (1.0 - share) + near * share


def holiday_factor(known: Expectation, at: HourPlace) -> float:
    """The factor of the holiday at that place. It begins and ends at midnight."""
    weekdays = known.weekdays
    return holidays.due(known.holidays, at.holiday, weekdays[at.weekday], weekdays[SUNDAY])


def day_factor(known: Expectation, day: int) -> float:
    """The factor of a day that is known, by its ordinal: that of its weekday, or of the holiday that it was."""
    weekday = known.weekdays[(day - 1) % 7]
    return holidays.factors(known.holidays).get(day, weekday) if known.holidays.days else weekday


def unmet(known: Expectation, at: HourPlace) -> bool:
    """Whether this hour of the day has never been met, on a monitor's first day."""
    return 1 <= known.hours < 24 and not known.met[at.of_day]


def heard(
    known: Expectation, at: HourPlace, after: HourPlace, window_hours: float, count: int, teaches: float
) -> Expectation:
    """The expectation after a closed window. `teaches` mentions of its `count` teach the hour. `after` is the place of the next
    window: when it lies in another hour, this hour closes.
    """
    if known.hour not in (-1, at.hour):
        known = _closed(known, window_hours)
    if at.holiday and not holidays.is_one(known.holidays, at.hour // 24):
        known = _with_begun_holiday(known, at)
    keep = 0.5 ** (window_hours / ADAPTIVE_HALF_LIFE_H)
    seen, exposure = known.adaptive
    known = _with_open_hour(
        known,
        at.hour,
        known.hour_seen + teaches,
        known.hour_windows + 1,
        (seen * keep + count, exposure * keep + factor(known, at)),
    )
    return known if after.hour == at.hour else _closed(known, window_hours)


def _with_begun_holiday(known: Expectation, at: HourPlace) -> Expectation:
    level = known.level if known.hours else 0.0
    begun = holidays.begun(known.holidays, at.hour // 24, at.holiday, level, holiday_factor(known, at), DAYS)
    return msgspec.structs.replace(known, holidays=begun)


def _with_open_hour(
    known: Expectation, hour: int, seen: float, windows: int, adaptive: tuple[float, float]
) -> Expectation:
    """`msgspec.structs.replace` in a third of its time: this happens in every window."""
    return Expectation(
        known.days,
        known.today,
        known.typical,
        known.season,
        known.weekday,
        known.weekday_off,
        known.weekday_n,
        known.weekdays,
        known.level,
        known.hours,
        known.met,
        hour,
        seen,
        windows,
        adaptive,
        known.holidays,
    )


def adaptive_due(known: Expectation, at: HourPlace) -> float:
    """The mentions in a window if things go on as in the last hours."""
    seen, exposure = known.adaptive
    return seen / exposure * factor(known, at) if exposure else 0.0


def accepted(known: Expectation) -> Expectation:
    """The expectation after a person has accepted the present: the hours behind the level are as loud as the adaptive level."""
    seen, exposure = known.adaptive
    if not exposure or known.hours < 1:
        return known
    rate, left, days = seen / exposure, LEVEL_HOURS, []
    for back, day in enumerate(reversed(known.days)):
        hours = list(day)
        for hour in range(23, -1, -1):
            if hours[hour] >= 0 and left:
                hours[hour] = tidy(rate * known.season[hour] * day_factor(known, known.today - back))
                left -= 1
        days.append(tuple(hours))
    return msgspec.structs.replace(known, days=tuple(reversed(days)), level=tidy(rate))


def level(known: Expectation, window_hours: float) -> float:
    """The level, computed again from the hours behind it."""
    return _level(known, 23, window_hours)


def _closed(known: Expectation, window_hours: float) -> Expectation:
    """The expectation after its open hour is over. An hour of which less than half was heard is unknown: a monitor that begins at
    its first mention would else take that one for the rate of an hour.
    """
    if known.hour_windows * window_hours < HOUR_KNOWN:
        return _with_open_hour(known, -1, 0.0, 0, known.adaptive)
    today, hour = divmod(known.hour, 24)
    days = _with(known.days, known.today, today, hour, tidy(known.hour_seen / known.hour_windows))
    met = (*known.met[:hour], known.met[hour] + 1, *known.met[hour + 1 :])
    typical = _with_hour(known.typical, hour, _typical([day[hour] for day in days if day[hour] >= 0]))
    known = msgspec.structs.replace(
        known,
        days=days,
        today=today,
        hours=known.hours + 1,
        met=met,
        typical=typical,
        season=_smooth(typical) if known.hours + 1 >= SEASON_FROM_H else known.season,
        hour=-1,
        hour_seen=0.0,
        hour_windows=0,
    )
    if hour == 23:
        known = _with_weekday(known, window_hours)
    return msgspec.structs.replace(known, level=_level(known, hour, window_hours))


def _with(days: tuple[Day, ...], newest: int, today: int, hour: int, rate: float) -> tuple[Day, ...]:
    """The days with one more known hour. Days of which nothing was heard stand between, unknown."""
    missing = min(DAYS, max(0, today - newest)) if newest else 0
    days = (*days, *(_NO_DAY,) * missing)[-DAYS:]
    return (*days[:-1], _with_hour(days[-1], hour, rate))


def _with_hour(day: Day, hour: int, value: float) -> Day:
    return (*day[:hour], value, *day[hour + 1 :])


def _typical(rates: list[float]) -> float:
    """The median, or half the mean where most days were silent at that hour and some were not."""
    return tidy(max(median(rates), 0.5 * sum(rates) / len(rates)))


def median(values: list[float]) -> float:
    """The median of at least one value, without the checks of the standard library's."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _smooth(typical: Day) -> Day:
    mean = max(sum(typical) / 24.0, 1e-6)
    around = zip(typical, (*typical[1:], typical[0]), (typical[-1], *typical[:-1]), strict=True)
    smooth = [(here + after + before) / 3.0 + FLOOR * mean for here, after, before in around]
    scale = 24.0 / sum(smooth)
    return tuple(tidy(one * scale) for one in smooth)


def _level(known: Expectation, newest_hour: int, window_hours: float) -> float:
    """The level: the median of the last known hours with the season taken out; the fewer mentions there are, the more the mean,
    because a median of few is 0.
    """
    without: list[float] = []
    seen, exposure = 0.0, 0.0
    season, ordinal = known.season, known.today
    for day in reversed(known.days):
        weekday = day_factor(known, ordinal)
        ordinal -= 1
        for rate, usual in zip(day[newest_hour::-1], season[newest_hour::-1], strict=True):
            if rate >= 0.0:
                here = usual * weekday
                without.append(rate / here)
                seen += rate
                exposure += here
                if len(without) == LEVEL_HOURS:
                    return _middle(without, seen / exposure, window_hours)
        newest_hour = 23
    return _middle(without, seen / max(exposure, 1e-9), window_hours)


def _middle(rates: list[float], mean: float, window_hours: float) -> float:
    middle = median(rates)
    weight = middle / window_hours
    return tidy((middle * weight + mean) / (weight + 1.0))


def _with_weekday(known: Expectation, window_hours: float) -> Expectation:
    """The expectation after the newest day is over: what its weekday is like, or a holiday, compared with the week around it."""
    day, today = known.days[-1], (known.today - 1) % 7
    rates = [(rate, known.season[hour]) for hour, rate in enumerate(day) if rate >= 0.0]
    if len(rates) < DAY_KNOWN_H:
        return known
    level = _middle(
        [rate / here for rate, here in rates],
        sum(rate for rate, _ in rates) / max(sum(here for _, here in rates), 1e-9),
        window_hours,
    )
    log_level = tidy(math.log(max(level, 0.02 * window_hours)))
    if holidays.is_one(known.holidays, known.today):
        trust, weekday = _trust(log_level, window_hours), known.weekdays[today]
        over = holidays.ended(known.holidays, math.exp(log_level), trust, weekday)
        return msgspec.structs.replace(known, holidays=over)
    logs = _with_log(known.weekday, today, log_level)
    week = [one for one in logs if one is not None]
    if len(week) < 7:
        return msgspec.structs.replace(known, weekday=logs)
    usual = sum(week) / 7.0
    everyone = not any(known.weekday_n)
    off, met = list(known.weekday_off), list(known.weekday_n)
    for k, one in enumerate(week):
        if everyone or k == today:
            off[k], met[k] = tidy(off[k] * WEEKDAY_KEEP + one - usual), tidy(met[k] * WEEKDAY_KEEP + 1.0)
    factors = _weekdays(off, met, _trust(usual, window_hours))
    return msgspec.structs.replace(
        known, weekday=logs, weekday_off=tuple(off), weekday_n=tuple(met), weekdays=factors
    )


def _trust(log_level: float, window_hours: float) -> float:
    """How far a day of this level is trusted to tell days apart, 0 to 1."""
    mentions = 24.0 / window_hours * math.exp(log_level)
    return mentions / (mentions + WEEKDAY_MENTIONS)


def _with_log(logs: tuple[float | None, ...], at: int, value: float) -> tuple[float | None, ...]:
    return (*logs[:at], value, *logs[at + 1 :])


def _weekdays(off: list[float], met: list[float], trust: float) -> tuple[float, ...]:
    """The factors of the weekdays: working days and weekends differ first, then each day for itself."""
    factors = [1.0] * 7
    for group in (WORKDAYS, WEEKEND):
        common = trust * sum(off[k] for k in group) / (sum(met[k] for k in group) + len(group))
        for k in group:
            own = off[k] / met[k] - common
            factors[k] = tidy(math.exp(common + trust * met[k] / (met[k] + WEEKDAY_WEEKS) * own))
    return tuple(factors)
