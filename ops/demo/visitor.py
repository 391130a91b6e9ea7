"""The demo's visitor: the demo waits until somebody looks, its clock stands still meanwhile, and Enter plays it again."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

LOOK_EVERY_S: Final = 0.5


class HeldClock:
    """A clock that stands at `at`, moves with the crisis that is played, and runs in real time once it is let go.

    So nothing of the story grows old while the demo waits for its visitor, and an alert that has just come is not 20 minutes old.
    """

    def __init__(self, at: datetime, tick: Callable[[], float] = time.monotonic) -> None:
        self._at = at
        self._tick = tick
        self._since: float | None = None

    def now(self) -> datetime:
        if self._since is None:
            return self._at
        return self._at + timedelta(seconds=self._tick() - self._since)

    def stand_at(self, at: datetime) -> None:
        """Stand at that time. Once it was let go, nothing moves it."""
        if self._since is None:
            self._at = at

    def let_go(self) -> None:
        """Run from now on. A second time changes nothing."""
        if self._since is None:
            self._since = self._tick()


class Keyboard:
    """Lines typed at the terminal: `enter` is set by each. Without a terminal nobody types."""

    def __init__(self) -> None:
        self.enter = threading.Event()
        self.there = sys.stdin is not None and sys.stdin.isatty()
        if self.there:
            threading.Thread(target=self._read, name="keyboard", daemon=True).start()

    def _read(self) -> None:
        for _ in sys.stdin:
            self.enter.set()


def wait_for(anybody: Callable[[], bool], keyboard: Keyboard, stop: threading.Event) -> None:
    """Wait until `anybody` looks, Enter is typed, or `stop` is set."""
    while not (anybody() or keyboard.enter.is_set() or stop.wait(LOOK_EVERY_S)):
        pass
    keyboard.enter.clear()
