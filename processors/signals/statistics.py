"""The few formulas that the detectors share. They need the standard library only and turn floats into floats.

Source: Wilson (1927), Probable inference.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, sqrt

from tocsin.core.counts import NORMAL_95
from tocsin.core.promise import CLEARLY_OVER, threshold


def wilson(part: float, of: float, z: float = NORMAL_95) -> tuple[float, float]:
    """Wilson's score interval for a share, or (0, 1) without any observation. `of` may be an effective number."""
    if of <= 0:
        return (0.0, 1.0)
    share = min(1.0, max(0.0, part / of))
    middle = share + z * z / (2 * of)
    reach = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return (max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))


NORMAL_OF_MEDIAN = 1.4826
"""The standard deviation of a normal variable whose absolute value has the median 1."""

MEDIAN_SPEED, MEDIAN_PRIOR_H, MEDIAN_MEMORY_H = 4.0, 24.0, 480.0


def median_step(log_median: float, value: float, known_h: float, hours: float) -> float:
    """The logarithm of a running median after one more value, which stood for `hours` hours.

    It goes up where the value is above it and down where it is not (Robbins and Monro 1951). The steps get smaller over the first
    `MEDIAN_MEMORY_H` hours; `known_h` hours are known.
    """
    known_h = known_h if known_h < MEDIAN_MEMORY_H else MEDIAN_MEMORY_H
    step = MEDIAN_SPEED * hours / (MEDIAN_PRIOR_H + known_h)
    return log_median + (step if value > exp(log_median) else -step)


def wildness(log_median: float) -> float:
    """The wildness of differences with this median (given as its logarithm): how many times as wide as in theory, at least 1."""
    wild = NORMAL_OF_MEDIAN * exp(log_median)
    return wild if wild > 1.0 else 1.0


def score_of(heat: float) -> float:
    """The score of a statistic that is `heat` times as high as once a week."""
    return CLEARLY_OVER * heat


@lru_cache(maxsize=1024)
def asks(promise: float, power: float) -> float:
    """The factor by which a promise other than one false alert a week raises the heat that an alert needs; 1 at one a week."""
    return float(promise**power) * threshold(promise) / CLEARLY_OVER


# A product below this is off by less than a thousandth.
_EXACT = 1e12


def _rounding(places: int) -> Callable[[float], float]:
    """`round` to so many decimals, in a third of its time. `round` writes the digits and reads them again, because a product with
    a power of ten may lie on the wrong side of a half. Where the product is far from one, the nearest whole number over the power
    is the same float.
    """
    power = 10.0**places

    def rounded(value: float) -> float:
        times = value * power
        if -_EXACT < times < _EXACT:
            whole = round(times)
            # What is rounded to nothing keeps its sign.
            if whole and -0.499 < times - whole < 0.499:
                return whole / power
        return round(value, places) if value else value

    return rounded


four, six, tidy = _rounding(4), _rounding(6), _rounding(9)
"""The value rounded to so many decimals. `tidy` (nine) makes stored values short and the same on every machine."""
