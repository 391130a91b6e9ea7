"""The input and the answer of a detector: windows of counts, readings, and the port.

Judging never learns, and learning never judges. `judge` is a pure question about one window. `learn` folds one closed window and
its stored reading into a small state. The state after a list of (window, reading) pairs depends on that list alone, so a state
rebuilt from the store equals the one that was kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from tocsin.core.promise import CLEARLY_OVER, threshold


class FarVoice(msgspec.Struct, frozen=True):
    """A mention by somebody who is heard far: an author with many followers, or an outlet of the first rank (`outlet`, else "").
    `against` says that it is negative or says a trigger. `reach` is in followers.
    """

    source: str
    id: str
    reach: int
    outlet: str = ""
    against: bool = False


class TalkPlace(msgspec.Struct, frozen=True):
    """A network or a language: the mentions of the last hour there, and its share (0..1) of those of the two weeks before."""

    dimension: str
    value: str
    seen: int
    share: float


class OneText(msgspec.Struct, frozen=True):
    """The most told text of an hour: its authors, and its posts that are no reposts."""

    authors: int
    posts: int


class RisingTerm(msgspec.Struct, frozen=True):
    """A term of the last hour: `seen` of its `of` different texts say it, and `before` of the `of_before` texts of the two days
    before it. `z` is how far its log-odds are above those of before, in units of their spread.
    """

    term: str
    seen: int
    of: int
    before: int
    of_before: int
    z: float


class WindowFindings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the store tells of a window beside its counts. A part is None where nobody has looked."""

    voices: tuple[FarVoice, ...] | None = None
    places: tuple[TalkPlace, ...] | None = None
    # The 64-bit hashes of people, signed as the store has them.
    people: tuple[int, ...] | None = None
    text: OneText | None = None
    subjects: tuple[RisingTerm, ...] | None = None


NOT_LOOKED = WindowFindings()


class WindowCounts(msgspec.Struct, frozen=True, gc=False):
    """The mentions of one monitor in [start, start + length).

    `count` counts every mention, `scored` those with a sentiment, and `negative` the negative ones among the scored. `complete`
    is False if some posts of the window may not have been heard. `due` is the number of mentions that the volume detector expects
    in this window, where it has judged before; None where nobody has said. `reach` is the sum of the authors' followers. `heard`
    is what a kind of signal has asked the store. A state that is rebuilt meets its windows without `reach` and `heard`: what a
    detector learns of them stands in its reading. `holiday` is the name of the public holiday of the monitor's countries on the
    day on which the window begins, "" on any other day.
    """

    start: datetime
    length: timedelta
    count: int
    negative: int = 0
    scored: int = 0
    complete: bool = True
    due: float | None = None
    reach: int = 0
    heard: WindowFindings = NOT_LOOKED
    holiday: str = ""

    @property
    def end(self) -> datetime:
        return self.start + self.length


class Sensitivity(msgspec.Struct, frozen=True):
    """The promise of a monitor to its people: no more than so many false alerts a week, and never for a handful of mentions."""

    false_alerts_per_week: float = 1.0
    at_least_mentions: int = 8
    at_least_ratio: float = 2.0

    @property
    def threshold(self) -> float:
        """The score that keeps the promise."""
        return threshold(self.false_alerts_per_week)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A detector's verdict on one window.

    `score` is 0 where things are as expected, and CLEARLY_OVER (3) where a promise of one false alert a week is reached.
    `over` says whether the reading should alert a person. `observed`, `expected`, `lower` and `upper` are mentions (or a
    share, 0..1) over `detail["span_s"]` seconds that end with the window. `lower` and `upper` are a 95 % interval: of the
    expected value for counts, of the observed value for a share. `baseline` names the baseline, of the two, that judged.
    `detail` holds JSON values only; each detector documents its own.
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


AFTER_AN_ALERT = 1.2
"""How much higher a score would be if no alert had raised the limit of its path."""

S = TypeVar("S")


class Detector(Protocol[S]):
    """The detector of one signal. `state` is a msgspec Struct, JSON-serialisable, and belongs to one monitor.

    `carries` (optional) names the older versions whose states it takes up as they are; other states begin anew.

    `quiet(state, window, sensitivity)` (optional) spares a closed window its judgement: it gives the state that `learn` would
    give after `judge`, or None. It gives one only where `judge` would not be over.

    Windows come closed, in order and on one grid. A missing window is unknown, not zero. `judge` also takes an open window with
    its counts so far and compares it with the expectation for the whole window.
    """

    kind: str
    version: str

    def initial(self) -> S:
        """The state of a monitor about which nothing is known yet."""
        ...

    def judge(self, state: S, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        """The verdict on `window`. Pure: the state stays as it is."""
        ...

    def may_be_over(self, state: S, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        """False only where `judge` would not be over, at a much lower cost. It is asked about open windows, where only a verdict
        of "over" counts.
        """
        ...

    def learn(self, state: S, window: WindowCounts, reading: Reading) -> S:
        """The state after this closed window. It depends on the arguments alone."""
        ...

    def accept(self, state: S) -> S:
        """The state after a person has accepted the present as the new normal: the protected baseline becomes the adaptive."""
        ...

    def tells(self, state: S, window: WindowCounts, reading: Reading, *, speaks: bool) -> dict[str, Any]:
        """The values that this reading adds to the facts of a signal made in its window, by the names of `Facts`.

        `speaks` says that the signal is of this detector's own kind. `state` is the state that judged `window`. The question
        comes only when a signal is made.
        """
        ...


def calm(reading: Reading) -> bool:
    """Whether this closed window lets an open alert calm down.

    Such a window is complete and not over, and its last hour is at most half as high as an alert needs. An incomplete window is
    never calm: no data is not calm.
    """
    recent, needed = _last_hour(reading)
    return _complete(reading) and not reading.over and recent <= needed / 2


def lasts(reading: Reading) -> bool:
    """Whether this closed, complete window is about as high as an alert needs, over or not: its last hour alone, or its score.

    An alert raises the limit of its own path by up to a fifth (`story.Path.habit`), so a score that is a fifth lower right after
    one is as high as before.
    """
    recent, needed = _last_hour(reading)
    as_high = recent >= needed or reading.score * AFTER_AN_ALERT >= needed
    return _complete(reading) and "hour_score" in reading.detail and as_high


def _last_hour(reading: Reading) -> tuple[float, float]:
    """The height of the last hour, and the score that an alert needs. A kind without hours gives its score as that height."""
    detail = reading.detail
    return float(detail.get("hour_score", reading.score)), float(detail.get("threshold", CLEARLY_OVER))


def _complete(reading: Reading) -> bool:
    return bool(reading.detail.get("complete", True))
