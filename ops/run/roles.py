"""The roles of a running Tocsin, each in a thread of one process: `tocsin run ROLE...`."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial

import structlog

from ops.run.arenas import share_arenas
from ops.run.handles import raise_open_files
from ops.run.locks import STOP_WITHIN_S
from ops.run.pulse import send_pulse
from ops.runtime import Runtime
from tocsin.access.address import address_now
from tocsin.access.mail import mail_now
from tocsin.core.clock import SimulatedClock
from tocsin.core.errors import TocsinError, WrongInput
from tocsin.core.pulse import HUNG_AFTER, Pulse
from tocsin.core.retry import FOR_EVER, Retry
from tocsin.health.roles import ROLES
from tocsin.settings import masked
from tocsin.store import meta

log = structlog.get_logger()

ORPHANED = "the tocsin up that started this is gone"

LOOK_EVERY_S = 0.5
ENDS = (signal.SIGINT, signal.SIGTERM)
# A loop hangs when so many looks in a row find it standing.
LOOKS = 4

Worker = Callable[[threading.Event], None]


class Hung(TocsinError):
    """A loop of this process has stood still for too long. Only the end of the process ends it, and a new start may help."""


def retry_until_there(
    say: Callable[[str], None], parent: int | None = None, pulse: int | None = None
) -> Retry:
    """A retry for ever, for processes that start before the store's server. A server that refuses us is an error at once.

    `say` gets one line on what is waited for and why, and one when it is there. A process whose `parent` is gone meanwhile ends.
    A process that waits so is well, and says so through the open file `pulse`.
    """

    def check() -> None:
        send_pulse(pulse)
        if parent is not None and os.getppid() != parent:
            raise TocsinError(ORPHANED)

    return Retry(FOR_EVER, say, retry_refused=False, check=check)


def claim_live(runtime: Runtime) -> None:
    """Mark the store as live. Raises `WrongInput` where it belongs to a replay or the demo."""
    with runtime.store.write() as conn:
        meta.claim_mode(conn, "live")


def _replay_to_look_at(runtime: Runtime, roles: Sequence[str]) -> datetime | None:
    """The time at which the replay in this store stands, where the page alone is run on it; else None."""
    if set(roles) != {"api"}:
        return None
    with runtime.store.read() as conn:
        return meta.replayed_until(conn)


def _page_of_a_replay(runtime: Runtime, at: datetime) -> tuple[str, Worker]:
    """The page and the API on a replay. The clock stands where the replay does, and nobody can change anything."""
    from api.server import serve

    runtime.clock = SimulatedClock(at)
    return "api", lambda stop: serve(runtime, stop, only_read=True)


def run_roles(
    runtime: Runtime,
    roles: Sequence[str],
    stop: Pulse,
    parent: int | None = None,
    pulse: int | None = None,
) -> None:
    """Run these roles in threads of this process, until `stop` is set or Ctrl-C.

    When one role fails, the others are stopped and its error is raised; where a loop of one hangs, `Hung`. `parent` is the
    process of the `tocsin up` that started this one. When the parent is gone, perhaps killed, this process ends too. `pulse` is
    the open file by which that `tocsin up` hears that all loops turn.
    """
    for role in roles:
        if role not in ROLES:
            raise WrongInput(f"unknown role {role!r}; known: {', '.join(ROLES)}")
    raise_open_files()
    share_arenas()
    replayed_until = runtime.retry(lambda: _replay_to_look_at(runtime, roles))
    failures: list[BaseException] = []
    if replayed_until is not None:
        workers = [_page_of_a_replay(runtime, replayed_until)]
    else:
        runtime.retry(lambda: claim_live(runtime))
        workers = [(name, work) for role in roles for name, work in _workers(runtime, role)]
    # `tocsin up` names the processes that it starts.
    if parent is None:
        stream = masked("stream.url", runtime.settings.stream.url)
        log.info("roles start", roles=list(roles), store=runtime.store.url, stream=stream)

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
    hung = _wait_for_the_end(stop, roles, parent, pulse)
    deadline = time.monotonic() + STOP_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if hung:
        raise Hung(f"{' and '.join(hung)} stood still for longer than {HUNG_AFTER}")
    if failures:
        raise failures[0]


def _wait_for_the_end(
    stop: Pulse, roles: Sequence[str], parent: int | None, pulse: int | None, every_s: float = LOOK_EVERY_S
) -> tuple[str, ...]:
    """Wait until `stop` is set, by whomever. Returns the loops that hang, if it was they."""
    hung: tuple[str, ...] = ()
    looks = 0
    with _end_asked_for() as asked_within:
        while not stop.is_set():
            if asked_within(every_s):
                stop.set()
                break
            hung = stop.hanging()
            # A process that was stopped and goes on looks the same at first.
            looks = looks + 1 if hung else 0
            if parent is not None and os.getppid() != parent:
                log.error(ORPHANED, roles=list(roles), was=parent)
                stop.set()
            elif looks >= LOOKS:
                log.error("a loop hangs, so its process ends", loops=list(hung), at=_where_threads_are())
                stop.set()
            elif not hung:
                send_pulse(pulse)
    return hung if looks >= LOOKS else ()


@contextmanager
def _end_asked_for() -> Iterator[Callable[[float], bool]]:
    """A wait of so many seconds. It ends at once, with True, where Ctrl-C or SIGTERM asks for the end.

    The handlers write to a pipe and raise nothing: an exception could come while this thread holds the lock of the order to stop,
    and who gives that order would then wait for the lock for ever.
    """
    reads, writes = os.pipe()
    os.set_blocking(writes, False)

    def ask(_number: int, _frame: object) -> None:
        # A full pipe has been asked often enough.
        with suppress(BlockingIOError):
            os.write(writes, b"!")

    asked = select.poll()
    asked.register(reads, select.POLLIN)
    # Python hands signals to the main thread alone. Who runs roles in another thread sets `stop`.
    here = threading.current_thread() is threading.main_thread()
    heeded = [one for one in ENDS if here and signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield lambda seconds: bool(asked.poll(seconds * 1000))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reads)
        os.close(writes)


def _where_threads_are() -> dict[str, str]:
    """The innermost line of each thread, for the one who looks for the reason: files and numbers, no values."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        names.get(ident, str(ident)): f"{frame.f_code.co_filename}:{frame.f_lineno}"
        for ident, frame in sys._current_frames().items()
    }


