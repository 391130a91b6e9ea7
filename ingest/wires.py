"""Connections that stay open: a socket to a checked address, and a websocket over it. `ingest/event_stream.py` is another.

One thread reads a wire. Another may cut it at any time, and the reading ends at once. Whatever is wrong becomes a
`WireEnded`, or a `HandshakeRefused` where the other side does not even begin, each in a plain sentence without a token.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, NamedTuple, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidState, InvalidURI, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ingest.budget import in_words
from ingest.source import BudgetSpent, FetchFailed, SourceContext
from ingest.web import MOST_BYTES, refused, retry_after, user_agent
from tocsin.core.errors import TocsinError, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.net import certificate_fault, certificates, check_url, checked_socket

# Of the answer to a handshake that the other side refuses.
MOST_REFUSAL_BYTES = 64 * 1024
# After so much silence a websocket asks "are you there?", and after as much again it is over.
PING_AFTER = timedelta(seconds=20)
_READ_BYTES = 256 * 1024


class WireMessage(NamedTuple):
    """One message as it came. Server-sent events have a name and an id."""

    data: bytes
    event: str = ""
    id: str = ""


class Wire(Protocol):
    """An open connection that brings messages."""

    def receive(self) -> WireMessage:
        """The next message; waits for it. Raises `WireEnded`."""
        ...

    def cut(self) -> None:
        """End the connection, from any thread. A `receive` that waits ends at once."""
        ...

    def close(self) -> None:
        """Give back what the connection holds; only for the thread that reads it."""
        ...


class WireEnded(TocsinError):
    """The connection is over; the message says why.

    `too_large`: because of a message that nobody could hold. `whole`: the other side had no more to say.
    """

    def __init__(self, message: str, *, too_large: bool = False, whole: bool = False) -> None:
        super().__init__(message)
        self.too_large, self.whole = too_large, whole


class HandshakeRefused(FetchFailed):
    """The other side answered the handshake with another status; `body` is what it said."""

    def __init__(self, failure: FetchFailed, body: bytes) -> None:
        super().__init__(str(failure), failure.retry_after, status=failure.status)
        self.body = body


def knock(context: SourceContext, url: str) -> None:
    """Ask the host's budget for one request. Raises `BudgetSpent` where the host takes none just now."""
    now = context.clock.now()
    wait = context.budget.take(urlsplit(url).netloc, None, now, source=context.name)
    if wait is not None:
        raise BudgetSpent(
            f"{urlsplit(url).hostname} takes no more requests of ours for {in_words(wait)}", wait
        )


def turned_away(
    context: SourceContext, url: str, status: int, wait: str | None, body: bytes
) -> HandshakeRefused:
    """The failure that such an answer to a handshake is. All sources leave the host alone for as long as it asks."""
    parts, now = urlsplit(url), context.clock.now()
    pause = retry_after(wait, now)
    if pause and status in (429, 503):
        context.budget.rest(parts.netloc, now + pause, now)
    return HandshakeRefused(refused(str(parts.hostname), status, pause), body[:MOST_REFUSAL_BYTES])


