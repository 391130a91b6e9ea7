"""The running sums of volume (CUSUM; Page 1954): the evidence, in nats, that so many times as many mentions come as were due.

Two sizes are looked for. A *rise* to two and a half times is what a crisis of a known monitor looks like. A *leap* to ten times
is for a monitor that was all but silent. A mention is much better evidence of that, so it needs few; where much is due, windows
that were cut cannot bring that evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log
from typing import Any

import msgspec

from processors.signals.statistics import four


@dataclass(frozen=True, slots=True)
class Sought:
    """What a running sum looks for: so many times the mentions due. Its heat is 1 at `needs` nats; `most` are kept."""

    times: float
    # For a sum that alerts nobody by itself: evidence that never comes.
    needs: float = inf
    most: float = 44.0
    # The nats that a mention brings, and those that a mention which was due takes away.
    nats: float = field(init=False)
    against: float = field(init=False)
    # Below this ratio a window speaks against it.
    turns_at: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nats", log(self.times))
        object.__setattr__(self, "against", self.times - 1.0)
        object.__setattr__(self, "turns_at", (self.times - 1.0) / log(self.times))


# The evidence for a leap is kept short, so that a crisis that follows an early whisper is still half as bad again.
RISE, LEAP = Sought(2.5, needs=16.0), Sought(10.0, needs=12.0, most=18.0)


class Rise(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A running sum: its evidence in nats, and the mentions seen and due in the windows since it began."""

    evidence: float = 0.0
    seen: int = 0
    due: float = 0.0
    windows: int = 0


NO_RISE = Rise()
NOTHING: list[Any] = [0.0, 0, 0.0, 0]
"""`NO_RISE` as a reading stores it."""


def risen(before: Rise, sought: Sought, taken: float, ready: float, wild: float, count: int) -> Rise:
    """The running sum after a window of `count` mentions, of which the sums take `taken`, where `ready` were due: the log
    likelihood of so many times as many, divided by `wild`, how much more than Poisson's the sums of this monitor vary.
    """
    evidence = before.evidence + (taken * sought.nats - ready * sought.against) / wild
    if evidence <= 0.0:
        return NO_RISE
    evidence = evidence if evidence < sought.most else sought.most
    return Rise(evidence, before.seen + count, before.due + ready, before.windows + 1)


def as_stored(rise: Rise) -> list[Any]:
    """The running sum as a reading stores it, rounded."""
    if not rise.windows:
        return NOTHING
    return [four(rise.evidence), rise.seen, four(rise.due), rise.windows]


def from_stored(stored: list[Any]) -> Rise:
    """The inverse of `as_stored`."""
    if stored is NOTHING:
        return NO_RISE
    evidence, seen, due, windows = stored
    return Rise(evidence, seen, due, windows) if evidence > 0.0 else NO_RISE
