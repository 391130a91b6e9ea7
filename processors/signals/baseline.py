"""What a monitor's mentions are expected to be: a level times an hour of the day times an hour of the week,
in its own zone.

Each factor is a ratio of decayed sums, seen over expected, pulled towards 1 by pseudo-observations: an hour
of the week that was met once says little, and then the hour of the day speaks; before that, the level alone.
The level exists twice. The adaptive one follows whatever comes within hours. The protected one forgets slowly
and is taught no more than the upper end of what was to be expected, so a crisis is not learned as it happens,
and yet a change that stays is normal within days.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo

import msgspec

from processors.signals.statistics import tidy

PROTECTED_HALF_LIFE_H = 48.0
ADAPTIVE_HALF_LIFE_H = 3.0
DAY_KEEP = 0.85  # of what an hour of the day knows, from one day to the next: a memory of about a week
WEEK_KEEP = 0.8  # of what an hour of the week knows, from one week to the next: a memory of about five weeks
PRIOR_MENTIONS = 1.0  # the level's prior: one mention ...
PRIOR_HOURS = 1.0  # ... in one hour
UNSEEN_HOUR = 0.3  # relative variance of what an hour of the day brings that was never met
MORNING = 3.0  # such an hour may bring this many times what the last hours brought: brands wake up too


class Baseline(msgspec.Struct, frozen=True):
    """The sums that the expectation is made of. `level` and `adaptive` are (mentions, season-hours);
    `day_*` has 24 places and `week_*` 168 (Monday 00:00 first), mentions seen and mentions expected;
    `hours` is the time learned from."""

    level: tuple[float, float] = (0.0, 0.0)
    adaptive: tuple[float, float] = (0.0, 0.0)
    day_seen: tuple[float, ...] = (0.0,) * 24
    day_due: tuple[float, ...] = (0.0,) * 24
    week_seen: tuple[float, ...] = (0.0,) * 168
    week_due: tuple[float, ...] = (0.0,) * 168
    hours: float = 0.0


class Expected(msgspec.Struct, frozen=True):
    """Mentions expected in one window by the protected and by the adaptive level, the seasonal factor, and
    the relative variance of the protected expectation (what we do not know yet)."""

    protected: float
    adaptive: float
    season: float
    doubt: float


def expect(base: Baseline, start: datetime, length: timedelta, zone: tzinfo) -> Expected:
    """The expectation for one window."""
    hours = length.total_seconds() / 3600.0
    level, recent = rate(base.level), rate(base.adaptive)
    season, strange = _season(base, level, (start + length / 2).astimezone(zone))
    protected = level * season
    protected += strange * max(0.0, MORNING * recent - protected)
    return Expected(
        protected=protected * hours,
        adaptive=recent * season * hours,
        season=season,
        doubt=UNSEEN_HOUR * strange * strange + 1.0 / (PRIOR_MENTIONS + base.level[0]),
    )


def rate(sums: tuple[float, float]) -> float:
    """Mentions an hour, season taken out, with the prior's pull (the mean of a Gamma-Poisson posterior)."""
    return (sums[0] + PRIOR_MENTIONS) / (sums[1] + PRIOR_HOURS)


def absorb(
    base: Baseline, start: datetime, length: timedelta, zone: tzinfo, count: float, taught: float
) -> Baseline:
    """The baseline after a closed window with `count` mentions, of which the protected part is taught
    `taught`."""
    hours = length.total_seconds() / 3600.0
    level = rate(base.level)
    local = (start + length / 2).astimezone(zone)
    season, _ = _season(base, level, local)
    day, week = local.hour, local.weekday() * 24 + local.hour
    steps = min(1.0, hours)
    due = level * hours
    return Baseline(
        level=_fade(base.level, PROTECTED_HALF_LIFE_H, hours, taught, season * hours),
        adaptive=_fade(base.adaptive, ADAPTIVE_HALF_LIFE_H, hours, count, season * hours),
        day_seen=_put(base.day_seen, day, DAY_KEEP**steps, taught),
        day_due=_put(base.day_due, day, DAY_KEEP**steps, due),
        week_seen=_put(base.week_seen, week, WEEK_KEEP**steps, taught),
        week_due=_put(base.week_due, week, WEEK_KEEP**steps, due * _day_factor(base, level, local)),
        hours=tidy(base.hours + hours),
    )


def accepted(base: Baseline) -> Baseline:
    """The baseline once a person has accepted what is seen now: the protected level is the adaptive one."""
    weight = max(base.level[1], 1.0)
    return msgspec.structs.replace(base, level=(tidy(rate(base.adaptive) * weight), tidy(weight)))


def _season(base: Baseline, level: float, local: datetime) -> tuple[float, float]:
    """The seasonal factor at a local time, and how strange this hour of the day still is: 1 never met,
    towards 0."""
    week, pull = local.weekday() * 24 + local.hour, _day_pull(level)
    week_pull = level + 8.0
    factor = (week_pull + base.week_seen[week]) / (week_pull + base.week_due[week])
    return _day_factor(base, level, local) * factor, pull / (pull + base.day_due[local.hour])


def _day_pull(level: float) -> float:
    """Pseudo-mentions that pull an hour of the day towards the level: a quarter of an hour's worth, and
    two."""
    return 0.25 * level + 2.0


def _day_factor(base: Baseline, level: float, local: datetime) -> float:
    """The hour of the day, blended with its neighbour so that the hour does not strike."""
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
