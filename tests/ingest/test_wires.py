"""Connections that stay open, against a peer that keeps to no protocol, and the queue between their thread and the fetches."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from ingest.event_stream import EventStream
from ingest.source import BudgetSpent, FetchFailed, SourceContext
from ingest.streaming import Inbox, Line
from ingest.wires import HandshakeRefused, WebSocket, WireEnded, WireMessage
from tocsin.settings import Ingest

SOON = timedelta(milliseconds=60)
Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a peer that does this with its first client, and give its address without a scheme."""
    with ExitStack() as ends:

        def started(talk: Callable[[socket.socket], None]) -> str:
            server = ends.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                try:
                    client, _ = server.accept()
                    with client:
                        talk(client)
                except OSError:
                    pass

            threading.Thread(target=run, daemon=True).start()
            return f"127.0.0.1:{server.getsockname()[1]}/x"

        yield started


def context(timeout_s: float = 5.0) -> SourceContext:
    ingest = {"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": timeout_s}
    return SourceContext("x", Ingest.model_validate(ingest))


def shake_hands(client: socket.socket) -> None:
    head = client.recv(4096).decode()
    key = next(line[19:] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key: "))
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def until_closed(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def test_a_websocket_that_answers_no_ping_is_given_up(serve: Serve) -> None:
    said: list[bytes] = []

    def talk(client: socket.socket) -> None:
        shake_hands(client)
        while data := client.recv(4096):
            said.append(data)

    wire = WebSocket(context(), f"ws://{serve(talk)}", ping_after=SOON)
    began = time.monotonic()
    with pytest.raises(WireEnded, match="fallen silent"):
        wire.receive()
    wire.close()
    assert time.monotonic() - began < 3
    # A masked ping of six bytes.
    assert said and said[0][:2] == b"\x89\x86"


def test_a_stream_of_events_that_is_silent_is_given_up(serve: Serve) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:hello\n\n")
        until_closed(client)

    wire = EventStream(context(), f"http://{serve(talk)}", silent_after=SOON)
    with pytest.raises(WireEnded, match="fallen silent"):
        wire.receive()
    wire.close()


@pytest.mark.parametrize("kind", ["ws", "http"])
def test_a_peer_that_drips_its_answer_gets_no_more_time(serve: Serve, kind: str) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
            client.sendall(bytes([byte]))
            time.sleep(0.01)

    made = WebSocket if kind == "ws" else EventStream
    began = time.monotonic()
    with pytest.raises(FetchFailed, match="too long"):
        made(context(0.15), f"{kind}://{serve(talk)}")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\xff" * 50, b"HTTP/1.1 101 x\r\n\r\n", b"220 mail ready\r\n" * 9]
)
@pytest.mark.parametrize("kind", ["ws", "http"])
def test_a_peer_that_speaks_something_else_is_a_failure(serve: Serve, kind: str, answer: bytes) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(answer)

    made = WebSocket if kind == "ws" else EventStream
    with pytest.raises(FetchFailed):
        made(context(), f"{kind}://{serve(talk)}")


@pytest.mark.parametrize("kind", ["ws", "http"])
def test_a_host_that_wants_to_rest_is_left_alone(serve: Serve, kind: str) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 503 x\r\nretry-after: 90\r\ncontent-length: 4\r\n\r\nwait")

    made = WebSocket if kind == "ws" else EventStream
    where, here = f"{kind}://{serve(talk)}", context()
    with pytest.raises(HandshakeRefused) as caught:
        made(here, where)
    assert (caught.value.status, caught.value.body) == (503, b"wait")
    assert caught.value.retry_after is not None
    assert timedelta(seconds=80) < caught.value.retry_after <= timedelta(seconds=90)
    with pytest.raises(BudgetSpent):
        made(here, where)


def test_a_token_stands_in_no_failure(serve: Serve) -> None:
    address = serve(until_closed)
    for headers in ({"authorization": "Bearer secr\net"}, {"authorization": "Bearer secr\x00et"}):
        with pytest.raises(FetchFailed) as caught:
            EventStream(context(), f"http://{address}", headers=headers)
        assert "secr" not in str(caught.value)


def message(size: int) -> WireMessage:
    return WireMessage(b"x" * size)


def test_a_full_queue_waits_and_a_large_message_fits_into_an_empty_one() -> None:
    inbox = Inbox(most=3, most_bytes=100)
    assert inbox.put(message(1000))
    waits = threading.Thread(target=lambda: [inbox.put(message(40)) for _ in range(3)], daemon=True)
    waits.start()
    waits.join(0.02)
    assert (len(inbox), inbox.heard) == (1, 1)
    assert [len(one.data) for one in inbox.take()] == [1000]
    deadline = time.monotonic() + 5
    while inbox.heard < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    # The third message of 40 bytes would be more than 100.
    assert len(inbox) == 2
    inbox.close()
    waits.join(5)
    assert not waits.is_alive()


def test_a_take_is_bounded_in_number_and_bytes() -> None:
    inbox = Inbox()
    for _ in range(10):
        inbox.put(message(100))
    assert len(inbox.take(most=3)) == 3
    assert len(inbox.take(most_bytes=150)) == 2
    assert len(inbox.take()) == 5


class _Endless:
    """A wire that always has a message."""

    closed = False

    def receive(self) -> WireMessage:
        return message(1)

    def cut(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_a_connection_that_nobody_drains_gives_itself_up() -> None:
    wire = _Endless()
    line = Line("x", wire, Inbox(most=10, abandoned_after=timedelta(milliseconds=20)))
    deadline = time.monotonic() + 5
    while line.inbox.end is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert "nobody wanted" in str(line.inbox.end)
    assert wire.closed
