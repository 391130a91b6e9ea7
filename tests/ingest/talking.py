"""A server on loopback that streams: websockets or server-sent events, for one fake network at a time that follows a `World`."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from ingest.streaming import Inbox
from ingest.web import MOST_BYTES
from tests.contracts.loopback import Post, Reply, Request, World

WAIT_S = 0.5
TEXT = 1
MOST_TOLD = 1000
"""Posts and events that a fake remembers. One that plays for weeks holds no more than a network would."""


class Talk(Protocol):
    """One connection, as a network leads it."""

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        """What the network has to say now, given what the client said since; it is not asked for the same again."""
        ...


class Streams(Protocol):
    """A fake network. `talk` begins a connection; a `Reply` refuses it."""

    def talk(self, world: World, request: Request) -> Talk | Reply: ...


@dataclass
class _Connection:
    client: socket.socket
    websocket: bool
    sent: int = 0
    asked: int = 0
    answered: int = 0
    heard: list[str] = field(default_factory=list)


class Talker:
    """The server. `begin` gives it a world to follow; connections of earlier worlds end."""

    def __init__(self, streams: Streams, media: str = "text/event-stream") -> None:
        self._streams, self._media = streams, media
        self._changed = threading.Condition()
        self._newest: _Connection | None = None
        self._world = World()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.netloc = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, world: World) -> None:
        with self._changed:
            self._world = world
            self._changed.notify_all()

    def restart(self) -> None:
        """End every connection."""
        with self._changed:
            self._newest = None
            self._changed.notify_all()

    def settled(self, inbox: Inbox, fresh: bool, pages: int = 0) -> None:
        """Wait until the network has said what it has to say, and all of it has come, after so many pages by other ways."""
        ends = time.monotonic() + 10
        with self._changed:
            newest = self._newest
            if newest is not None:
                newest.asked += 1
                self._changed.notify_all()
        while time.monotonic() < ends and inbox.end is None:
            with self._changed:
                newest = self._newest
                answered = newest is not None and newest.answered >= newest.asked > 0
                if newest and answered and not _unread(newest) and inbox.heard >= newest.sent + pages:
                    return
                if newest and not newest.asked:
                    newest.asked = 1
                    self._changed.notify_all()
            time.sleep(0.0005)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                # A small message leaves at once, in place of 40 ms later, when the last one was acknowledged.
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError, IndexError):
            request, key = _request(client)
            world = self._world
            world.requests.append(request)
            fault = world.fault
            if fault is not None and fault.status != 200:
                _answer(client, fault)
                return
            talk = self._streams.talk(world, request)
            if isinstance(talk, Reply):
                _answer(client, talk)
                return
            connection = _Connection(client, bool(key))
            # Before the client knows that it is connected: it must not meet what an earlier connection had said.
            with self._changed:
                self._newest = connection
            client.sendall(_welcome(key, self._media))
            if key:
                threading.Thread(target=self._hear, args=(connection,), daemon=True).start()
            try:
                self._lead(connection, talk, world, fault)
            finally:
                # Another thread may wait for what the client says.
                client.shutdown(socket.SHUT_RDWR)

    def _lead(self, one: _Connection, talk: Talk, world: World, fault: Reply | None) -> None:
        if fault is not None:
            if fault.cut:
                one.client.sendall(b"\x81\x7e\x10\x00half" if one.websocket else b"1000\r\ndata: half")
                return
            one.client.sendall(_framed(fault.body) if one.websocket else _chunk(fault.body))
            # What is no event is no message, unless nobody can hold it: that ends the connection.
            one.sent += one.websocket or len(fault.body) > MOST_BYTES
        while self._world is world and self._newest is one and world.fault is fault:
            with self._changed:
                asked, said = one.asked, one.heard
                one.heard = []
            news = [] if fault is not None else talk.news(world, said)
            for message in news:
                one.client.sendall(_framed(message) if one.websocket else _chunk(message))
            with self._changed:
                one.sent += len(news)
                one.answered = asked
                self._changed.notify_all()
                if one.asked == asked and not one.heard:
                    self._changed.wait(WAIT_S)

    def _hear(self, one: _Connection) -> None:
        """Take in the text messages of a websocket's client."""
        with contextlib.suppress(OSError, IndexError):
            while True:
                one.client.recv(1, socket.MSG_PEEK)
                # Read under the lock: what the client said is unread or asked, and never between the two.
                with self._changed:
                    kind, text = _message(one.client)
                    if kind == TEXT:
                        one.heard.append(text.decode())
                        one.asked += 1
                        self._changed.notify_all()


