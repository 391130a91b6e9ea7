"""A Jetstream on loopback: real websockets that speak versions 1 and 2 as documented, with faults on order."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from ingest.sources.bluesky import DICTIONARY, V1, V2
from ingest.sources.bluesky_events import POSTS
from ingest.streaming import Inbox
from tests.contracts.loopback import Reply

DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
_EVENTS = "network.bsky.jetstream.subscribeEvents"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DROPPED: dict[str, Any] = {"did": DID, "kind": "dropped", "at_us": 0}


@cache
def dictionary(seed: int = 0) -> zstandard.ZstdCompressionDict:
    """A dictionary as an instance would have trained it; another one for another seed."""
    samples = [
        json.dumps({"seq": n * (seed + 7), "text": f"post {n} of {seed}"}).encode() for n in range(400)
    ]
    return zstandard.train_dictionary(1024, samples, dict_id=1000 + seed)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass
class Jetstream:
    """An instance. `events` are what it keeps, oldest first; `first_seq` is the number of the oldest."""

    now: datetime
    version: int = 2
    first_seq: int = 1
    compresses: bool = True
    # Event index -> what goes wrong when it is sent, once.
    faults: dict[int, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    # What was asked: path and query of each connection.
    asked: deque[dict[str, list[str]]] = field(default_factory=lambda: deque(maxlen=100))
    url: str = ""
    # Of the newest connection. An older one that still sends into the void counts for nothing.
    newest: ServerConnection | None = None
    sent: int = 0
    idle: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    # The answer to everything, while it is there.
    fault: Reply | None = None
    stopping: bool = False
    restarts: int = 0
    on_request: Callable[[Request], None] | None = None
    _dropped: int = 0

    # -- what happens on the network ----------------------------------------------------------------------

    def post(
        self,
        key: str,
        text: str = "De ketel lekt",
        *,
        did: str = DID,
        at: datetime | None = None,
        **record: Any,
    ) -> None:
        at = at or self.now
        self._add(
            did, "commit", at, operation="create", collection=POSTS, rkey=key, cid="bafy", rev="3l3",
            record={"$type": POSTS, "text": text, "createdAt": at.isoformat().replace("+00:00", "Z")} | record,
        )  # fmt: skip

    def commit(
        self, key: str, operation: str, *, did: str = DID, at: datetime | None = None, **fields: Any
    ) -> None:
        what = {"operation": operation, "collection": POSTS, "rkey": key, "rev": "3l4"}
        self._add(did, "commit", at or self.now, **what | fields)

    def account(self, did: str, status: str | None, *, at: datetime | None = None) -> None:
        upstream = {"seq": 99, "did": did, "time": "2026-03-01T12:00:00Z", "active": status is None}
        self._add(did, "account", at or self.now, account=upstream | ({"status": status} if status else {}))

    def _add(self, did: str, kind: str, at: datetime, **fields: Any) -> None:
        with self.changed:
            self.idle = False
            self.events.append({"did": did, "kind": kind, "at_us": micros(at)} | fields)
            self.changed.notify_all()

    # -- the instance -------------------------------------------------------------------------------------

    def settled(self, inbox: Inbox, fresh: bool = True) -> None:
        """Wait until everything that the instance had to say has come."""
        ends = time.monotonic() + 10
        while time.monotonic() < ends and inbox.end is None:
            with self.changed:
                if self.idle and inbox.heard >= self.sent:
                    return
            time.sleep(0.001)

    def answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """The answer before the handshake; None: shake hands."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if self.on_request is not None:
            self.on_request(request)
        if self.fault is not None and self.fault.status != 200:
            return _response(self.fault.status, self.fault.body, self.fault.headers)
        if parts.path == DICTIONARY:
            return _response(200, dictionary().as_bytes()) if self.compresses else _response(404, b"{}")
        if parts.path != (V2 if self.version == 2 else V1):
            return _response(404, b"404 page not found")
        self.asked.append({"path": [parts.path]} | query)
        cursor = int(query.get("cursor", ["0"])[0])
        if self.version == 2 and cursor < 10**15 and 0 < cursor < self.first_seq:
            return _error("CursorTooOld", f"the floor is {self.first_seq}")
        if query.get("zstdDictionary", ["1000"]) != ["1000"]:
            return _error("UnknownZstdDictionary", "1000")
        # Before the client knows that it is connected: it must not meet what an earlier connection had said.
        with self.changed:
            self.newest, self.sent, self.idle = None, 0, False
        return None

    def talk(self, socket: ServerConnection) -> None:
        """One connection."""
        with self.changed:
            self.newest = socket
        query = self.asked[-1]
        if self.fault is not None:
            self._spoil(socket, self.fault)
            return
        pack = zstandard.ZstdCompressor(dict_data=dictionary()) if "zstdDictionary" in query else None
        try:
            for index in self._from(socket, int(query["cursor"][0])):
                self._say(socket, index, pack)
        except (ConnectionClosed, OSError):
            pass

    def _from(self, socket: ServerConnection, cursor: int) -> Iterator[int]:
        """The indexes to send, for ever."""
        end = self.first_seq + len(self.events)
        if cursor >= 10**15:
            index = next((n for n, one in enumerate(self.events) if one["at_us"] >= cursor), len(self.events))
            if index == 0 and self.first_seq > 1 and self.version == 2:
                self._info(socket, "OutdatedCursor")
        elif cursor > end:
            self._info(socket, "FutureCursor")
            index = len(self.events)
        else:
            index = max(0, cursor - self.first_seq)
        restarts = self.restarts
        while True:
            with self.changed:
                while index >= len(self.events):
                    # Before it rests, too: a fault may have come while it spoke, and resting says that all was said.
                    if self._is_over(socket, restarts):
                        return
                    self._rest(socket)
                    self.changed.wait(0.2)
                    if self._is_over(socket, restarts):
                        return
            yield index
            index += 1

    def _is_over(self, socket: ServerConnection, restarts: int) -> bool:
        ended = socket.protocol.state.name != "OPEN" or self.restarts != restarts
        return self.stopping or ended or self.fault is not None

    def _spoil(self, socket: ServerConnection, fault: Reply) -> None:
        """Say what is not right, and nothing more until it is over."""
        if fault.cut:
            socket.socket.sendall(b"\x81\x7e\x10\x00" + fault.body)
            socket.socket.shutdown(2)
            return
        with contextlib.suppress(ConnectionClosed, OSError):
            self._send(socket, fault.body)
            with self.changed:
                while self.fault is fault and not self.stopping and socket.protocol.state.name == "OPEN":
                    self._rest(socket)
                    self.changed.wait(0.2)

    def forget(self, first_seq: int) -> None:
        """Start anew, with no events, and with this number next."""
        with self.changed:
            self.events.clear()
            self.first_seq, self.idle, self._dropped = first_seq, False, 0
            self.restarts += 1
            self.changed.notify_all()

    def keep(self, most: int) -> None:
        """Hold no more than the newest events; the numbers of all stay as they are."""
        with self.changed:
            for index in range(self._dropped, len(self.events) - most):
                self.events[index] = _DROPPED
                self._dropped = index + 1

    def break_(self, fault: Reply | None) -> None:
        """Answer so from now on, to whoever is connected too."""
        with self.changed:
            self.fault, self.idle = fault, False
            self.changed.notify_all()

    def _info(self, socket: ServerConnection, name: str) -> None:
        payload = {"$type": f"{_EVENTS}#info", "name": name}
        self._send(socket, json.dumps({"$type": "message", "payload": payload}))

    def frame(self, index: int) -> str:
        """The event as the version says it."""
        one = dict(self.events[index])
        did, kind, at_us = one.pop("did"), one.pop("kind"), one.pop("at_us")
        if self.version == 1:
            inner = one["account"] if kind == "account" else one
            return json.dumps({"did": did, "time_us": at_us, "kind": kind, kind: inner})
        at = (
            (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        )
        head = {
            "$type": f"{_EVENTS}#{kind}",
            "seq": self.first_seq + index,
            "did": did,
            "time": at,
            "witnessedAt": at,
        }
        return json.dumps({"$type": "message", "payload": head | one})

    def _say(self, socket: ServerConnection, index: int, pack: zstandard.ZstdCompressor | None) -> None:
        fault = self.faults.pop(index, "")
        text = self.frame(index)
        if fault == "cut":
            socket.socket.sendall(b"\x81\x7e\x10\x00" + text.encode()[:20])
            socket.socket.shutdown(2)
            raise OSError
        if fault == "no frame":
            socket.socket.sendall(b"\xff\xff\xff\xff\xff")
            raise OSError
        if fault == "too slow":
            self._send(
                socket, json.dumps({"$type": "error", "error": "ConsumerTooSlow", "message": "behind"})
            )
            socket.close()
            raise OSError
        if fault.startswith("say "):
            self._send(socket, fault.removeprefix("say "))
        if fault == "huge":
            self.faults[index] = "huge"
            self._send(socket, "x" * 9_000_000)
            raise OSError
        if fault == "wrong dictionary" and pack is not None:
            pack = zstandard.ZstdCompressor(dict_data=dictionary(1))
        for _ in range(2 if fault == "twice" else 1):
            self._send(socket, text if pack is None else pack.compress(text.encode()))

    def _send(self, socket: ServerConnection, message: str | bytes) -> None:
        socket.send(message)
        with self.changed:
            self.sent += self.newest is socket

    def _rest(self, socket: ServerConnection) -> None:
        if self.newest is socket:
            self.idle = True


def _response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    named = {"content-type": "application/json"} | dict(headers or {})
    named |= {"content-length": str(len(body)), "connection": "close"}
    return Response(status, "", Headers(named), body)


def _error(name: str, message: str) -> Response:
    return _response(400, json.dumps({"error": name, "message": message}).encode())


@contextmanager
def running(instance: Jetstream) -> Iterator[Jetstream]:
    """The instance on a port of loopback."""
    with serve(
        instance.talk, "127.0.0.1", 0, process_request=instance.answer, compression=None, close_timeout=1,
        ping_interval=None,
    ) as server:  # fmt: skip
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        instance.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        yield instance
        with instance.changed:
            instance.stopping = True
            instance.changed.notify_all()
        server.shutdown()
