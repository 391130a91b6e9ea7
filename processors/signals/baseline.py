"""The baseline: the expected mentions of a monitor, as a level times an hour of the day times an hour of the week, in its own
zone.

Each factor is a ratio of decayed sums, seen over expected, pulled towards 1 by pseudo-observations. An hour of the week that was
met once says little, so the hour of the day speaks for it; before that, the level alone speaks.
The level exists twice. The adaptive level follows within hours whatever comes. The protected level forgets slowly and learns no
more than the upper end of the expected range. So it does not learn a crisis as it happens, and yet a lasting change is normal
within days.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from processors.signals.statistics import tidy
from processors.signals.types import WindowCounts

PROTECTED_HALF_LIFE_H = 48.0
ADAPTIVE_HALF_LIFE_H = 3.0
# The part that an hour of the day keeps from one day to the next: a memory of about a week.
DAY_KEEP = 0.85
# The part that an hour of the week keeps from one week to the next: a memory of about five weeks.
WEEK_KEEP = 0.75
# The prior of the level: one mention in one hour.
PRIOR_MENTIONS = 1.0
PRIOR_HOURS = 1.0
# The relative variance of the mentions in an hour of the day that was never met, and on such a weekday.
UNSEEN_HOUR = 0.3
UNSEEN_WEEKDAY = 0.15
# After so many hours, half of the mentions of an hour are taught to the season.
LEVEL_FIRST = 4.0
# After so many hours, an hour of the day is half known.
ONE_MEETING = 0.25
# An unknown hour may bring this many times the mentions of the last hours: brands wake up too.
MORNING = 3.0
# The part of that which a weekday may bring that was never met.
MONDAY = 0.5


class Baseline(msgspec.Struct, frozen=True):
    """The sums behind the expectation.

    `level` and `adaptive` are (mentions, season-hours). `day_*` has 24 places: mentions seen, mentions due, and hours met.
    `week_*` has 168 places, Monday 00:00 first: mentions seen and mentions expected. `scale` keeps the season's mean over a week
    at 1. `hours` is the time that the baseline has learned from.
    """

    level: tuple[float, float] = (0.0, 0.0)
    adaptive: tuple[float, float] = (0.0, 0.0)
    day_seen: tuple[float, ...] = (0.0,) * 24
    day_due: tuple[float, ...] = (0.0,) * 24
    day_met: tuple[float, ...] = (0.0,) * 24
    weekday_seen: tuple[float, ...] = (0.0,) * 7
    weekday_due: tuple[float, ...] = (0.0,) * 7
    week_seen: tuple[float, ...] = (0.0,) * 168
    week_due: tuple[float, ...] = (0.0,) * 168
    scale: float = 1.0
    hour_start: datetime | None = None
    hour_seen: float = 0.0
    hour_due: float = 0.0
    hour_length: float = 0.0
    hours: float = 0.0


class Expected(msgspec.Struct, frozen=True):
    """The mentions that the protected and the adaptive level expect in one window.

    `dawn` is the number of mentions that may come on top because this hour of the day was never met and the last hours were
    busier than the level. `doubt` is the relative variance of the protected expectation: what the baseline does not know yet.
    """

    protected: float
    adaptive: float
    dawn: float
    doubt: float


def expect(base: Baseline, start: datetime, length: timedelta, zone: tzinfo) -> Expected:
    """The expectation for one window."""
    hours = length.total_seconds() / 3600.0
    level, recent = rate(base.level), rate(base.adaptive)
    local = (start + length / 2).astimezone(zone)
    unmet = ONE_MEETING / (ONE_MEETING + base.day_met[local.hour])
    season, strange, new = _season(base, level, local)
    protected = level * season
    return Expected(
        protected=protected * hours,
        adaptive=recent * season * hours,
        dawn=max(unmet * unmet, MONDAY * new * new) * max(0.0, MORNING * recent - protected) * hours,
        doubt=UNSEEN_HOUR * strange * strange
        + UNSEEN_WEEKDAY * new * new
        + 1.0 / (PRIOR_MENTIONS + base.level[0]),
    )


def rate(sums: tuple[float, float]) -> float:
    """Mentions per hour without the season, pulled towards the prior (the mean of a Gamma-Poisson posterior)."""
    return (sums[0] + PRIOR_MENTIONS) / (sums[1] + PRIOR_HOURS)


def absorb(
    base: Baseline,
    window: WindowCounts,
    zone: tzinfo,
    due: float,
    most: Callable[[float, float], float] | None,
) -> Baseline:
    """The baseline after a closed window in which `due` mentions were expected.

    The adaptive level follows at once. All else learns by whole hours, so that a crisis does not raise the very expectation that
    judges it. When a window begins another hour, the baseline learns `most(seen, due)` of the mentions of the hour before. While
    the monitor is learning, `most` is None: the level learns the whole window at once, and the season learns nothing.
    """
    hours = window.length.total_seconds() / 3600.0
    local = (window.start + window.length / 2).astimezone(zone)
    if (
        most is not None
        and base.hour_start is not None
        and _hour(base.hour_start, zone) != _hour(local, zone)
    ):
        base = _teach(base, zone, most)
    season, _, _ = _season(base, rate(base.level), local)
    adaptive = _fade(base.adaptive, ADAPTIVE_HALF_LIFE_H, hours, window.count, season * hours)
    if most is None:
        level = _fade(base.level, PROTECTED_HALF_LIFE_H, hours, window.count, season * hours)
        return msgspec.structs.replace(base, level=level, adaptive=adaptive, hours=tidy(base.hours + hours))
    return msgspec.structs.replace(
        base,
        adaptive=adaptive,
        hour_start=base.hour_start or local.astimezone(UTC),
        hour_seen=base.hour_seen + window.count,
        hour_due=tidy(base.hour_due + due),
        hour_length=tidy(base.hour_length + hours),
    )


def _hour(at: datetime, zone: tzinfo) -> tuple[int, int]:
    local = at.astimezone(zone)
    return (local.toordinal(), local.hour)


def _teach(base: Baseline, zone: tzinfo, most: Callable[[float, float], float]) -> Baseline:
    """The baseline after it has learned the hour that was kept open."""
    assert base.hour_start is not None
    local, hours, seen = base.hour_start.astimezone(zone), base.hour_length, base.hour_seen
    taught = tidy(most(seen, base.hour_due))
    level = rate(base.level)
    season, _, _ = _season(base, level, local)
    day, weekday, week = local.hour, local.weekday(), local.weekday() * 24 + local.hour
    day_keep, week_keep = DAY_KEEP ** min(1.0, hours), WEEK_KEEP ** min(1.0, hours)
    # While the level is a guess, the season measured against it is trusted little.
    trust = (base.hours + hours) / (base.hours + hours + LEVEL_FIRST)
    due = level * hours * trust
    due_by_hour = due * _day_factor(base, level, local)
    due_by_day = due_by_hour * _weekday_factor(base, level, weekday)
    after = Baseline(
        level=_fade(base.level, PROTECTED_HALF_LIFE_H, hours, taught, season * hours),
        adaptive=base.adaptive,
        day_seen=_put(base.day_seen, day, day_keep, trust * taught),
        day_due=_put(base.day_due, day, day_keep, due),
        day_met=_put(base.day_met, day, day_keep, hours),
        weekday_seen=_put(base.weekday_seen, weekday, week_keep ** (1 / 24), trust * taught),
        weekday_due=_put(base.weekday_due, weekday, week_keep ** (1 / 24), due_by_hour),
        week_seen=_put(base.week_seen, week, week_keep, trust * taught),
        week_due=_put(base.week_due, week, week_keep, due_by_day),
        hours=tidy(base.hours + hours),
    )
    return msgspec.structs.replace(after, scale=_scale(after))


def accepted(base: Baseline) -> Baseline:
    """The baseline after a person has accepted the present volume: the protected level becomes the adaptive one."""
    weight = max(base.level[1], 1.0)
    return msgspec.structs.replace(base, level=(tidy(rate(base.adaptive) * weight), tidy(weight)))


def _season(base: Baseline, level: float, local: datetime) -> tuple[float, float, float]:
    """The seasonal factor at a local time, and how strange its hour of the day and its weekday still are: 1 if never met, falling
    towards 0.
    """
    place, weekday = local.hour, local.weekday()
    factor = _day_factor(base, level, local) * _weekday_factor(base, level, weekday)
    day_pull, weekday_pull = _day_pull(level), _weekday_pull(level)
    return (
        base.scale * factor * _week_factor(base, level, weekday * 24 + place),
        day_pull / (day_pull + base.day_due[place]),
        weekday_pull / (weekday_pull + base.weekday_due[weekday]),
    )


def _scale(base: Baseline) -> float:
    """The scale that brings the mean of the factors' product over a week to 1. Without it a level could sink while its season
    rises, because only their product is ever seen.
    """
    level = rate(base.level)
    pull = _day_pull(level)
    by_hour = [(pull + seen) / (pull + due) for seen, due in zip(base.day_seen, base.day_due, strict=True)]
    total = 0.0
    for weekday in range(7):
        hours = sum(by_hour[hour] * _week_factor(base, level, weekday * 24 + hour) for hour in range(24))
        total += hours * _weekday_factor(base, level, weekday)
    return tidy(168.0 / total)


def _weekday_factor(base: Baseline, level: float, day: int) -> float:
    pull = _weekday_pull(level)
    return (pull + base.weekday_seen[day]) / (pull + base.weekday_due[day])


def _weekday_pull(level: float) -> float:
    """The pseudo-mentions that pull a weekday towards the level: half a day's worth, and eight."""
    return 12.0 * level + 8.0


