"""A child's pulse as its `tocsin up` hears it: one byte every half a second through a pipe, while all loops of the child turn.

A process that hangs or was stopped is alive to the system. Such a process says nothing any more, so its supervisor knows.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

SILENT_AFTER_S: Final = 60.0
"""A child that was heard, and then not for so many seconds, hangs."""

BEGINS_WITHIN_S: Final = 600.0
"""The same for a child that was never heard. It may begin by waiting for its store, but it is heard while it waits."""


class PulseHeard:
    """The supervisor's end, the open file `hears_from`. The child inherits `sends_to`. Times are seconds of a monotonic clock."""

    def __init__(self, now: float, silent_after_s: float = SILENT_AFTER_S) -> None:
        self._silent_after_s = silent_after_s
        self.hears_from, self.sends_to = os.pipe()
        os.set_blocking(self.hears_from, False)
        os.set_blocking(self.sends_to, False)
        self._heard_at, self._ever = now, False

    def silent_for(self, now: float) -> float | None:
        """The seconds since the child was heard, where those are too many. None: it is well."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.hears_from, 4096):
                self._heard_at, self._ever = now, True
        silent = now - self._heard_at
        return silent if silent > (self._silent_after_s if self._ever else BEGINS_WITHIN_S) else None

    def forgive(self, now: float) -> None:
        """Count from now on: it was the supervisor that did not listen, as when the whole machine was stopped."""
        self._heard_at = now

    def close(self) -> None:
        os.close(self.hears_from)
        os.close(self.sends_to)


def send_pulse(to: int | None) -> None:
    """Say through the open file `to` that all is well here. A full or broken pipe is nothing to the child."""
    if to is not None:
        with contextlib.suppress(OSError):
            os.write(to, b".")
