"""Doing one thing beside another in a thread that holds up nobody's end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def beside(name: str, work: Callable[[], T]) -> Future[T]:
    """Do `work` in a daemon thread: what waits for a slow server there must not hold up the end of the process, as the threads
    of an executor would. The future has its result, or raises what it raised.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it is raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
