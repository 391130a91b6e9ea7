"""The supervisor of `tocsin up`: keeps four processes alive and at work, and stops them together.

Matching must not hold the lock that an acknowledgement needs. So the roles that work on the stream run in one process. Paging has
a process of its own, which no connection of a stranger reaches, and the API another. The auditor must outlive them all.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ops.run.children import Start
from ops.run.forked import Child
from ops.run.locks import STOP_WITHIN_S
from ops.run.pulse import SILENT_AFTER_S, PulseHeard
from tocsin.core.errors import TocsinError, WrongInput

log = structlog.get_logger()

PROCESSES: tuple[tuple[str, ...], ...] = (
    ("ingest", "processors"),
    ("alerts",),
    ("api",),
    ("auditor",),
)
# The waits get longer for a child that dies again at once.
RESTART_AFTER_S = (0.5, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 60.0
LOOK_EVERY_S = 0.2
# A supervisor that did not look for so long was stopped itself, perhaps with the whole machine.
STOPPED_ITSELF_S = 5.0


@dataclass
class _Child:
    process: Child
    pulse: PulseHeard
    started_at: float


class Supervisor:
    """Keeps the processes of `tocsin up` at work. A process that dies or hangs is started again; all are stopped together.

    A process hangs when it is silent for longer than `silent_after_s`.
    """

    def __init__(self, start: Start, silent_after_s: float = SILENT_AFTER_S) -> None:
        self._start_process, self._silent_after_s = start, silent_after_s
        self._children: dict[tuple[str, ...], _Child] = {}
        self._deaths: dict[tuple[str, ...], int] = {}
        self._looked_at = time.monotonic()

    def run(self, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run until `stop` is set, and call `meanwhile` a few times a second.

        Raises `TocsinError` when a process says that its settings or input are wrong (exit 2).
        """
        due = dict.fromkeys(PROCESSES, 0.0)
        try:
            while not stop.is_set():
                now = time.monotonic()
                self._end_hanging(now)
                for roles in PROCESSES:
                    child = self._children.get(roles)
                    if child is None and now >= due[roles]:
                        self._start(roles, now)
                    elif child is not None and (status := child.process.poll()) is not None:
                        due[roles] = now + self._restart_delay(roles, status)
                meanwhile()
                stop.wait(LOOK_EVERY_S)
        finally:
            self._stop()

    def _start(self, roles: tuple[str, ...], now: float) -> None:
        pulse = PulseHeard(now, self._silent_after_s)
        others = [child.pulse for child in self._children.values()]
        own = [pulse.hears_from, *(file for one in others for file in (one.hears_from, one.sends_to))]
        process = self._start_process(roles, pulse.sends_to, own)
        self._children[roles] = _Child(process, pulse, now)
        log.info("a process was started", roles=list(roles), process=process.pid)

    def _end_hanging(self, now: float) -> None:
        """Kill the children that are alive and at no work. A killed one is then started again as one that died."""
        was_stopped = now - self._looked_at > STOPPED_ITSELF_S
        self._looked_at = now
        for roles, child in self._children.items():
            if was_stopped:
                child.pulse.forgive(now)
            silent = child.pulse.silent_for(now)
            if silent is not None and child.process.poll() is None:
                log.error("a process hangs and is ended", roles=list(roles), silent_s=round(silent))
                child.process.kill()
                child.process.wait()

    def _restart_delay(self, roles: tuple[str, ...], status: int) -> float:
        """The seconds until a process that ended is started again. Raises `TocsinError` where a new start would not help."""
        child = self._children.pop(roles)
        child.pulse.close()
        if status == WrongInput.exit_code:
            raise TocsinError(f"{' and '.join(roles)} cannot run; the reason is above")
        steady = time.monotonic() - child.started_at > STEADY_S
        deaths = 0 if steady else self._deaths.get(roles, 0)
        self._deaths[roles] = deaths + 1
        wait = RESTART_AFTER_S[min(deaths, len(RESTART_AFTER_S) - 1)]
        log.error("a process ended and is started again", roles=list(roles), status=status, after_s=wait)
        return wait

    def _stop(self) -> None:
        processes = [child.process for child in self._children.values()]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S + 2
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
