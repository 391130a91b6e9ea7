"""Questions that come at once, answered in one go: fifty dashboards that ask each second cost one read of the store, not fifty.

A question is answered by work that began after it was asked, so everybody reads what they wrote. The busier the service, the
more questions wait for the next turn, and the less each one costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

# A second turn may run beside one that hangs in a store that does not answer.
TURNS_AT_ONCE = 2

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")


class SharedReads(Generic[Q, A]):
    """Asks `answer` all questions that wait, each once. `answer` runs in a thread and answers every question that it is given.

    Where it raises, everybody who waits for that turn gets the error. Used from the event loop's thread only.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Mapping[Q, A]]) -> None:
        self._answer = answer
        self._waiting: dict[Q, asyncio.Future[A]] = {}
        self._turns: set[asyncio.Task[None] | None] = set()

    async def ask(self, question: Q) -> A:
        """The answer, by work that begins from now on."""
        waiting = self._waiting.get(question)
        if waiting is None:
            waiting = self._waiting[question] = asyncio.get_running_loop().create_future()
        if len(self._turns) < TURNS_AT_ONCE:
            turn = asyncio.create_task(self._work())
            self._turns.add(turn)
        # Others wait for the same answer: who goes away takes it from nobody.
        return await asyncio.shield(waiting)

    async def _work(self) -> None:
        try:
            await self._answer_all()
        finally:
            # At once, and not when the loop comes to it: a question in between would wait for a turn that has ended.
            self._turns.discard(asyncio.current_task())

    async def _answer_all(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                answers = await run_in_threadpool(self._answer, tuple(asked))
            except BaseException as error:
                _fail(asked.values(), error)
                if not isinstance(error, Exception):
                    raise
            else:
                for question, waiting in asked.items():
                    waiting.set_result(answers[question])


def _fail(waiting: Iterable[asyncio.Future[A]], error: BaseException) -> None:
    for one in waiting:
        one.set_exception(error) if isinstance(error, Exception) else one.cancel()
