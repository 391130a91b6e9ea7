"""The subject behind the tone: how much speaks for one thing that many tell of and nobody told of before, in nats.

By itself it alerts nobody, because a launch or a match is a new subject, too. It counts once the negatives are half-way to an
alert, because from less it could not bring them over.
"""

from __future__ import annotations

from datetime import datetime

from processors.signals.narrative import is_new
from processors.signals.types import RisingTerm, WindowCounts
from tocsin.core.clock import DAY

# What the best of some three thousand terms brings by chance: their logarithm.
BY_CHANCE = 8.0


def newest(window: WindowCounts, first: datetime | None) -> RisingTerm | None:
    """The new subject that is furthest from the texts before it; None in the first day that the monitor is known."""
    if first is None or window.start - first < DAY or not window.heard.subjects:
        return None
    new = [one for one in window.heard.subjects if is_new(one)]
    return max(new, key=lambda one: (one.z, one.term), default=None)


def nats(subject: RisingTerm | None) -> float:
    """The evidence that it is no chance: half the square of its distance (Wilks 1938), less what the best of many brings."""
    return max(0.0, subject.z**2 / 2.0 - BY_CHANCE) if subject is not None else 0.0
