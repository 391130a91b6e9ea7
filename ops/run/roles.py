"""The roles of a running Tocsin and who runs them: `tocsin run ROLE...` in one process, `tocsin up` in three.

Matching must not hold the lock that an acknowledgement needs, so the stream's roles and people's roles are processes of their
own, and so is the auditor, which must outlive both.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from ops.runtime import Runtime
from tocsin.core.errors import TocsinError, WrongInput
from tocsin.core.retry import FOR_EVER, Patience
from tocsin.store import meta

log = structlog.get_logger()

ROLES = ("ingest", "processors", "alerts", "api", "auditor")
PROCESSES: tuple[tuple[str, ...], ...] = (("ingest", "processors"), ("alerts", "api"), ("auditor",))
STOP_WITHIN_S = 8.0
RESTART_AFTER_S = (0.5, 2.0, 5.0, 10.0, 30.0)  # a child that dies again at once is started ever more slowly
STEADY_S = 60.0
ORPHANS_END_WITHIN_S = STOP_WITHIN_S + 4
ORPHANED = "the tocsin up that started this is gone"

Worker = Callable[[threading.Event], None]


def until_it_is_there(say: Callable[[str], None], parent: int | None = None) -> Patience:
    """How a store's server is waited for when a process starts: for ever, but a server that refuses us is an error at once.

    `say` is told once that it is waited for and why, and when it goes on. A process whose `parent` is gone meanwhile ends.
    """

    def look() -> None:
        if parent is not None and os.getppid() != parent:
            raise TocsinError(ORPHANED)

    return Patience(FOR_EVER, say, refused=False, look=look)


def claim_live(runtime: Runtime) -> None:
    """Say that the store is live. Raises `WrongInput` where it is for something else."""
    with runtime.store.write() as conn:
        meta.claim_mode(conn, "live")


def run_roles(
    runtime: Runtime, roles: Sequence[str], stop: threading.Event, parent: int | None = None
) -> None:
    """Run these roles, each in a thread, until `stop` is set or Ctrl-C. When one fails the others are stopped and its error
    is raised.

    `parent` is the process of the `tocsin up` that started this one: when it is gone, killed perhaps, this ends too.
    """
    for role in roles:
        if role not in ROLES:
            raise WrongInput(f"unknown role {role!r}; known: {', '.join(ROLES)}")
    runtime.patience(lambda: claim_live(runtime))
    failures: list[BaseException] = []
    workers = [(name, work) for role in roles for name, work in _workers(runtime, role)]

    def watched(name: str, work: Worker) -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001  # whatever ended it must end the process, and be said there
            failures.append(error)
            log.error("a worker ended", worker=name, error=str(error))
        finally:
            stop.set()

    threads = [threading.Thread(target=watched, args=pair, name=pair[0], daemon=True) for pair in workers]
    for thread in threads:
        thread.start()
    try:
        while not stop.wait(0.5):
            if parent is not None and os.getppid() != parent:
                log.error(ORPHANED, roles=list(roles), was=parent)
                stop.set()
    except KeyboardInterrupt:
        stop.set()
    deadline = time.monotonic() + STOP_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if failures:
        raise failures[0]


def _workers(runtime: Runtime, role: str) -> Iterator[tuple[str, Worker]]:
    """The loops of one role. Imported here: a process loads only what it runs."""
    store, settings, clock = runtime.store, runtime.settings, runtime.clock
    if role == "ingest":
        from ingest.worker import IngestWorker

        yield "ingest", IngestWorker(store, runtime.stream, settings, clock).run
    elif role == "processors":
        from processors.ticker import DetectionTicker
        from processors.worker import StreamProcessor

        yield "processor", StreamProcessor(store, runtime.stream, settings, clock, heeds_times=True).run
        yield "detection", DetectionTicker(store, runtime.stream, settings, clock).run
    elif role == "alerts":
        from alerts.relay import Relay
        from alerts.worker import AlertsWorker

        yield "alerts", AlertsWorker(store, settings, clock).run
        yield "relay", Relay(store, runtime.stream, clock).run
    elif role == "api":
        from api.server import serve

        yield "api", lambda stop: serve(runtime, stop)
    else:
        from alerts.auditor import Auditor

        yield "auditor", Auditor(store, settings, clock).run


@contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Hold the data folder; yields the hold, a file handle. Raises `WrongInput` where another `tocsin up` has it.

    The hold ends with the last process that shares it. What a killed one left behind ends by itself, and is waited for.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    hold = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + ORPHANS_END_WITHIN_S
        while not _held(hold):
            holder = os.pread(hold, 32, 0).decode(errors="replace").strip()
            if _alive(holder) or time.monotonic() > deadline:
                raise WrongInput(
                    f"another tocsin up (process {holder or '?'}) already runs on {folder}: stop it first, or name another --data"
                )
            time.sleep(0.1)
        os.ftruncate(hold, 0)
        os.pwrite(hold, str(os.getpid()).encode(), 0)
        yield hold
    finally:
        os.close(hold)


@contextmanager
def runs_here(folder: Path) -> Iterator[None]:
    """Say, as long as the block lasts, that a role runs on this folder. Raises `WrongInput` while it is moved or restored."""
    with _lock(folder) as lock:
        if not _held(lock, fcntl.LOCK_SH):
            raise WrongInput(f"tocsin move or restore is at work on {folder}: wait for it to end")
        yield


@contextmanager
def nothing_runs(folder: Path) -> Iterator[None]:
    """Hold the data folder against every role. Raises `WrongInput` while a `tocsin up` or `tocsin run` is on it."""
    with only_one(folder), _lock(folder) as lock:
        if not _held(lock):
            raise WrongInput(f"a tocsin run is at work on {folder}: stop it first")
        yield


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _held(hold: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(hold, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True  # somebody's, or not written yet: not ours to wait for
    return True


class Supervisor:
    """Keeps the processes of `tocsin up` alive: one that dies is started again, all are stopped together."""

    def __init__(self, options: Sequence[str], hold: int) -> None:
        self._options = list(options)
        self._hold = hold
        self._children: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
        self._started: dict[tuple[str, ...], float] = {}
        self._deaths: dict[tuple[str, ...], int] = {}

    def run(self, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Until `stop` is set; `meanwhile` is called at every look.

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
                        due[roles] = now + self._died(roles, child.returncode)
                meanwhile()
                stop.wait(0.2)
        finally:
            self._stop()

    def _start(self, roles: tuple[str, ...]) -> None:
        self._started[roles] = time.monotonic()
        # A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
        child = subprocess.Popen(  # noqa: S603  # our own program, our own options
            [sys.executable, "-m", "tocsin", "run", *roles, "--parent", str(os.getpid()), *self._options],
            start_new_session=True,
            pass_fds=(self._hold,),
        )
        self._children[roles] = child
        log.info("a process was started", roles=list(roles), process=child.pid)

    def _died(self, roles: tuple[str, ...], status: int) -> float:
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
