"""The pulse of a process: when each of its loops last turned. A loop that hangs is seen by this, and its process started again.

The loops of one process share the order to stop, so that order carries the pulse too. Times are of a clock that nobody sets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

HUNG_AFTER: Final = timedelta(minutes=5)
"""A loop that has not turned for longer hangs. Its longest pause is a minute, and all that it waits for has a time limit."""


class Pulse(threading.Event):
    """The order to stop, and when each loop of this process last turned."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        """`elapsed` gives seconds since any fixed moment."""
        super().__init__()
        self._elapsed = elapsed
        self._turned: dict[str, float] = {}

    def turned(self, loop: str) -> None:
        """Note that this loop begins a round."""
        self._turned[loop] = self._elapsed()

    def hanging(self, longest: timedelta = HUNG_AFTER) -> tuple[str, ...]:
        """The loops that have not turned for longer than `longest`, by name."""
        before = self._elapsed() - longest.total_seconds()
        return tuple(sorted(name for name, at in tuple(self._turned.items()) if at < before))


def note_turn(stop: threading.Event, loop: str) -> None:
    """Note that this loop begins a round, where `stop` carries a pulse. In tests and tools it is a plain event."""
    if isinstance(stop, Pulse):
        stop.turned(loop)
