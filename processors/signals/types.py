"""What a detector is given and what it answers: windows of counts, readings, and the two-method port.

Judging never learns, learning never judges: `judge` is a pure question about one window, `learn` folds one
closed window and the reading stored for it into a small state. The state after a list of (window, reading)
pairs depends on that list alone, so a state rebuilt from the store equals the one that was kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from tocsin.core.promise import CLEARLY_OVER, threshold


class WindowCounts(msgspec.Struct, frozen=True):
    """The mentions of one monitor in [start, start + length).

    `count` is every mention, scored or not; `scored` those with a sentiment; `negative` the negative ones
    among them. `complete` is False where not everything that was posted is known to have been heard.
    """

    start: datetime
    length: timedelta
    count: int
    negative: int = 0
    scored: int = 0
    complete: bool = True

    @property
    def end(self) -> datetime:
        return self.start + self.length


class Sensitivity(msgspec.Struct, frozen=True):
    """What a monitor promises its people: no more than so many false alerts a week, and never for a
    handful of mentions."""

    false_alerts_per_week: float = 1.0
    at_least_mentions: int = 8
    at_least_ratio: float = 2.0

    @property
    def threshold(self) -> float:
        """The score that keeps the promise."""
        return threshold(self.false_alerts_per_week)


class Reading(msgspec.Struct, frozen=True):
    """A detector's verdict on one window.

    `score` is 0 where things are as expected and CLEARLY_OVER (3) where the like is expected once a week in
    this monitor's own past; each further 1 is ten times rarer. `over` says whether a person should be alerted
    by it. `observed`, `expected`, `lower` and `upper` are mentions (or a share, 0..1) over `detail["span_s"]`
    seconds that end with the window; `lower` and `upper` are a 95 % interval: of what was to be expected for
    counts, of what was observed for a share. `baseline` names which of the two baselines judged. `detail`
    holds JSON values only; each detector documents its own.
    """

    kind: str
    start: datetime
    length: timedelta
    score: float
    observed: float
    expected: float
    lower: float
    upper: float
    over: bool
    state: Literal["warm", "learning"]
    baseline: Literal["adaptive", "protected"] = "protected"
    detail: dict[str, Any] = {}


S = TypeVar("S")


class Detector(Protocol[S]):
    """One signal. `state` is a msgspec Struct, JSON-serialisable, and belongs to one monitor.

    Windows come closed, in order and on one grid. A window that is missing is unknown, not zero. `judge` may
    also be given an open window with its counts so far: it is held against what the whole window leads one to
    expect.
    """

    kind: str
    version: str

    def initial(self) -> S:
        """The state of a monitor of which nothing is known."""
        ...

    def judge(self, state: S, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        """The verdict on `window`. Pure: the state stays as it is."""
        ...

    def may_be_over(self, state: S, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over; much cheaper than that. Asked of open windows, of
        which nothing else is kept."""
        ...

    def learn(self, state: S, window: WindowCounts, reading: Reading) -> S:
        """The state after this closed window. Depends on its arguments alone."""
        ...

    def accept(self, state: S) -> S:
        """A person says that what is seen now is the new normal: the protected baseline becomes the
        adaptive one."""
        ...

    def tells(self, state: S, window: WindowCounts, reading: Reading, *, speaks: bool) -> dict[str, Any]:
        """What its reading of a window adds to the facts of a signal made in it, by the names of `Facts`. `speaks`: the
        signal is its own. `state` is the one that `window` was judged with. Asked only where a signal is made."""
        ...


def calm(reading: Reading) -> bool:
    """Whether this closed window lets an open alert calm down: complete, not over, and its last hour at
    most half as high as what raises an alert. Never True of an incomplete window: no data is not calm."""
    recent = reading.detail.get("hour_score", reading.score)
    needed = reading.detail.get("threshold", CLEARLY_OVER)
    complete = bool(reading.detail.get("complete", True))
    return complete and not reading.over and bool(recent <= needed / 2)
