"""A piece of work in a thread of its own. The thread never holds up the end of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_thread(name: str, work: Callable[[], T]) -> Future[T]:
    """Run `work` in a daemon thread of this name. The future has the result of `work`, or raises its error.

    An executor would not do: a process that ends waits for the threads of an executor, and `work` may wait for a slow server.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # the future raises it again for its reader
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