def _week_factor(base: Baseline, level: float, hour: int) -> float:
    pull = 2.0 * level + 8.0
    return (pull + base.week_seen[hour]) / (pull + base.week_due[hour])


def _day_pull(level: float) -> float:
    """The pseudo-mentions that pull an hour of the day towards the level: a quarter of an hour's worth, and two."""
    return 0.25 * level + 2.0


def _day_factor(base: Baseline, level: float, local: datetime) -> float:
    """The factor of the hour of the day, blended with its neighbour so that nothing jumps at the full hour."""
    pull = _day_pull(level)
    here = local.hour
    away = local.minute / 60.0 - 0.5
    near = (here + (1 if away > 0 else -1)) % 24
    share = abs(away)
    seen, due = base.day_seen, base.day_due
    mine = (pull + seen[here]) / (pull + due[here])
    other = (pull + seen[near]) / (pull + due[near])
    return math.exp((1 - share) * math.log(mine) + share * math.log(other))


def _fade(
    sums: tuple[float, float], half_life_h: float, hours: float, seen: float, exposure: float
) -> tuple[float, float]:
    keep = 0.5 ** (hours / half_life_h)
    return (tidy(sums[0] * keep + seen), tidy(sums[1] * keep + exposure))


def _put(places: tuple[float, ...], at: int, keep: float, more: float) -> tuple[float, ...]:
    return (*places[:at], tidy(places[at] * keep + more), *places[at + 1 :])
