"""Connections within bounds, over real sockets: idle ones end and make room, whoever holds them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from api.connections import Connections, holder, is_trusted
from api.server import serve
from tests.api.world import World
from tocsin.settings import Api

WAIT_S = 20.0


@contextmanager
def behind(world: World, connections: Connections) -> Iterator[str]:
    """The service's address, on a free port, with these bounds."""
    stop, ready, address = threading.Event(), threading.Event(), []
    settings = world.runtime.settings.model_copy(update={"api": Api(port=0)})

    def told(where: str) -> None:
        address.append(where)
        ready.set()

    thread = threading.Thread(
        target=serve, args=(replace(world.runtime, settings=settings), stop, told, connections)
    )
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        yield address[0]
    finally:
        stop.set()
        thread.join(WAIT_S)


def opened(base: str, stack: ExitStack, said: bytes = b"") -> socket.socket:
    parts = urlsplit(base)
    found = stack.enter_context(socket.create_connection((str(parts.hostname), int(parts.port or 0)), WAIT_S))
    found.sendall(said)
    return found


def ended(one: socket.socket) -> bool:
    """Whether the other side closes the connection, before long."""
    try:
        while one.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-a: "


@pytest.mark.parametrize("said", [b"", HALF], ids=["idle", "half a head"])
def test_idle_connections_of_a_stranger_keep_nobody_out(world: World, said: bytes) -> None:
    with behind(world, Connections(8, trusted=["127.0.0.1"])) as base, ExitStack() as stack:
        idle = [opened(base, stack, said) for _ in range(20)]
        for _ in range(3):
            assert httpx.get(f"{base}/healthz", timeout=WAIT_S).status_code == 200
        assert all(ended(one) for one in idle[:12])


def test_an_address_has_its_share_and_no_more(world: World) -> None:
    connections = Connections(8)
    with behind(world, connections) as base, ExitStack() as stack:
        idle = [opened(base, stack) for _ in range(6)]
        assert httpx.get(f"{base}/healthz", timeout=WAIT_S).status_code == 200
        assert all(ended(one) for one in idle[:4])
        assert max(connections._by_address.values()) <= 2


@pytest.mark.slow("waits for the limit")
def test_a_request_that_does_not_come_is_not_waited_for(world: World) -> None:
    with behind(world, Connections(100, head_s=0.2)) as base, ExitStack() as stack:
        whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for said in (b"", HALF, whole + HALF):
            assert ended(opened(base, stack, said)), said
        drips = opened(base, stack, HALF)
        started = time.monotonic()
        with pytest.raises(OSError, match=r"."):
            while time.monotonic() - started < WAIT_S:
                drips.sendall(b"x")
                time.sleep(0.02)


def test_where_all_places_are_at_work_the_answer_is_503_with_a_reason(world: World) -> None:
    body = b"POST /v1/mentions/hook/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    now = int(world.now.timestamp())
    head = f"webhook-id: 1\r\nwebhook-timestamp: {now}\r\nwebhook-signature: v1,eA==\r\n\r\n".encode()
    with behind(world, Connections(2, trusted=["*"])) as base, ExitStack() as stack:
        for _ in range(2):
            opened(base, stack, body + head + b"1")
        deadline = time.monotonic() + WAIT_S
        while (answer := httpx.get(f"{base}/healthz", timeout=WAIT_S)).status_code == 200:
            assert time.monotonic() < deadline
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["type"] == "urn:tocsin:problem:too-many-connections"


@pytest.mark.slow("waits for the answers to pile up, and for the limit")
def test_a_client_that_reads_nothing_of_its_answers_is_let_go(world: World) -> None:
    ask = b"GET /static/tocsin.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connections = Connections(100, read_s=0.2)
    with behind(world, connections) as base, ExitStack() as stack:
        parts, deaf = urlsplit(base), stack.enter_context(socket.socket())
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((str(parts.hostname), int(parts.port or 0)))
        deaf.sendall(ask)
        assert deaf.recv(1)
        deaf.sendall(ask * 1000)
        deadline = time.monotonic() + WAIT_S
        while connections._all:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/healthz", "elsewhere.example", 200),
        ("HTTP://localhost:8085/v1/me?a=http://b", "localhost", 401),
        ("http://elsewhere.example/healthz", "localhost", 421),
        ("http:///healthz", "localhost", 421),
        ("http://localhost", "localhost", 401),
    ],
)
def test_a_request_line_may_hold_a_whole_address(world: World, target: str, host: str, status: int) -> None:
    with behind(world, Connections(100)) as base, ExitStack() as stack:
        ask = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        one = opened(base, stack, ask.encode())
        assert one.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())


def test_whose_share_a_connection_takes() -> None:
    assert holder("203.0.113.9") == holder("::ffff:203.0.113.9") == "203.0.113.9"
    assert holder("2001:db8::1") == holder("2001:db8::ffff:1")
    assert holder("2001:db8::1") != holder("2001:db8:0:1::1")
    assert is_trusted("10.1.2.3", ["10.0.0.0/8"])
    assert is_trusted("10.1.2.3", ["192.0.2.1", "10.1.2.3"])
    assert not is_trusted("10.1.2.3", ["192.0.2.1", "proxy"])
