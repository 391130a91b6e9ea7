"""The roles of a running Tocsin, each in a thread of one process: `tocsin run ROLE...`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from ops.run.handles import raise_open_files
from ops.run.locks import STOP_WITHIN_S
from ops.runtime import Runtime
from tocsin.core.errors import TocsinError, WrongInput
from tocsin.core.retry import FOR_EVER, Retry
from tocsin.health.roles import ROLES
from tocsin.store import meta

log = structlog.get_logger()

ORPHANED = "the tocsin up that started this is gone"

Worker = Callable[[threading.Event], None]


def retry_until_there(say: Callable[[str], None], parent: int | None = None) -> Retry:
    """A retry for ever, for processes that start before the store's server. A server that refuses us is an error at once.

    `say` gets one line on what is waited for and why, and one when it is there. A process whose `parent` is gone meanwhile ends.
    """

    def check() -> None:
        if parent is not None and os.getppid() != parent:
            raise TocsinError(ORPHANED)

    return Retry(FOR_EVER, say, retry_refused=False, check=check)


def claim_live(runtime: Runtime) -> None:
    """Mark the store as live. Raises `WrongInput` where it belongs to a replay or the demo."""
    with runtime.store.write() as conn:
        meta.claim_mode(conn, "live")


def run_roles(
    runtime: Runtime, roles: Sequence[str], stop: threading.Event, parent: int | None = None
) -> None:
    """Run these roles in threads of this process, until `stop` is set or Ctrl-C.

    When one role fails, the others are stopped and its error is raised. `parent` is the process of the `tocsin up` that started
    this one. When the parent is gone, perhaps killed, this process ends too.
    """
    for role in roles:
        if role not in ROLES:
            raise WrongInput(f"unknown role {role!r}; known: {', '.join(ROLES)}")
    raise_open_files()
    runtime.retry(lambda: claim_live(runtime))
    failures: list[BaseException] = []
    workers = [(name, work) for role in roles for name, work in _workers(runtime, role)]

    def run(name: str, work: Worker) -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001  # any error must end the process, and be logged there
            failures.append(error)
            log.error("a worker ended", worker=name, error=str(error))
        finally:
            stop.set()

    threads = [threading.Thread(target=run, args=pair, name=pair[0], daemon=True) for pair in workers]
    for thread in threads:
        thread.start()
    _wait_for_the_end(stop, roles, parent)
    deadline = time.monotonic() + STOP_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if failures:
        raise failures[0]


def _wait_for_the_end(stop: threading.Event, roles: Sequence[str], parent: int | None) -> None:
    try:
        while not stop.wait(0.5):
            if parent is not None and os.getppid() != parent:
                log.error(ORPHANED, roles=list(roles), was=parent)
                stop.set()
    except KeyboardInterrupt:
        stop.set()


def _workers(runtime: Runtime, role: str) -> Iterator[tuple[str, Worker]]:
    """The loops of one role. They are imported here, so that a process loads only the roles that it runs."""
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
