"""An app to visit: the seeded store, the app over it, and uvicorn in a thread on a free loopback port."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.pages.i18n import Languages
from ops.runtime import Runtime
from tests.browser.night import NOW
from tests.browser.seed import fill
from tests.one_loop import OneLoop
from tests.stores import filled_at
from tocsin.access.links import make_action_link, make_signin_link
from tocsin.core.clock import SimulatedClock
from tocsin.settings import Loaded, Settings
from tocsin.store.port import Store


@dataclass(slots=True)
class SeededApp:
    """The app with its store and clock. `address` is set while the app is served."""

    app: FastAPI
    runtime: Runtime
    store: Store
    clock: SimulatedClock
    loop: OneLoop
    address: str = ""

    def signin_token(self, person: str = "p_ada") -> str:
        with self.store.write() as conn:
            return make_signin_link(conn, person, self.clock.now())

    def action_token(self, alert: str = "al_crisis", person: str = "p_ada") -> str:
        with self.store.write() as conn:
            return make_action_link(
                conn, alert_id=alert, person_id=person, action="acknowledge", now=self.clock.now()
            )


@contextlib.contextmanager
def seeded_app(
    folder: Path,
    *,
    monitors: int | None = None,
    mode: str = "live",
    quiet: bool = False,
    empty: bool = False,
    origin: str = "",
    languages: Languages | None = None,
) -> Iterator[SeededApp]:
    """A seeded app in this folder, at three in the night. With `empty` it has only people. `origin` is its public address."""
    seed: dict[str, Any] = {"monitors": monitors, "mode": mode, "quiet": quiet, "empty": empty}
    store = filled_at(folder / "store.db", f"seeded {seed}", lambda store: fill(store, **seed))
    settings = Settings.model_validate(
        {"data": folder, "api": {"public_url": origin or None, "requests_per_minute": 100_000}}
    )
    clock = SimulatedClock(NOW)
    runtime = Runtime(Loaded(settings, {}), store, clock, durable=False)
    # The loop begins when it is first used. Where a test drives a browser, a loop of its own runs already.
    loop = OneLoop()
    try:
        yield SeededApp(create_app(runtime, languages=languages), runtime, store, clock, loop)
    finally:
        loop.close()
        runtime.close()


@contextlib.contextmanager
def served(one: SeededApp, given: socket.socket | None = None) -> Iterator[SeededApp]:
    """The app, served on loopback: on a free port, or on the one that a socket is bound to already."""
    with given or socket.socket() as listener:
        if given is None:
            listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = uvicorn.Config(one.app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        one.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for _ in range(200):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{one.address}/healthz").status_code == 200:
                    break
            time.sleep(0.05)
        try:
            yield one
        finally:
            server.should_exit = True
            thread.join(timeout=10)
