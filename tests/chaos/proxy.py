"""A proxy between Tocsin and PostgreSQL that cuts connections, refuses them, goes silent, and cuts in the very moment of COMMIT.

The proxy reads just enough of the wire protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html) to know
where a client's message begins. Before the session, messages have no type byte. In the session each message is a byte, a length
and a body.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Side = Literal["before", "after"]
"""Cut a COMMIT before the server sees it (it rolls back), or after the server has done it and before its reply gets through."""

_SSL, _GSS = 80877103, 80877104
_CHUNK = 65536
_WITHIN_S = 10.0


@dataclass(eq=False, slots=True)
class _Line:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    cut_after_reply: bool = False

    def cut(self) -> None:
        for side in (self.client, self.server):
            side.transport.abort()


@dataclass(slots=True)
class Counts:
    """The proxy's counts: the commits that it saw, and the connections that it cut, by reason."""

    commits: int = 0
    cut_before: int = 0
    cut_after: int = 0
    cut: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Plan:
    """A commit to cut. `skip` commits pass before it."""

    side: Side
    skip: int
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a port of loopback and passes everything on to another port, until told otherwise. Any thread may call it."""

    def __init__(self, port: int) -> None:
        self.counts = Counts()
        self.port = 0
        self._to = port
        self._lines: set[_Line] = set()
        self._refusing = False
        self._flows: asyncio.Event
        self._plans: list[_Plan] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())

    def cut(self) -> int:
        """Cut every connection now; returns how many."""
        return self._call(self._cut)

    def refuse(self, on: bool) -> None:
        """Cut every connection and, while on, every new one at once."""

        def switch() -> None:
            self._refusing = on
            if on:
                self._cut()

        self._call(switch)

    def silence(self, on: bool) -> None:
        """While on, nothing passes in either direction, and neither side learns of it, as with a broken network switch."""
        self._call(self._flows.clear if on else self._flows.set)

    def cut_commit(self, side: Side, skip: int = 0) -> threading.Event:
        """Let `skip` COMMITs pass and cut the connection of the next one, whoever sends it.

        The event is set when that is done.
        """
        plan = _Plan(side, skip)
        self._call(lambda: self._plans.append(plan))
        return plan.done

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WITHIN_S)
        self._loop.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WITHIN_S)

    def _call(self, work: Callable[[], T]) -> T:
        async def call() -> T:
            return work()

        return self._run(call())

    async def _listen(self) -> asyncio.Server:
        self._flows = asyncio.Event()
        self._flows.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut(self) -> int:
        count = len(self._lines)
        self.counts.cut += count
        for line in list(self._lines):
            line.cut()
        return count

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            self.counts.refused += 1
            writer.transport.abort()
            return
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, server)
        self._lines.add(line)
        ways = [
            asyncio.create_task(self._up(line, reader)),
            asyncio.create_task(self._down(line, answers)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lines.discard(line)
            line.cut()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, line: _Line, reader: asyncio.StreamReader) -> None:
        """Client to server, message by message."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            # Before the session: a length, a code, a body.
            while True:
                head = await reader.readexactly(8)
                size, code = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
                await self._pass_on(line.server, head + await reader.readexactly(size - 8))
                if code not in (_SSL, _GSS):
                    break
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if _is_commit(head[:1], body) and self._is_cut(line):
                    return
                await self._pass_on(line.server, head + body)

    async def _down(self, line: _Line, answers: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await answers.read(_CHUNK):
                if line.cut_after_reply:
                    self.counts.cut_after += 1
                    return
                await self._pass_on(line.client, data)

    async def _pass_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._flows.wait()
        writer.write(data)
        await writer.drain()

    def _is_cut(self, line: _Line) -> bool:
        """Whether the line ends here, at this COMMIT."""
        self.counts.commits += 1
        if not self._plans:
            return False
        plan = self._plans[0]
        if plan.skip > 0:
            plan.skip -= 1
            return False
        self._plans.pop(0)
        plan.done.set()
        if plan.side == "after":
            line.cut_after_reply = True
            return False
        self.counts.cut_before += 1
        return True


def _is_commit(kind: bytes, body: bytes) -> bool:
    """A simple query, or the parsing of an extended one, that says COMMIT."""
    if kind == b"Q":
        return body.rstrip(b"\x00; \n").strip().upper() == b"COMMIT"
    if kind == b"P":
        return body.split(b"\x00", 2)[1].strip(b"; \n").upper() == b"COMMIT"
    return False
