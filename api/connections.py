"""The connections to the service, within bounds, so that idle strangers keep nobody out.

A connection waits while no request of it is at work. It is closed when the head of a request takes too long, or when its client
reads nothing of an answer. Where all places are taken, the connection that has waited longest makes room.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import MEDIA_TYPE
from tocsin.settings.sections import EVERYBODY

HEAD_WITHIN_S = 10.0
READ_WITHIN_S = 30.0
# One address may have this share of all places. Trusted proxies, which speak for many, may have all.
SHARE_OF_AN_ADDRESS = 4


class Connections:
    """All connections of one server: at most `most`, a quarter of them from one address. Used from the event loop's thread only.

    A head of a request must come within `head_s` seconds of its first byte, or of the connection; an answer must be read on
    within `read_s`.
    """

    def __init__(
        self,
        most: int,
        trusted: Sequence[str] = (),
        head_s: float = HEAD_WITHIN_S,
        read_s: float = READ_WITHIN_S,
    ) -> None:
        self.head_s = head_s
        self.read_s = read_s
        self._most = most
        self._each = max(1, most // SHARE_OF_AN_ADDRESS)
        self._trusted = trusted
        self._all: dict[Connection, str] = {}
        self._by_address: Counter[str] = Counter()
        # In the order in which they began to wait.
        self._waiting: dict[Connection, None] = {}

    def enter(self, one: Connection, address: str) -> bool:
        """Take a place. False where there is none, and nobody waits who could make room."""
        who = holder(address)
        if self._by_address[who] >= self._each and not is_trusted(address, self._trusted):
            if not self._make_room(who):
                return False
        elif len(self._all) >= self._most and not self._make_room(None):
            return False
        self._all[one] = who
        self._by_address[who] += 1
        self._waiting[one] = None
        return True

    def leave(self, one: Connection) -> None:
        """Give the place back. Nothing happens where it is back already."""
        who = self._all.pop(one, None)
        self._waiting.pop(one, None)
        if who is not None:
            self._by_address[who] -= 1
            self._by_address += Counter()

    def works(self, one: Connection) -> None:
        """Note that a request of this connection is at work."""
        self._waiting.pop(one, None)

    def waits(self, one: Connection) -> None:
        """Note that this connection waits for its next request, from now on."""
        if one in self._all:
            self._waiting.setdefault(one)

    def _make_room(self, who: str | None) -> bool:
        for one in self._waiting:
            if who is None or self._all[one] == who:
                self.leave(one)
                one.transport.abort()
                return True
        return False

    def protocol(self) -> type[Connection]:
        """The protocol of a server whose connections these are."""
        return type("BoundConnection", (Connection,), {"places": self})


class Connection(H11Protocol):
    """One connection, which keeps to the bounds of `places`."""

    places: Connections

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._timers = _Timers(self.loop, self._abort)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if self.places.enter(self, self.client[0] if self.client else ""):
            self._timers.start("head", self.places.head_s)
        else:
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.places.leave(self)
        self._timers.end()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._at_work():
            self.places.waits(self)
        if self._at_work() or self.conn.trailing_data[0]:
            self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._timers.start("read", self.places.read_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._timers.end("read")

    def _look(self) -> None:
        """Bytes are here: either they made a request, or a part of its head that must come to an end."""
        if self._at_work():
            self.places.works(self)
            self._timers.end("head")
        else:
            self._timers.start("head", self.places.head_s)

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _abort(self) -> None:
        self.transport.abort()


class _Timers:
    """The times by which something must have happened on a connection. A timer that runs is not started again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._running: dict[str, asyncio.TimerHandle] = {}

    def start(self, name: str, seconds: float) -> None:
        if name not in self._running:
            self._running[name] = self._loop.call_later(seconds, self._late)

    def end(self, *names: str) -> None:
        """End these timers; without names, all."""
        for name in names or tuple(self._running):
            timer = self._running.pop(name, None)
            if timer is not None:
                timer.cancel()


def holder(address: str) -> str:
    """The address whose share a connection takes. The owner of an IPv6 address owns the 64 bits behind it, too."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def is_trusted(address: str, trusted: Sequence[str]) -> bool:
    """Whether the address is one of the trusted proxies: addresses, networks, or `*` for every one."""
    return any(one in (EVERYBODY, address) or _within(address, one) for one in trusted)


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _full() -> bytes:
    problem = {
        "type": "urn:tocsin:problem:too-many-connections",
        "title": "Too many connections",
        "status": 503,
        "detail": "all connections of the service, or of this address, are at work: try again in a moment",
    }
    body = msgspec.json.encode(problem)
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        "Retry-After: 5\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_FULL = _full()
