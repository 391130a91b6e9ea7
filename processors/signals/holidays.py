"""The holidays of a monitor: what is due on a public holiday of its countries, and what such a day teaches.

Nobody knows beforehand whether a brand is quiet on a holiday, busy, or neither. So a holiday is taken to lie half-way between
that day of the week and a Sunday, as this monitor knows them. Its own holidays teach more: all of them in common, and those of
one name beside that. A holiday teaches no weekday. Once it is over, its hours count by what it was itself, so the level after
it is the level before. What was louder than an ordinary day, and than holidays are known to be, may be no holiday's doing: it
counts as on an ordinary day.
"""

from __future__ import annotations

from math import exp, log, sqrt

import msgspec

from processors.signals.statistics import tidy

# The holidays that weigh as much as the guess, and as much as all of them beside one of its name.
GUESS, COMMON = 2.0, 1.0
# What a holiday keeps from one to the next.
KEEP = 0.8
# A holiday teaches at most so many times more or less than its week.
MOST = 4.0
# The names that are remembered: those of two or three countries.
NAMES = 40

Named = tuple[str, float, float]


class Holidays(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a monitor's holidays were like.

    `days` has the holidays among the days behind the expectation: the ordinal of each, its name, the level before it, and its
    factor. The factor is what was due as a multiple of that level; once the holiday is over, it is what came, or less. `off` is
    the fading sum of the log factors of those that are over, and `n` their number. `names` has both for each name, the newest
    last.
    """

    days: tuple[tuple[int, str, float, float], ...] = ()
    off: float = 0.0
    n: float = 0.0
    names: tuple[Named, ...] = ()


NONE = Holidays()


def due(known: Holidays, name: str, weekday: float, sunday: float) -> float:
    """The factor of the holiday of that name, which falls on a day with the factor `weekday`."""
    common = (GUESS * log(sqrt(weekday * sunday)) + known.off) / (GUESS + known.n)
    _, off, n = named(known, name)
    return tidy(exp((COMMON * common + off) / (COMMON + n)))


def begun(known: Holidays, day: int, name: str, level: float, factor: float, keep: int) -> Holidays:
    """The holidays after the first window of one, the day with this ordinal. Those of more than `keep` days ago are left out."""
    days = tuple(one for one in known.days if one[0] > day - keep)
    return Holidays((*days, (day, name, level, factor)), known.off, known.n, known.names)


def ended(known: Holidays, came: float, trust: float, weekday: float) -> Holidays:
    """The holidays after the newest one is over. `came` is its own level, and `trust` (0..1) says how far that many mentions can
    tell. `weekday` is the factor of an ordinary day in its place. Nothing is learned where no level was known before.
    """
    day, name, level, due = known.days[-1]
    if not level:
        return known
    off = tidy(max(-log(MOST), min(log(MOST), log(came / level))))
    _, own, n = named(known, name)
    others = tuple(one for one in known.names if one[0] != name)[1 - NAMES :]
    return Holidays(
        (*known.days[:-1], (day, name, level, tidy(min(exp(off), max(due, weekday))))),
        tidy(known.off * KEEP + trust * off),
        tidy(known.n * KEEP + trust),
        (*others, (name, tidy(own * KEEP + trust * off), tidy(n * KEEP + trust))),
    )


def is_one(known: Holidays, day: int) -> bool:
    """Whether the day with this ordinal is the newest holiday."""
    return bool(known.days) and known.days[-1][0] == day


def factors(known: Holidays) -> dict[int, float]:
    """The factors of the holidays behind the expectation, by ordinal."""
    return {day: factor for day, _, _, factor in known.days}


def named(known: Holidays, name: str) -> Named:
    """The fading sum of the log factors of the holidays of that name, and their number."""
    return next((one for one in known.names if one[0] == name), (name, 0.0, 0.0))
