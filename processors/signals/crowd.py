"""The crowd behind the tone: the evidence for more mentions than were due, as a running sum that counts beside the negatives.

By itself it alerts nobody, because a benign peak has many mentions, too. Its windows are cut as those of the volume are, and
divided by how wild the hours of this monitor are, so that one loud window or a restless brand is no evidence.
"""

from __future__ import annotations

from math import log, sqrt

import msgspec

from processors.signals.rises import NO_RISE, Rise, Sought, risen
from processors.signals.statistics import median_step, tidy, wildness
from tocsin.core.counts import KAPPA, steady

# A window enters the sums with at most so many of its own deviations above what was due, and at most so many times that.
CUT, CUT_RATIO = 3.0, 6.0
# A crisis that people are angry about need not be loud, so the sum looks for less than twice as many mentions.
SOUGHT = Sought(1.8, most=5.0)


class Crowd(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of a monitor's crowds: the medians of how far single windows and hours are off, as logarithms, and the
    running sum of the evidence for more mentions than were due.
    """

    window_off: float = log(2.0)
    hour_off: float = log(0.9)
    rise: Rise = NO_RISE


NO_CROWD = Crowd()


def variance(due: float) -> float:
    """The variance of a window in which so many mentions are due."""
    return due * (1.0 + KAPPA * due)


def most_taken(due: float, window_off: float) -> float:
    """The most mentions of a window that the sums take."""
    cut = due + CUT * (sqrt(variance(due)) * wildness(window_off)) + 1.0
    times, few = CUT_RATIO * due, due + 1.0 + 2.0 * sqrt(due)
    most = times if times > few else few
    return cut if cut < most else most


def taken(crowd: Crowd, count: int, due: float) -> float:
    """The mentions of a window of `count` mentions that the sums take."""
    most = most_taken(due, crowd.window_off)
    return float(count) if count <= most else most


def grown(crowd: Crowd, count: int, due: float, taken: float) -> Rise:
    """The running sum after a window of `count` mentions, of which the sums take `taken`, where `due` were due."""
    return risen(crowd.rise, SOUGHT, taken, due, wildness(crowd.hour_off) ** 2, count)


def taught(
    crowd: Crowd,
    count: int,
    due: float,
    hour: tuple[float, float, int],
    rise: Rise,
    known_h: float,
    hours: float,
) -> Crowd:
    """The crowd after a closed window of `hours` hours, with its running sum. `hour` has the mentions taken and those due in the
    hour that ends with it, and the windows of that hour; `known_h` hours are known.
    """
    in_hour, due_in_hour, windows = hour
    kappa = KAPPA / windows
    off = abs(steady(in_hour, kappa) - steady(due_in_hour, kappa))
    return Crowd(
        median_step(crowd.window_off, abs(count - due) / sqrt(variance(due) + 0.1), known_h, hours),
        median_step(crowd.hour_off, off, known_h, hours),
        Rise(tidy(rise.evidence), rise.seen, tidy(rise.due), rise.windows) if rise.windows else NO_RISE,
    )
