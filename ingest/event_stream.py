"""Answers over HTTP/1.1 that do not end, as wires: streams of server-sent events, and of lines of JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

import h11

from ingest.source import FetchFailed, SourceContext
from ingest.web import MOST_BYTES, user_agent
from ingest.wires import MOST_REFUSAL_BYTES, Pipe, WireEnded, WireMessage, coming_up, knock, turned_away
from tocsin.core.clock import Clock, iso

# Server-sent events cannot be asked whether they live; the networks send comments more often than that.
SILENT_AFTER = timedelta(seconds=90)


class Messages(Protocol):
    """What cuts the bytes of a stream into messages."""

    def read(self, data: bytes) -> list[WireMessage]:
        """The messages that `data` completes. Raises `WireEnded` where one is larger than is held."""
        ...


class HttpStream:
    """An answer that does not end, as a wire."""

    # The media type of the answer.
    media: str

    def __init__(
        self,
        context: SourceContext,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        silent_after: timedelta = SILENT_AFTER,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Connect and ask. Raises `FetchFailed`, and `HandshakeRefused` where the answer is no stream."""
        knock(context, url)
        self._context, self._url = context, url
        self._pipe = Pipe(context, url)
        self._host, self._silent_after = self._pipe.host, silent_after.total_seconds()
        self._http = h11.Connection(h11.CLIENT)
        self._messages = self._messages_of(self._host, most_bytes)
        self._ready: deque[WireMessage] = deque()
        parts = urlsplit(url)
        asked = {
            "host": parts.netloc,
            "accept": self.media,
            "cache-control": "no-cache",
            "user-agent": user_agent(context.ingest.contact),
            **(headers or {}),
        }
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        with coming_up(self._pipe):
            try:
                self._ask(h11.Request(method="GET", target=target, headers=list(asked.items())))
            except h11.ProtocolError:
                # The library's own words would show a header, in which a token may stand.
                raise FetchFailed(f"{self._host} cannot be asked, or does not speak HTTP") from None
            self._pipe.settle()

    def _messages_of(self, host: str, most_bytes: int) -> Messages:
        """What reads this kind of stream, holding at most so many bytes."""
        raise NotImplementedError

    def receive(self) -> WireMessage:
        while not self._ready:
            try:
                self._take(self._next(self._silent_after))
            except TimeoutError:
                raise WireEnded(f"{self._host} has fallen silent") from None
            except h11.ProtocolError:
                raise WireEnded(f"{self._host} broke off in the middle of the stream") from None
        return self._ready.popleft()

    def cut(self) -> None:
        self._pipe.cut()

    def close(self) -> None:
        self._pipe.close()

    def _ask(self, request: h11.Request) -> None:
        self._pipe.write((self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b""))
        answer = self._next()
        while not isinstance(answer, h11.Response):
            answer = self._next()
        kind = dict(answer.headers).get(b"content-type", b"")
        if answer.status_code != 200 or not kind.lower().startswith(self.media.encode()):
            raise self._refusal(answer)

    def _refusal(self, answer: h11.Response) -> FetchFailed:
        if answer.status_code == 200:
            return FetchFailed(f"{self._host} answered with something that is no stream ({self.media})")
        body = b""
        while len(body) < MOST_REFUSAL_BYTES and isinstance(event := self._next(), h11.Data):
            body += bytes(event.data)
        wait = dict(answer.headers).get(b"retry-after", b"").decode("ascii", "replace")
        return turned_away(self._context, self._url, answer.status_code, wait, body)

    def _next(self, within_s: float | None = None) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._pipe.read(within_s))
        return event

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Data):
            self._ready.extend(self._messages.read(bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            raise WireEnded(f"{self._host} ended the stream", whole=True)


class EventStream(HttpStream):
    """A stream of server-sent events as a wire."""

    media = "text/event-stream"

    def _messages_of(self, host: str, most_bytes: int) -> Messages:
        return EventLines(host, most_bytes)


class LineStream(HttpStream):
    """A stream of lines of JSON as a wire.

    An empty line, which only shows that the stream lives, is an empty message; its id is the time when it came.
    """

    media = "application/json"

    def _messages_of(self, host: str, most_bytes: int) -> Messages:
        return Lines(host, most_bytes, self._context.clock)


class Lines:
    """The lines in the bytes of a stream, without their ends. Holds at most `most_bytes`."""

    def __init__(self, host: str, most_bytes: int, clock: Clock) -> None:
        self._host, self._most, self._clock = host, most_bytes, clock
        self._rest = b""

    def read(self, data: bytes) -> list[WireMessage]:
        """The lines that `data` completes. Raises `WireEnded` where a line is larger than is held."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._most:
            raise WireEnded(f"{self._host} sent a line of too many bytes to be read", too_large=True)
        now = iso(self._clock.now())
        found = [line.removesuffix(b"\r") for line in lines]
        return [WireMessage(line, id="" if line else now) for line in found]


class EventLines:
    """The events in the bytes of a stream, as the HTML standard reads them (9.2.6). Holds at most `most_bytes`."""

    def __init__(self, host: str, most_bytes: int) -> None:
        self._host, self._most = host, most_bytes
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._event = self._id = ""

    def read(self, data: bytes) -> list[WireMessage]:
        """The events that `data` completes. Raises `WireEnded` where an event is larger than is held."""
        text = (self._rest + data).replace(b"\r\n", b"\n")
        # A line feed may follow, and belongs to it then.
        held = b"\r" if text.endswith(b"\r") else b""
        *lines, rest = text.removesuffix(held).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest + held
        found = [message for line in lines if (message := self._line(line)) is not None]
        if self._size + len(self._rest) > self._most:
            raise WireEnded(f"{self._host} sent an event of too many bytes to be read", too_large=True)
        return found

    def _line(self, line: bytes) -> WireMessage | None:
        if not line:
            return self._whole()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
        elif name == b"event":
            self._event = value[:100].decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value[:100_000].decode("utf-8", "replace")
        return None

    def _whole(self) -> WireMessage | None:
        data, event = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        return WireMessage(b"\n".join(data), event, self._id) if data else None
