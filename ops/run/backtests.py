"""The worker of back-tests: it plays one at a time, in a process of its own, so that neither page nor detection waits for it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from typing import Final

import structlog

from api import backtests
from api.backtests import Backtest
from api.proposals import propose
from ops.replay.curve import with_curve
from ops.run.jobs import LOOK_S, end, start
from ops.runtime import Runtime
from tocsin.core.clock import passed
from tocsin.core.errors import TocsinError
from tocsin.core.loop import WorkerLoop
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

log = structlog.get_logger()

COVERS: Final = timedelta(days=28)
LONGEST: Final = timedelta(minutes=20)
"""A back-test that takes longer has failed."""
PROPOSE_EVERY: Final = timedelta(minutes=1)
TOLD_EVERY: Final = timedelta(seconds=1)


class Cancelled(Exception):
    """Somebody cancelled the back-test that is being played."""


class Backtester:
    """Plays what was asked for. `run` is a worker of the role `api`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._playing: tuple[Backtest, BaseProcess] | None = None
        self._proposed: datetime | None = None
        self._loop = WorkerLoop("backtests")

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. A back-test that is being played then is begun anew later."""
        try:
            self._loop.run(stop, self._round)
        finally:
            if self._playing is not None:
                job, process = self._playing
                end(process)
                backtests.put_back(self._runtime.store, job.id, self._runtime.clock.now())

    def _round(self) -> float:
        now, store = self._runtime.clock.now(), self._runtime.store
        if passed(PROPOSE_EVERY, self._proposed, now):
            with store.write() as conn:
                propose(conn, now)
            self._proposed = now
        if self._playing is not None:
            self._look_after(*self._playing)
        elif (job := backtests.claim(store, now)) is not None:
            self._playing = job, start(self._runtime.loaded, play_job, job.id, "backtest")
        return LOOK_S

    def _look_after(self, job: Backtest, process: BaseProcess) -> None:
        now = self._runtime.clock.now()
        with self._runtime.store.read() as conn:
            state = backtests.get(conn, job.id).state
        if process.is_alive() and state == "running" and now - job.beat_at < LONGEST:
            return
        message = (
            f"it took longer than {LONGEST}" if process.is_alive() else "its process ended before it was done"
        )
        end(process)
        backtests.finish(self._runtime.store, job.id, now, message=message)
        self._playing = None


def play_job(runtime: Runtime, id: str) -> None:
    """Play the back-test with this id, which is running, and keep what came of it."""
    store, clock = runtime.store, runtime.clock
    told = clock.now()

    def on_progress(part: float) -> None:
        nonlocal told
        if clock.now() - told >= TOLD_EVERY:
            told = clock.now()
            if not backtests.goes_on(store, id, int(part * 100), told):
                raise Cancelled

    try:
        with store.read() as conn:
            job = backtests.get(conn, id)
            monitor = find(conn, Monitor, job.monitor_id)
        since = job.at - COVERS
        result = with_curve(runtime, monitor, since=since, change=job.change, on_progress=on_progress)
        backtests.finish(store, id, clock.now(), result=result)
    except Cancelled:
        log.info("a back-test was cancelled", id=id)
    except TocsinError as error:
        backtests.finish(store, id, clock.now(), message=str(error))
