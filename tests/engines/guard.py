"""The guard: ends the engines that their parent left behind when it was killed.

The guard is a small process of its own. It holds the other end of a pipe, and a list of the running engines. The pipe closes
when the parent ends, in whatever way. Then the guard ends the engines that are still on the list and removes their folders.
(The kernel's signal for the death of a parent is bound to the thread that started the engine, so an engine started from a
thread would end with that thread.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

END_WITHIN_S = 5.0


class Guard:
    """The parent's side of the guard, with the list. The process starts with the first engine."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def watch(self, pid: int, last: signal.Signals) -> None:
        """End the process group `pid` by the signal `last` (then by SIGKILL) when this process is gone."""
        self._tell(f"+ {pid} {int(last)}")

    def forget(self, pid: int) -> None:
        """Take a process that has ended off the list."""
        self._tell(f"- {pid}")

    def remove(self, folder: Path) -> None:
        """Remove this folder when this process is gone."""
        self._tell(f"folder {folder}")

    def _tell(self, line: str) -> None:
        with self._lock:
            # A forked child has a guard of its own.
            if self._process is None or self._owner != os.getpid():
                self._process, self._owner = _start(), os.getpid()
                atexit.register(self._close, self._process)
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        if self._owner == os.getpid() and process.stdin is not None:
            process.stdin.close()
            process.wait(2 * END_WITHIN_S)


def _start() -> subprocess.Popen[bytes]:
    # The guard has a session of its own, so that neither Ctrl-C nor the end of the terminal ends it before its work is done.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _stand_by() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    running: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        what, _, rest = line.strip().partition(" ")
        if what == "+":
            pid, last = rest.split()
            running[int(pid)] = int(last)
        elif what == "-":
            running.pop(int(rest), None)
        elif what == "folder":
            folders.append(rest)
    for pid, last in running.items():
        _send(pid, last)
        # A frozen process takes no other signal.
        _send(pid, signal.SIGCONT)
    deadline = time.monotonic() + END_WITHIN_S
    while time.monotonic() < deadline and any(_send(pid, 0) for pid in running):
        time.sleep(0.05)
    for pid in running:
        _send(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _send(group: int, what: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)
        return True
    return False


GUARD = Guard()

if __name__ == "__main__":
    _stand_by()
