"""One poll of the newest alert event for all clients that wait for the next one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from tocsin.core.loop import WorkerLoop

MAX_CLIENTS = 200
# Of one key, or of one person.
MAX_CLIENTS_OF_ONE = 50
POLL_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """One event as the stream of events tells it. It is written once, for all who read it."""

    seq: int
    lines: bytes


class Hub:
    """Wakes waiting clients when there is a newer event. `newest` reads the number of the newest one (0: none yet).

    It polls only while somebody waits. `stop` releases everybody at once. Used from the event loop's own thread only.
    """

    def __init__(
        self, newest: Callable[[], int], every_s: float = POLL_EVERY_S, most: int = MAX_CLIENTS
    ) -> None:
        self._newest = newest
        self._every_s = every_s
        self._most = most
        self._by_caller: Counter[str] = Counter()
        self._newest_seen = self._found = 0
        self._loop = WorkerLoop("events")
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.clients = 0
        self.stopped = False

    @property
    def full(self) -> bool:
        """Whether all places are taken, or the app is ending."""
        return self.stopped or self.clients >= self._most

    def has_all(self, caller: str) -> bool:
        """Whether this caller has all the places that one caller may have."""
        return self._by_caller[caller] >= MAX_CLIENTS_OF_ONE

    def enter(self, caller: str = "") -> None:
        self.clients += 1
        self._by_caller[caller] += 1

    def leave(self, caller: str = "") -> None:
        self.clients -= 1
        self._by_caller[caller] -= 1
        self._by_caller += Counter()

    async def wait_for_newer(self, seq: int, timeout_s: float) -> bool:
        """Wait for an event newer than `seq`: True when there is one, False when time is up or the app is ending."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while not self.stopped and self._newest_seen <= seq:
            left = end - loop.time()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._woken.wait(), left)
            except TimeoutError:
                return False
        return not self.stopped

    async def pause(self) -> None:
        """Wait for one poll, where there is a newer event that cannot be told yet."""
        await asyncio.sleep(self._every_s)

    def stop(self) -> None:
        """Release everybody, for good."""
        self.stopped = True
        self._wake()
        if self._task is not None:
            self._task.cancel()

    def _wake(self) -> None:
        woken, self._woken = self._woken, asyncio.Event()
        woken.set()

    async def _poll(self) -> None:
        while not self.stopped and self.clients > 0:
            pause = await run_in_threadpool(self._loop.round, self._look)
            if self._found != self._newest_seen:
                self._newest_seen = self._found
                self._wake()
            await asyncio.sleep(pause)

    def _look(self) -> float:
        self._found = self._newest()
        return self._every_s
