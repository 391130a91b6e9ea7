"""The common part of the detectors beside the volume: how they begin, when they tell a thing again, how they make a reading."""

# ruff: noqa: ARG002  # the port has arguments that these kinds do not need

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Generic, TypeVar

from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.promise import CLEARLY_OVER

LEARNING = TOLD_FOR = timedelta(days=1)
HIGHEST = 2 * CLEARLY_OVER
"""The highest score of such a detector."""

S = TypeVar("S")


class Beside(Generic[S]):
    """A detector without facts of its own, which an accepted normal does not change. Each kind adds its state and its verdict."""

    kind: str
    version: str

    def __init__(self, zone: tzinfo = UTC, length: timedelta = timedelta(minutes=5)) -> None:
        """`length` is that of the windows. The port also gives the `zone`, in which a day begins; these kinds do not use it."""

    def accept(self, state: S) -> S:
        return state

    def tells(self, state: S, window: WindowCounts, reading: Reading, *, speaks: bool) -> dict[str, Any]:
        return {}

    def reading(
        self,
        window: WindowCounts,
        sensitivity: Sensitivity,
        span: timedelta,
        detail: dict[str, Any],
        *,
        score: float,
        observed: float,
        expected: float,
        interval: tuple[float, float],
        learning: bool,
        over: bool,
    ) -> Reading:
        """The verdict of this kind. `span` is what it looked at; `detail` comes after what every detail has."""
        return Reading(
            kind=self.kind,
            start=window.start,
            length=window.length,
            score=min(HIGHEST, max(0.0, score)),
            observed=observed,
            expected=expected,
            lower=interval[0],
            upper=interval[1],
            over=over,
            state="learning" if learning else "warm",
            detail={
                "span_s": span.total_seconds(),
                "complete": window.complete,
                "threshold": sensitivity.threshold,
                **detail,
            },
        )


def learns(first: datetime | None, start: datetime) -> bool:
    """Whether a monitor that was first heard at `first` still learns in the window that begins at `start`."""
    return first is None or start - first < LEARNING


def told_lately(told_at: datetime | None, start: datetime) -> bool:
    """Whether a thing that was told at `told_at` is too recent to be told again in the window that begins at `start`."""
    return told_at is not None and start - told_at < TOLD_FOR


def reaches(window: WindowCounts, sensitivity: Sensitivity, score: float, *, learning: bool) -> bool:
    """Whether a score alerts in this window: it reaches the threshold, everything was heard, and the usual is known."""
    return window.complete and not learning and score >= sensitivity.threshold


def bounded(score: float) -> float:
    """A score between 0 and `HIGHEST`, as it is stored."""
    return round(min(HIGHEST, max(0.0, score)), 6)
