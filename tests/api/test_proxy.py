"""Behind a reverse proxy: a real one on loopback, which says for whom it asks. Only a trusted one is believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from api.server import serve
from tests.api.world import World
from tocsin.settings import Api

WAIT_S = 20.0
BEHIND = "x-made-up-peer"
"""The address that the proxy takes for its peer's. Everybody here has the same one in truth."""


class Proxy(BaseHTTPRequestHandler):
    """As nginx with `$proxy_add_x_forwarded_for`: it adds its peer to what the caller claims."""

    protocol_version = "HTTP/1.1"
    target = ""

    def do_GET(self) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        peer = sent.pop(BEHIND)
        claimed = sent.get("x-forwarded-for")
        sent["x-forwarded-for"] = f"{claimed}, {peer}" if claimed else peer
        sent["x-forwarded-proto"] = "https"
        answer = httpx.get(self.target + self.path, headers=sent, trust_env=False)
        self.send_response(answer.status_code)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def proxied(world: World, **api: Any) -> Iterator[str]:
    """The proxy's address, before a service with these settings."""
    stop, ready = threading.Event(), threading.Event()
    settings = world.runtime.settings.model_copy(update={"api": Api(port=0, **api)})

    def told(where: str) -> None:
        Proxy.target = where
        ready.set()

    service = threading.Thread(target=serve, args=(replace(world.runtime, settings=settings), stop, told))
    service.start()
    assert ready.wait(WAIT_S)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.daemon_threads = True
    listens = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    listens.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        proxy.server_close()
        stop.set()
        for thread in (listens, service):
            thread.join(WAIT_S)


def asks(address: str, peer: str, times: int, path: str = "/signin", **headers: str) -> list[int]:
    with httpx.Client(trust_env=False, headers={BEHIND: peer, **headers}) as client:
        return [client.get(address + path).status_code for _ in range(times)]


@pytest.mark.slow("a service and a proxy on sockets")
def test_callers_behind_a_trusted_proxy_are_told_apart_and_cannot_pretend(world: World) -> None:
    with proxied(world, trusted_proxies=("127.0.0.1",), requests_per_minute=3) as address:
        assert asks(address, "203.0.113.1", 4) == [200, 200, 200, 429]
        pretending = {"x-forwarded-for": "198.51.100.7"}
        assert asks(address, "203.0.113.1", 1, **pretending) == [429]
        assert asks(address, "203.0.113.2", 1) == [200]
        # What is open on this machine only is not open to those behind a proxy on this machine.
        assert asks(address, "203.0.113.3", 1, "/metrics", **{"x-forwarded-for": "127.0.0.1"}) == [401]


@pytest.mark.slow("a service and a proxy on sockets")
def test_nobody_is_believed_where_no_proxy_is_trusted(world: World) -> None:
    with proxied(world, requests_per_minute=3) as address:
        assert asks(address, "203.0.113.1", 3) == [200, 200, 200]
        assert asks(address, "203.0.113.2", 1) == [429]
        assert asks(address, "203.0.113.2", 1, "/metrics") == [401]
