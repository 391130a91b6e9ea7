"""Detection of a silent server: one that is frozen with its sockets open, so that TCP notices nothing.

PostgreSQL ends a statement by itself after its `statement_timeout`. A server that has said nothing for longer than that, and a
margin, counts as away. The waiting thread itself notices this and closes the connection.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection

T = TypeVar("T")
LOOK_S: Final = 0.1
"""Seconds between two looks of a thread that waits for the server. The thread counts looks, not seconds: a process that was
itself stopped for a while has not looked meanwhile, and does not blame the server.
"""


@dataclass(frozen=True, slots=True)
class Silences:
    """The seconds for which a server may say nothing: at rest (a sign of life), while it reads, while it writes."""

    resting: float = 10.0
    reading: float = 310.0
    writing: float = 70.0


class Listening(psycopg.Connection[Any]):
    """A connection that is closed when the server has been silent for `longest_s` seconds; None: never."""

    longest_s: float | None = None

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        kwargs["interval"] = LOOK_S
        return super().wait(self._heard(gen), *args, **kwargs)

    def _heard(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """`gen`, with its looks counted. The driver sends 0 into it when nothing has come since the last look."""
        looks = 0
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    looks = 0
                elif self.longest_s is not None:
                    looks += 1
                    if looks * LOOK_S > self.longest_s:
                        self.close()
                        raise psycopg.OperationalError(f"no answer for {self.longest_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


def may_be_silent(conn: Connection, longest_s: float | None) -> None:
    """Set for how many seconds the server may say nothing until this transaction ends; None: for ever."""
    listening = conn.connection.driver_connection
    if isinstance(listening, Listening):
        listening.longest_s = longest_s
