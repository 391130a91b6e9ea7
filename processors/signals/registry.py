"""The detectors of the registered signals. This module resolves the names in `tocsin/core/signal_kinds.py` once for each zone."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta, tzinfo
from functools import lru_cache
from typing import Any

from processors.signals.types import Detector, Sensitivity, WindowCounts
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind

WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class JudgedKind:
    """A kind of signal with the detector that judges it.

    The detector remembers no monitor, so the monitors of one zone share it.
    """

    signal: SignalKind
    detector: Detector[Any]
    # Gives the window with what the store tells of it. None: the counts are enough.
    hears: Callable[..., WindowCounts] | None = None
    # Asks the store once for the windows that close at many monitors. `hears` takes up the answers.
    hears_together: Callable[..., None] | None = None
    # The detector's `quiet`, where it has one.
    quiet: Callable[[Any, WindowCounts, Sensitivity], Any] | None = None
    # A field, because a window asks for it some seventy times.
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.signal.kind)

    def reads(self, version: str) -> bool:
        """Whether the detector takes up a state of that version: of its own, or of one that it says it carries over."""
        return version == self.detector.version or version in getattr(self.detector, "carries", ())


def detectors(zone: tzinfo) -> tuple[JudgedKind, ...]:
    """Every registered detector for monitors of that zone, in the order in which they judge.

    Raises `ValueError` for an entry whose detector does not exist or names another kind.
    """
    return _detectors(zone, SIGNAL_KINDS.judged)


@lru_cache(maxsize=1024)
def _detectors(zone: tzinfo, kinds: tuple[SignalKind, ...]) -> tuple[JudgedKind, ...]:
    made = [(one, _made(one, zone)) for one in kinds]
    return tuple(
        JudgedKind(
            one, detector, _named(one.hears), _named(one.hears_together), getattr(detector, "quiet", None)
        )
        for one, detector in made
    )


def _named(name: str | None) -> Callable[..., Any] | None:
    if name is None:
        return None
    found: Callable[..., Any] = pkgutil.resolve_name(name)
    return found


def _made(signal: SignalKind, zone: tzinfo) -> Detector[Any]:
    try:
        made: Detector[Any] = pkgutil.resolve_name(str(signal.detector))(zone, WINDOW)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"signal {signal.kind!r}: no detector {signal.detector!r}: {error}") from error
    if made.kind != signal.kind:
        raise ValueError(f"signal {signal.kind!r}: {signal.detector} is the detector of {made.kind!r}")
    return made
