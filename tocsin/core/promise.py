"""The promise of at most so many false alerts a week, as a score. Every signal, detector and rule of severity uses its scale."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

CLEARLY_OVER: Final = 3.0
"""The score of a reading so rare that one like it is expected once a week for this monitor."""


LEAST_A_WEEK: Final = 0.001
MOST_A_WEEK: Final = 100.0
"""The promises that are kept. At a hundred a week the threshold is 1, a third of that at one a week."""


@lru_cache(maxsize=1024)
def threshold(false_alerts_per_week: float) -> float:
    """The score that keeps a monitor's promise: 3 for one a week, 2.7 for two, 4 for one in ten weeks.

    The scale is a convention: docs/detection.md has what other promises gave on real series. A promise below `LEAST_A_WEEK` or
    above `MOST_A_WEEK` counts as that.
    """
    return CLEARLY_OVER - math.log10(min(MOST_A_WEEK, max(LEAST_A_WEEK, false_alerts_per_week)))
