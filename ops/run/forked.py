"""A process that was forked, with the attributes and methods of `subprocess.Popen`."""

from __future__ import annotations

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from typing import Protocol


class Child(Protocol):
    """A started process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


class Forked(ABC):
    """A forked process. A class of its own for each way of learning how it ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @abstractmethod
    def _ended(self, within: float | None) -> int | None:
        """The exit status. None where the process runs on after `within` seconds; None for `within` waits for its end."""

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("tocsin", timeout or 0.0)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
