"""The supervisor of `tocsin up`: keeps four processes alive, and stops them together.

Matching must not hold the lock that an acknowledgement needs. So the roles that work on the stream run in one process. Paging has
a process of its own, which no connection of a stranger reaches, and the API another. The auditor must outlive them all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from ops.run.locks import STOP_WITHIN_S
from tocsin.core.errors import TocsinError, WrongInput

log = structlog.get_logger()

PROCESSES: tuple[tuple[str, ...], ...] = (
    ("ingest", "processors"),
    ("alerts",),
    ("api",),
    ("auditor",),
)
RESTART_AFTER_S = (0.5, 2.0, 5.0, 10.0, 30.0)  # the waits get longer for a child that dies again at once
STEADY_S = 60.0


class Supervisor:
    """Keeps the processes of `tocsin up` alive. A process that dies is started again; all are stopped together.

    `options` go to every process. `lock` is the open lock file of the data folder, which every process shares.
    """

    def __init__(self, options: Sequence[str], lock: int) -> None:
        self._options = list(options)
        self._lock = lock
        self._children: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
        self._started: dict[tuple[str, ...], float] = {}
        self._deaths: dict[tuple[str, ...], int] = {}

    def run(self, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is set, and call `meanwhile` a few times a second.

        Raises `TocsinError` when a process says that its settings or input are wrong (exit 2).
        """
        due = dict.fromkeys(PROCESSES, 0.0)
        try:
            while not stop.is_set():
                now = time.monotonic()
                for roles in PROCESSES:
                    child = self._children.get(roles)
                    if child is None and now >= due[roles]:
                        self._start(roles)
                    elif child is not None and child.poll() is not None:
                        due[roles] = now + self._restart_delay(roles, child.returncode)
                meanwhile()
                stop.wait(0.2)
        finally:
            self._stop()

    def _start(self, roles: tuple[str, ...]) -> None:
        self._started[roles] = time.monotonic()
        # A session of its own: Ctrl-C reaches only the supervisor, and it stops the children itself.
        child = subprocess.Popen(  # noqa: S603  # our own program, our own options
            [sys.executable, "-m", "tocsin", "run", *roles, "--parent", str(os.getpid()), *self._options],
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        self._children[roles] = child
        log.info("a process was started", roles=list(roles), process=child.pid)

    def _restart_delay(self, roles: tuple[str, ...], status: int) -> float:
        """The seconds until a process that ended is started again. Raises `TocsinError` where a new start would not help."""
        del self._children[roles]
        if status == WrongInput.exit_code:
            raise TocsinError(f"{' and '.join(roles)} cannot run; the reason is above")
        steady = time.monotonic() - self._started[roles] > STEADY_S
        deaths = 0 if steady else self._deaths.get(roles, 0)
        self._deaths[roles] = deaths + 1
        wait = RESTART_AFTER_S[min(deaths, len(RESTART_AFTER_S) - 1)]
        log.error("a process ended and is started again", roles=list(roles), status=status, after_s=wait)
        return wait

    def _stop(self) -> None:
        for child in self._children.values():
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S + 2
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