def _workers(runtime: Runtime, role: str) -> Iterator[tuple[str, Worker]]:
    """The loops of one role. They are imported here, so that a process loads only the roles that it runs."""
    store, settings, clock = runtime.store, runtime.settings, runtime.clock
    if role == "ingest":
        from ingest.worker import IngestWorker

        yield "ingest", IngestWorker(store, runtime.stream, settings, clock).run
    elif role == "processors":
        from alerts.forgetting import unquote
        from processors.rescoring import Rescorer
        from processors.ticker import DetectionTicker
        from processors.worker import StreamProcessor

        yield "processor", StreamProcessor(store, runtime.stream, settings, clock, heeds_times=True).run
        yield "detection", DetectionTicker(store, runtime.stream, settings, clock, unquote=unquote).run
        yield "rescoring", Rescorer(store, clock).run
    elif role == "alerts":
        from alerts.relay import Relay
        from alerts.worker import AlertsWorker

        links = partial(address_now, loaded=runtime.loaded)
        mail = partial(mail_now, loaded=runtime.loaded)
        yield "alerts", AlertsWorker(store, settings, clock, address=links, mail=mail).run
        yield "relay", Relay(store, runtime.stream, clock).run
    elif role == "api":
        from api.server import serve
        from ops.run.backtests import Backtester
        from ops.run.erasures import eraser
        from ops.run.imports import importer
        from processors.understand.deep import is_installed

        yield "api", lambda stop: serve(runtime, stop)
        yield "backtests", Backtester(runtime).run
        yield "imports", importer(runtime).run
        yield "erasures", eraser(runtime).run
        if is_installed():
            from api.opinions import Opinions

            yield "opinions", Opinions(store, clock).run
    else:
        from alerts.auditor import Auditor

        yield "auditor", Auditor(store, settings, clock).run
