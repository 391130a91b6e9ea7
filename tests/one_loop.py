"""One event loop for everything that a test asks of an app, as the loop of a server is.

`asyncio.Runner` makes its loop anew a task of its own for each question, and anyio ends its threads with that task: each question
then starts and ends the thread of its handler, which takes a third of its time. Here one task asks everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

import anyio

T = TypeVar("T")


class OneLoop:
    """Runs one coroutine after the other from synchronous code. The loop begins when it is first used."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._asked: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]]] = asyncio.Queue()
        self._all: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of this coroutine, or what it raises."""
        loop = self._runner.get_loop()
        if self._all is None:
            self._all = loop.create_task(self._begin_each())
        answer: asyncio.Future[T] = loop.create_future()

        async def answered() -> None:
            try:
                answer.set_result(await work)
            except BaseException as error:  # noqa: BLE001  # the caller gets it
                answer.set_exception(error)
            finally:
                loop.stop()

        self._asked.put_nowait(answered)
        loop.run_forever()
        return answer.result()

    async def _begin_each(self) -> None:
        async with anyio.create_task_group() as group:
            while True:
                group.start_soon(await self._asked.get())

    def close(self) -> None:
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