def _unread(one: _Connection) -> bool:
    """Whether the client has said something that nobody has read. The server hears only what comes over websockets."""
    try:
        return one.websocket and bool(one.client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:  # there is nothing, or the connection has ended
        return False


def _message(client: socket.socket) -> tuple[int, bytes]:
    """The next message of a websocket's client: its kind and its bytes."""
    first, size = _exactly(client, 2)
    size &= 0x7F
    if size == 126:
        size = int.from_bytes(_exactly(client, 2), "big")
    mask = _exactly(client, 4)
    return first & 0x0F, bytes(b ^ mask[n % 4] for n, b in enumerate(_exactly(client, size)))


def _request(client: socket.socket) -> tuple[Request, str]:
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(4096)
        if not data:
            raise OSError
        head += data
    head, _, begun = head.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}
    parts = urlsplit(first.split(" ")[1])
    method, query = first.split(" ")[0], dict(parse_qsl(parts.query, keep_blank_values=True))
    body = begun + _exactly(client, int(headers.get("content-length", 0)) - len(begun))
    request = Request(method, parts.path, query, headers, body)
    return request, headers.get("sec-websocket-key", "")


def _answer(client: socket.socket, reply: Reply) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    length = len(reply.body)
    client.sendall(f"HTTP/1.1 {reply.status} x\r\n{headers}content-length: {length}\r\n\r\n".encode())
    client.sendall(reply.body)


def _welcome(key: str, media: str) -> bytes:
    if not key:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        return head + (b"6\r\n:ok\n\n\n\r\n" if media == "text/event-stream" else b"")
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def _framed(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return bytes((0x82, size)) + message
    if size < 65_536:
        return bytes((0x82, 126)) + size.to_bytes(2, "big") + message
    return bytes((0x82, 127)) + size.to_bytes(8, "big") + message


def _chunk(message: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(message), message) if message else b""


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise OSError
        data += more
    return data


class Following:
    """What a connection has already told of a world: posts with their versions, and deletions."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self._edits: set[tuple[int, str]] = set()
        self._deleted = 0

    def posts(self, world: World) -> list[Post]:
        """The posts to tell of now: new ones, those that are there twice, and those with another text."""
        new, seen = list[Post](), dict[int, int]()
        for post in world.posts:
            seen[post.number] = seen.get(post.number, 0) + 1
            if post.number < world.first_kept or post.number in world.deleted:
                continue
            version = (post.number, post.text)
            if seen[post.number] > self._told.get(post.number, 0):
                self._told[post.number] = seen[post.number]
                self._edits.add(version)
                new.append(post)
            elif version not in self._edits:
                self._edits.add(version)
                new.append(post)
        if len(self._told) > MOST_TOLD:
            self._told = {number: count for number, count in self._told.items() if number in seen}
            self._edits = {one for one in self._edits if one[0] in seen}
        return new

    def skip(self, posts: Sequence[Post]) -> None:
        """Take these as told."""
        for post in posts:
            self._told[post.number] = self._told.get(post.number, 0) + 1
            self._edits.add((post.number, post.text))

    def deletions(self, world: World) -> list[int]:
        new = world.deleted[self._deleted :]
        self._deleted = len(world.deleted)
        return new
