"""The running sum of negativity (CUSUM): the evidence, in nats, that the odds of a negative are 2.4 times the usual ones. Beside
it, what a window teaches.
"""

from __future__ import annotations

from math import log, sqrt

import msgspec

from processors.signals.due import TEACHES_FROM_H
from processors.signals.types import WindowCounts

# The odds of a negative in a crisis, in units of the usual odds.
ODDS = 2.4
# The most evidence that the sum keeps.
MOST_EVIDENCE = 7.0
# The last hours teach the usual share at most so many times itself, or so many deviations above it where few were scored.
TEACHES, TEACHES_DEVIATIONS = 1.5, 2.0


class NegativeRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The running sum, in nats, with the mentions since it began: negatives, scored, negatives due, windows."""

    nats: float = 0.0
    negative: int = 0
    scored: int = 0
    due: float = 0.0
    windows: int = 0


NO_RUN = NegativeRun()


def at_crisis_odds(share: float) -> float:
    """The share of negatives at `ODDS` times the usual odds."""
    odds = ODDS * share / (1.0 - share)
    return odds / (1.0 + odds)


def grown(
    before: NegativeRun,
    window: WindowCounts,
    share: float,
    explained: float,
    negative_due: float,
    taken: float,
    weight: float,
) -> NegativeRun:
    """The running sum after this window: the log likelihood of `ODDS` times the odds of a negative, among the mentions that were
    due and the part of the others that explains its own negatives.
    """
    high = at_crisis_odds(share)
    more = taken * log(high / share)
    if explained > taken:
        more += (explained - taken) * log((1.0 - high) / (1.0 - share))
    nats = before.nats + more / weight
    if nats <= 0.0:
        return NO_RUN
    return NegativeRun(
        nats if nats < MOST_EVIDENCE else MOST_EVIDENCE,
        before.negative + window.negative,
        before.scored + window.scored,
        before.due + negative_due,
        before.windows + 1,
    )


def taught(share: float, lately: tuple[float, float], window: WindowCounts, known_h: float) -> float:
    """The negatives that a window teaches the usual share, which was `share`. `lately` has the negatives and the mentions scored
    of the last hours, with this window; `known_h` hours were known before it.

    In the first `TEACHES_FROM_H` hours a window teaches what it brought. Later it teaches the share of the last hours, cut. Its
    own share, cut, would teach too little: a window of two mentions has no negatives or many, and the cut takes from the many
    alone. So the usual share would sink, an ordinary share would be evidence, and the more evidence, the lower the cut.
    """
    if not window.scored:
        return 0.0
    if known_h < TEACHES_FROM_H:
        return float(window.negative)
    negative, scored = lately
    deviation = sqrt(share * (1.0 - share) / scored)
    return window.scored * min(
        negative / scored, max(TEACHES * share, share + TEACHES_DEVIATIONS * deviation)
    )


def together(nats: float, of_crowd: float) -> float:
    """The evidence of the negatives and of the crowd behind them, which counts up to as many nats as these bring."""
    return nats + (nats if nats < of_crowd else of_crowd)
