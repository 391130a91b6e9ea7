"""The scale on which counts of mentions vary alike, whatever their size. The volume is judged on this scale, and its interval
is drawn on it.

Source: Anscombe (1948), The transformation of Poisson, binomial and negative-binomial data. docs/detection.md has the formula.
"""

from __future__ import annotations

from functools import lru_cache
from math import asinh, sinh, sqrt
from typing import Final

# The variance of the unexplained rate over its square; the spread of a monitor multiplies it.
KAPPA: Final = 0.03
NORMAL_95: Final = 1.959964
# What stretches the scale so that the spread is 1.
_ROOT: Final = sqrt(KAPPA)
STRETCH: Final = 2.0 / _ROOT


def steady(count: float, kappa: float = KAPPA) -> float:
    """Anscombe's transform of a count whose variance is proportional to mean + kappa * mean**2.

    The spread of the result is about 1 at every mean.
    """
    stretch = STRETCH if kappa == KAPPA else 2.0 / sqrt(kappa)
    return stretch * asinh(sqrt(kappa * ((count if count > 0.0 else 0.0) + 0.375)))


# Most windows hold the counts of the windows before.
steady_count = lru_cache(maxsize=4096)(steady)


def unsteady(value: float, kappa: float = KAPPA) -> float:
    """The count whose transform is `value`; 0 for a value below the transform of every count."""
    root = _ROOT if kappa == KAPPA else sqrt(kappa)
    count = sinh(value * root / 2.0) ** 2 / kappa - 0.375 if value > 0.0 else 0.0
    return count if count > 0.0 else 0.0


def interval_95(expected: float, sigma: float) -> tuple[float, float]:
    """The 95 % interval of a count with this expectation; `sigma` is the spread on the steady scale."""
    middle, reach = steady(expected), NORMAL_95 * sigma
    return unsteady(middle - reach), unsteady(middle + reach)
