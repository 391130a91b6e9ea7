"""The running HTTP service: one listening socket, and an end within three seconds, event streams included."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys
import threading
from collections.abc import Callable, Iterator

import structlog
import uvicorn

from api.app import create_app
from api.connections import Connections
from api.listening import listen, shown
from api.state import AppState, Services
from tocsin.core.pulse import note_turn
from tocsin.settings import Api

log = structlog.get_logger(__name__)

GRACE_S = 3
POLL_EVERY_S = 0.1
MAX_CONNECTIONS = 1000
# Open files that are left to everything but connections, such as the databases.
RESERVED_FILES = 256
MAX_HEADER_BYTES = 32 * 1024
# The longest that a thread at work keeps the interpreter from the others. The event loop gives it away at each byte that it
# sends, and an acknowledgement at each statement; with Python's 5 ms each of them waited that long behind a push.
SWITCH_S = 0.0005


def serve(
    runtime: Services,
    stop: threading.Event,
    ready: Callable[[str], None] | None = None,
    connections: Connections | None = None,
    *,
    only_read: bool = False,
) -> None:
    """Answer requests until `stop` is set. `ready` is told the address (with the port that was taken, if it was 0).

    `connections` are the bounds on connections; by default, as many as the limit of open files allows. `only_read`: nothing is
    changed but who is signed in, as on a replay.

    Raises `WrongInput` when the address cannot be listened on. Installs no signal handlers: the caller decides when it ends.
    """
    settings = runtime.settings.api
    sys.setswitchinterval(SWITCH_S)
    with contextlib.closing(listen(settings)) as listening:
        port = listening.getsockname()[1]
        connections = connections or Connections(connections_allowed(), settings.trusted_proxies)

        def listens() -> None:
            log.info("api listening", host=settings.host, port=port)
            if ready is not None:
                ready(f"http://{shown(settings.host)}:{port}")

        server = _Server(_config(runtime, settings, connections), listens)
        state: AppState = server.config.app.state.tocsin  # type: ignore[union-attr]  # the app is ours, not a name of one
        state.only_read = only_read
        asyncio.run(_until(server, listening, state, stop))


class _Server(uvicorn.Server):
    """A uvicorn server that installs no signal handlers, and says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def connections_allowed() -> int:
    """How many connections leave enough open files to the rest of the process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(soft - RESERVED_FILES, soft // 2))


def _config(runtime: Services, settings: Api, connections: Connections) -> uvicorn.Config:
    proxies = list(settings.trusted_proxies)
    return uvicorn.Config(
        create_app(runtime),
        log_config=None,
        log_level="warning",
        # Addresses carry tokens of links, and a line a request is no log.
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ws="none",
        http=connections.protocol(),
    )


async def _until(
    server: uvicorn.Server, listening: socket.socket, state: AppState, stop: threading.Event
) -> None:
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not running.done() and not stop.is_set():
        note_turn(stop, "api")
        await asyncio.sleep(POLL_EVERY_S)
    # Otherwise the server would wait for the streams of events.
    state.hub.stop()
    server.should_exit = True
    await running
