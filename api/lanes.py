"""The reads that are at work at once: few of one caller, and not so many in all that writes wait.

A limit of requests a minute is no limit of cost. All threads of a process share one interpreter, so each read at work slows
everything else down, an acknowledgement too. Reads beyond the bounds wait for their turn; writes wait for no read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import Message, Send

READS_AT_ONCE = 8
READS_OF_ONE = 2


class Lanes:
    """The places of reads: `most` in all, `each` of one caller. Used from the event loop's thread only."""

    def __init__(self, most: int = READS_AT_ONCE, each: int = READS_OF_ONE) -> None:
        self._all = asyncio.Semaphore(most)
        self._each = each
        self._callers: dict[str, asyncio.Semaphore] = {}
        self._inside: dict[str, int] = {}

    @asynccontextmanager
    async def read(self, caller: str) -> AsyncIterator[Callable[[Send], Send]]:
        """Wait for a place of this caller, then for one of all. The place is given back when the answer begins, or at the end.

        Yields what makes a `send` notice that the answer begins: then the work is done, and the client may be slow to read it.
        """
        async with self._of(caller) as mine, _Place(mine) as first, _Place(self._all) as second:

            def watching(send: Send) -> Send:
                async def watched(message: Message) -> None:
                    second.give_back()
                    first.give_back()
                    await send(message)

                return watched

            yield watching

    @asynccontextmanager
    async def _of(self, caller: str) -> AsyncIterator[asyncio.Semaphore]:
        """The caller's own places, which are remembered as long as a request of the caller is there."""
        self._inside[caller] = self._inside.get(caller, 0) + 1
        try:
            yield self._callers.setdefault(caller, asyncio.Semaphore(self._each))
        finally:
            self._inside[caller] -= 1
            if not self._inside[caller]:
                del self._inside[caller], self._callers[caller]


class _Place:
    """One place of a semaphore, given back once."""

    def __init__(self, of: asyncio.Semaphore) -> None:
        self._of = of
        self._held = False

    async def __aenter__(self) -> _Place:
        await self._of.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._held:
            self._held = False
            self._of.release()
