"""The few formulas that the detectors share. They need the standard library only and turn floats into floats.

Sources: Wilson (1927), Probable inference; Coles (2001), An Introduction to Statistical Modeling of Extreme Values,
chapters 4 and 5 (peaks over a threshold, declustering by runs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from tocsin.core.counts import NORMAL_95

_LOG_10 = math.log(10.0)


def wilson(part: float, of: float, z: float = NORMAL_95) -> tuple[float, float]:
    """Wilson's score interval for a share, or (0, 1) without any observation. `of` may be an effective number."""
    if of <= 0:
        return (0.0, 1.0)
    share = min(1.0, max(0.0, part / of))
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return (max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))


class Tail(msgspec.Struct, frozen=True, array_like=True):
    """The declustered peaks over a level that a monitor has had. Rarity is measured against them.

    `weeks` is the exposure, `peaks` the number of peaks and `excess` the sum of their excess over the level; all three fade.
    `peak` is the highest excess of the cluster that is going on, 0 without one. `quiet_h` is the number of hours since the level
    was last exceeded.
    """

    weeks: float = 0.0
    peaks: float = 0.0
    excess: float = 0.0
    peak: float = 0.0
    quiet_h: float = 0.0


@dataclass(frozen=True, slots=True)
class TailRule:
    """The rule for keeping and reading a tail.

    Exceedances of `level` at most `run_h` hours apart are one cluster. The prior has the weight of `prior_weeks` at `prior_rate`
    clusters a week and of `prior_peaks` peaks of `prior_excess`. The past fades by half in `half_life_weeks`. A peak counts with
    at most `cap` times the mean excess, so that one real crisis does not deafen the detector.
    """

    level: float = 2.5
    run_h: float = 6.0
    prior_rate: float = 7.0
    prior_weeks: float = 1.0
    prior_excess: float = 0.8
    prior_peaks: float = 6.0
    cap: float = 4.0
    half_life_weeks: float = 8.0

    def mean_excess(self, tail: Tail) -> float:
        return (tail.excess + self.prior_peaks * self.prior_excess) / (tail.peaks + self.prior_peaks)

    def rate(self, tail: Tail) -> float:
        """The number of clusters over `level` per week."""
        return (tail.peaks + self.prior_rate * self.prior_weeks) / (tail.weeks + self.prior_weeks)

    def rarity(self, tail: Tail, z: float, looks: float = 1.0) -> float:
        """The score of `z`.

        The score is 3 where clusters as high, over `looks` ways of looking, come once a week, and 1 more for each factor of ten.
        From the level downwards it falls in a straight line to 0 at z = 0.
        """
        return self.score(z, self.scale(tail, looks))

    def scale(self, tail: Tail, looks: float = 1.0) -> tuple[float, float]:
        """The scale that turns z into its rarity while the tail stays the same: the score at the level, and the rise of z above
        the level for each further 1.
        """
        at_level = max(0.5, 3.0 - math.log10(looks * self.rate(tail)))
        return at_level, self.mean_excess(tail) * _LOG_10

    def score(self, z: float, scale: tuple[float, float]) -> float:
        """The rarity of `z` on a tail's `scale`."""
        at_level, per_point = scale
        level = self.level
        if z <= level:
            return max(0.0, at_level * z / level)
        return at_level + (z - level) / per_point

    def after(self, tail: Tail, z: float, hours: float) -> Tail:
        """The tail after one more window of `hours` hours with the statistic `z`."""
        keep = 0.5 ** (hours / (168.0 * self.half_life_weeks))
        weeks = tail.weeks * keep + hours / 168.0
        peaks, excess, peak, quiet = tail.peaks * keep, tail.excess * keep, tail.peak, tail.quiet_h + hours
        if z > self.level:
            peak, quiet = max(peak, z - self.level), 0.0
        elif peak > 0.0 and quiet >= self.run_h:
            peaks, excess, peak = peaks + 1.0, excess + min(peak, self.cap * self.mean_excess(tail)), 0.0
        return Tail(tidy(weeks), tidy(peaks), tidy(excess), tidy(peak), tidy(min(quiet, 1e4)))


@dataclass(frozen=True, slots=True)
class SpreadRule:
    """The rule for learning the variance of a monitor's residuals, on a variance-stabilised scale and in units of the theory's.

    The prior counts for `prior_h` hours, the past for up to `memory_h`. The variance never falls below `least`. For counts that
    is 1, because no crowd is steadier than independent people.
    """

    prior_h: float = 24.0
    memory_h: float = 24.0 * 20
    least: float = 1.0

    def after(self, spread: float, z: float, hours: float, known_h: float) -> float:
        """The spread after one more residual `z`, which is already divided by the root of `spread`. The residual is cut at 3, so
        that a crisis does not pass for noise.
        """
        step = hours / (self.prior_h + min(known_h, self.memory_h))
        return tidy(max(self.least, spread * (1.0 + step * (min(9.0, z * z) - 1.0))))


def spread_rule(span: timedelta, least: float = 1.0) -> SpreadRule:
    """The spread rule of a span. Sums over a long span overlap (a day has four independent sums over 6 hours), so the prior
    speaks longer there.
    """
    return SpreadRule(prior_h=max(24.0, 16.0 * (span / timedelta(hours=1))), least=least)


UNION = TailRule(level=2.0, prior_rate=10.0, prior_weeks=2.0, prior_excess=1.0 / math.log(10.0))
"""The rule for the best score of all spans. Its level 2 should come ten times a week. Where it comes more or less often (spans
overlap, tails are not exponential), the monitor's own past corrects the score."""


def tail_rule(span: timedelta) -> TailRule:
    """The tail rule of a span.

    Its prior takes one in two hundred of the span's independent looks for a peak, at least one a week.
    """
    return TailRule(prior_rate=max(1.0, 0.005 * (timedelta(weeks=1) / span)))


def tidy(value: float) -> float:
    """The value rounded to nine decimals, so that stored values are short and the same on every machine."""
    return round(value, 9)
