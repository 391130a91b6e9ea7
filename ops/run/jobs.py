"""The worker of long jobs: it carries out one at a time, in a process of its own, so that neither page nor detection waits."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from ops.runtime import Runtime, store_of
from tocsin.core.clock import SystemClock
from tocsin.core.loop import WorkerLoop
from tocsin.settings import Loaded
from tocsin.store.port import Store

LOOK_S: Final = 1.0
NICE: Final = 10


class LongJob(Protocol):
    """A row that somebody asked for."""

    @property
    def id(self) -> str: ...

    @property
    def beat_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job. `carry_out` runs in the process, with a runtime and the job's id. `longest` is from its claim on."""

    name: str
    claim: Callable[[Store, datetime], LongJob | None]
    state_of: Callable[[Store, str], str]
    fail: Callable[[Store, str, datetime, str], None]
    put_back: Callable[[Store, str, datetime], None]
    carry_out: Callable[[Runtime, str], None]
    longest: timedelta


class JobWorker:
    """Carries out what was asked for. `run` is a worker of a role."""

    def __init__(self, runtime: Runtime, kind: Kind) -> None:
        self._runtime, self._kind = runtime, kind
        self._current: tuple[LongJob, BaseProcess] | None = None
        self._loop = WorkerLoop(kind.name)

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. A job that is under way then goes on, or begins anew, later."""
        try:
            self._loop.run(stop, self._round)
        finally:
            if self._current is not None:
                job, process = self._current
                end(process)
                self._kind.put_back(self._runtime.store, job.id, self._runtime.clock.now())

    def _round(self) -> float:
        now, store = self._runtime.clock.now(), self._runtime.store
        if self._current is not None:
            self._look_after(*self._current)
        elif (job := self._kind.claim(store, now)) is not None:
            self._current = job, start(self._runtime.loaded, self._kind.carry_out, job.id, self._kind.name)
        return LOOK_S

    def _look_after(self, job: LongJob, process: BaseProcess) -> None:
        now, store = self._runtime.clock.now(), self._runtime.store
        running = self._kind.state_of(store, job.id) == "running"
        if process.is_alive() and running and now - job.beat_at < self._kind.longest:
            return
        if running and not process.is_alive():
            message = "its process ended before it was done"
        else:
            message = f"it took longer than {self._kind.longest}"
        end(process)
        self._kind.fail(store, job.id, now, message)
        self._current = None


def start(loaded: Loaded, carry_out: Callable[[Runtime, str], None], id: str, name: str) -> BaseProcess:
    """Start a process that carries out this job."""
    process = multiprocessing.get_context("spawn").Process(
        target=in_a_process, args=(loaded, carry_out, id), name=name, daemon=True
    )
    process.start()
    return process


def in_a_process(loaded: Loaded, carry_out: Callable[[Runtime, str], None], id: str) -> None:
    """Carry out one job in a process of its own, with less right to the processor than the rest."""
    os.nice(NICE)
    runtime = Runtime(loaded, store_of(loaded.settings), SystemClock())
    try:
        carry_out(runtime, id)
    finally:
        runtime.close()


def end(process: BaseProcess) -> None:
    """End the process, if it has not ended."""
    if process.is_alive():
        process.terminate()
    process.join(timeout=5)