class Pipe:
    """A TCP or TLS connection to a checked address. Reads end within a time; any thread may cut it."""

    def __init__(self, context: SourceContext, url: str) -> None:
        parts = urlsplit(url)
        secure = parts.scheme in ("wss", "https")
        self.host, ingest = str(parts.hostname), context.ingest
        self._timeout = ingest.fetch_timeout_s
        # Until the handshake is done, everything together has this time: a peer that drips bytes gets no more.
        self._deadline: float | None = time.monotonic() + self._timeout
        port = parts.port or (443 if secure else 80)
        try:
            sock = checked_socket(
                self.host, port, ingest.allowed_private_networks, timedelta(seconds=self._timeout)
            )
            self._sock: socket.socket = (
                certificates().wrap_socket(sock, server_hostname=self.host) if secure else sock
            )
        # A private address.
        except WrongInput as error:
            raise FetchFailed(str(error)) from None
        except OSError as error:
            reason = certificate_fault(error) or error.strerror or str(error) or type(error).__name__
            raise FetchFailed(f"{self.host} cannot be reached: {reason}"[:300]) from None

    def read(self, within_s: float | None = None) -> bytes:
        """The bytes that came, at least one; no bytes where the other side has ended. Raises TimeoutError and `WireEnded`."""
        limit = self._timeout if within_s is None else within_s
        if self._deadline is not None:
            limit = min(limit, self._deadline - time.monotonic())
            if limit <= 0:
                raise TimeoutError
        try:
            self._sock.settimeout(limit)
            return self._sock.recv(_READ_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            raise WireEnded(f"{self.host} broke off: {error.strerror or error}"[:300]) from None

    def write(self, data: bytes) -> None:
        """Send all of it. Raises `WireEnded`."""
        try:
            self._sock.settimeout(self._timeout)
            self._sock.sendall(data)
        except OSError as error:
            raise WireEnded(f"{self.host} takes nothing: {error.strerror or error}"[:300]) from None

    def settle(self) -> None:
        """The handshake is done: from now on only silence has a limit."""
        self._deadline = None

    def cut(self) -> None:
        """End the connection. A read that waits in another thread ends at once."""
        # An error: it has ended already.
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket, which would take the encryption away from under a read.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back. Only the thread that reads may: its number may be another socket's right after."""
        self.cut()
        self._sock.close()


@contextlib.contextmanager
def coming_up(pipe: Pipe) -> Iterator[None]:
    """Ask and get the first answer in here. Where that fails, the pipe is closed. Raises `FetchFailed` where the host is too slow
    or hangs up.
    """
    try:
        yield
    except TimeoutError:
        pipe.close()
        raise FetchFailed(f"{pipe.host} took too long to answer") from None
    except WireEnded as error:
        pipe.close()
        raise FetchFailed(str(error)) from None
    except BaseException:
        pipe.close()
        raise


class WebSocket:
    """A websocket as a wire. It answers pings, and asks by itself where nothing comes."""

    def __init__(
        self,
        context: SourceContext,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        ping_after: timedelta = PING_AFTER,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Connect and shake hands. Raises `FetchFailed`, and `HandshakeRefused` where the other side answers with a status."""
        knock(context, url)
        self._context, self._url = context, url
        self._pipe = Pipe(context, url)
        self._host, self._ping_after = self._pipe.host, ping_after.total_seconds()
        self._ready: deque[WireMessage] = deque()
        self._parts: list[bytes] = []
        # One thread reads, and another may send.
        self._speaking = threading.Lock()
        self._asked = False
        self._protocol = ClientProtocol(
            parse_uri(url),
            subprotocols=[Subprotocol(one) for one in subprotocols] or None,
            max_size=most_bytes,
        )
        with coming_up(self._pipe):
            self._shake_hands({"User-Agent": user_agent(context.ingest.contact), **(headers or {})})
            self._pipe.settle()

    def receive(self) -> WireMessage:
        while not self._ready:
            self._read_on()
        return self._ready.popleft()

    def send(self, text: str) -> None:
        """Send a message. Raises `WireEnded`."""
        with self._speaking:
            try:
                self._protocol.send_text(text.encode())
            except InvalidState:
                raise self._end() from None
            self._flush()

    def cut(self) -> None:
        self._pipe.cut()

    def close(self) -> None:
        self._pipe.close()

    def _shake_hands(self, headers: Mapping[str, str]) -> None:
        request = self._protocol.connect()
        for name, value in headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()
        while not (events := self._feed(self._pipe.read())):
            if self._protocol.handshake_exc is not None:
                raise WireEnded(f"{self._host} does not speak the protocol of websockets")
        answer, *rest = events
        assert isinstance(answer, Response)
        if answer.status_code != 101:
            wait = answer.headers.get("retry-after")
            raise turned_away(self._context, self._url, answer.status_code, wait, bytes(answer.body or b""))
        if isinstance(self._protocol.handshake_exc, InvalidHandshake):
            raise WireEnded(f"{self._host} does not speak the protocol of websockets")
        self._keep(rest)

    def _read_on(self) -> None:
        if self._protocol.close_rcvd is not None or self._protocol.parser_exc is not None:
            raise self._end()
        try:
            data = self._pipe.read(self._ping_after)
        except TimeoutError:
            if self._asked:
                raise WireEnded(f"{self._host} has fallen silent") from None
            self._asked = True
            with self._speaking:
                self._protocol.send_ping(b"there?")
                self._flush()
            return
        self._asked = False
        self._keep(self._feed(data))

    def _feed(self, data: bytes) -> Sequence[object]:
        with self._speaking:
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            events = list(self._protocol.events_received())
            self._flush()
            return events

    def _keep(self, events: Sequence[object]) -> None:
        for frame in events:
            if not isinstance(frame, Frame) or frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._ready.append(WireMessage(b"".join(self._parts)))
                self._parts.clear()

    def _flush(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._pipe.write(data)
        except WireEnded:
            # Bytes that came before the end are still read; reading finds the end by itself.
            if self._protocol.close_rcvd is None and self._protocol.parser_exc is None:
                raise

    def _end(self) -> WireEnded:
        fault, close = self._protocol.parser_exc, self._protocol.close_rcvd
        if isinstance(fault, PayloadTooBig):
            return WireEnded(f"{self._host} sent a message of too many bytes to be read", too_large=True)
        if close is not None:
            said = f": {close.reason}" if close.reason else ""
            return WireEnded(f"{self._host} closed the connection ({close.code}{said})"[:300])
        broken = "broke off" if isinstance(fault, EOFError) else "sent what is no websocket frame"
        return WireEnded(f"{self._host} {broken}")


def check_wire(url: str) -> str:
    """`url` if it is an absolute ws or wss URL with a host, and without a user or password. Raises `WrongInput` otherwise."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("ws", "wss"):
        raise WrongInput(Sentence("{url} must begin with wss:// or ws://", url=repr(url[:80])))
    check_url(f"http{scheme[2:]}://{rest}")
    try:
        parse_uri(url)
    except InvalidURI as error:
        raise WrongInput(
            Sentence(
                "{url} is no address of a websocket: {error}", url=repr(url[:80]), error=str(error)[:200]
            )
        ) from None
    return url


def _wire_url(value: str) -> str:
    try:
        return check_wire(value).rstrip("/")
    except WrongInput as error:
        raise ValueError(error.said) from None


def _once(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value))


WireAddresses = Annotated[tuple[Annotated[str, AfterValidator(_wire_url)], ...], AfterValidator(_once)]
"""Addresses of websockets in the settings of a source, each once and without a slash at its end."""
