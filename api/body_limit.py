"""The bounds on bodies while they arrive: of each by itself, and of all that are held at once.

A body is held in memory until its request is answered. A stranger's body, such as that of a webhook, must be read before its
signature can be checked, so strangers have a small bound and a room of their own: they cannot crowd out people and keys.

The number of objects in a body is bounded, too: a definition of a megabyte could hold 300,000, and each would become an error.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, outside
from tocsin.core.sentences import Sentence
from tocsin.reading.size import signs_in

# The beginning of each body is not counted, so that a form or an acknowledgement always gets through.
UNCOUNTED_BYTES = 16 * 1024
# Of a body that brings no mentions of a known caller.
SMALL_BODY_BYTES = 1024 * 1024
STRANGERS_BYTES = 16 * 1024 * 1024
# How many of the largest bodies known callers may have on their way at once.
LARGEST_AT_ONCE = 8
# The routes that take mentions of known callers: a push, and the replay of a dead letter.
_LARGE = re.compile(r"/v1/mentions|/v1/dead-letters/[^/]+/replay")
# Commas and opening brackets of a body that brings no mentions. The largest definitions have some hundreds.
MAX_SIGNS = 20_000
# The routes whose bodies are counted where they are read, by their own bounds: mentions, also of webhooks.
_OF_MENTIONS = re.compile(r"/v1/mentions(/hook/.*)?|/v1/dead-letters/[^/]+/replay", re.DOTALL)
# The routes that write a body to the disk while it arrives, so that it is held nowhere.
_TO_DISK = re.compile(r"/v1/imports/files|/imports/upload")
# The routes that read a body before they know whose it is.
_OPEN = re.compile(r"/v1/mentions/hook/.*|/signin/.*|/links/.*", re.DOTALL)


@dataclass(slots=True)
class Room:
    """The bytes of bodies that may be held at once: `most` by everybody together, `each` by one address."""

    most: int
    each: int
    held: Counter[str] = field(default_factory=Counter)

    def take(self, address: str, size: int) -> bool:
        """Hold so many more bytes for this address; False where there is no room."""
        if self.held[address] + size > self.each or self.held.total() + size > self.most:
            return False
        self.held[address] += size
        return True

    def give(self, address: str, size: int) -> None:
        """Hold so many bytes fewer for this address."""
        self.held[address] -= size
        self.held += Counter()


class BodyLimit:
    """A body over its bound is 413, whether it says its length or comes in chunks. Where too much is on its way, it is 503."""

    def __init__(self, app: ASGIApp, most: int, to_disk: int = SMALL_BODY_BYTES) -> None:
        self.app = app
        self.most = most
        self.to_disk = to_disk
        self.known = Room(most * LARGEST_AT_ONCE, most * LARGEST_AT_ONCE)
        self.strangers = Room(STRANGERS_BYTES, STRANGERS_BYTES // 2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        kept = _TO_DISK.fullmatch(scope["path"]) is not None
        most = self.most if _LARGE.fullmatch(scope["path"]) else min(self.most, SMALL_BODY_BYTES)
        most = self.to_disk if kept else most
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isascii() or not told.isdigit() or int(told[:20]) > most:
            await outside(_too_large(most), scope)(scope, receive, send)
            return
        room = self.strangers if _OPEN.fullmatch(scope["path"]) else self.known
        signs = None if kept or _OF_MENTIONS.fullmatch(scope["path"]) else MAX_SIGNS
        body = _Body(most, signs, None if kept else room, (scope.get("client") or ("unknown",))[0])
        try:
            await _Answer(self.app, body).run(scope, receive, send)
        finally:
            body.leave()


class _Body:
    """One body as it arrives. `refusal` is set once it is refused. A body that is not held takes no `room`; one whose `signs` are
    None is not looked into.
    """

    def __init__(self, most: int, signs: int | None, room: Room | None, address: str) -> None:
        self._most, self._signs, self._room, self._address = most, signs, room, address
        self._taken = self._held = 0
        self.refusal: Problem | None = None

    def take(self, part: bytes) -> None:
        """Count this part. Raises the refusal, 413 or 503."""
        self._taken += len(part)
        more = max(0, self._taken - UNCOUNTED_BYTES) - self._held
        if self._signs is not None:
            self._signs -= signs_in(part)
        if self._taken > self._most:
            self.refusal = _too_large(self._most)
        elif self._signs is not None and self._signs < 0:
            self.refusal = _too_many()
        elif self._room is None:
            return
        elif more and not self._room.take(self._address, more):
            self.refusal = _too_busy()
        else:
            self._held += more
        if self.refusal is not None:
            raise self.refusal

    def leave(self) -> None:
        """Give the room back, once the request is answered."""
        if self._room is not None:
            self._room.give(self._address, self._held)
        self._held = 0


class _Answer:
    """The answer to one request. A refused body has our refusal as its answer, whatever its reader made of it."""

    def __init__(self, app: ASGIApp, body: _Body) -> None:
        self._app, self._body = app, body
        self._begun = self._refused = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self._body.take(message.get("body", b""))
            return message

        async def refuse(refusal: Problem) -> None:
            if not self._refused:
                self._refused = True
                await outside(refusal, scope)(scope, receive, send)

        async def watched(message: Message) -> None:
            if self._body.refusal is not None and not self._begun:
                await refuse(self._body.refusal)
                return
            self._begun = self._begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Problem:
            if self._begun or self._body.refusal is None:
                raise
            await refuse(self._body.refusal)


def _too_large(most: int) -> Problem:
    return Problem(
        413,
        "too-large",
        Sentence("a body may have {most} bytes here", most=str(most)),
        headers={"Connection": "close"},
    )


def _too_many() -> Problem:
    detail = Sentence("a body may hold {n} values here", n=MAX_SIGNS)
    return Problem(413, "too-large", detail, headers={"Connection": "close"})


def _too_busy() -> Problem:
    detail = Sentence("too many large bodies are on their way at once: send it again, or in smaller parts")
    return Problem(503, "too-busy", detail, headers={"Connection": "close", "Retry-After": "2"})
