"""A server that is there and says nothing: frozen, with its sockets open, so that TCP finds nothing amiss.

PostgreSQL ends a statement by itself after its `statement_timeout`; a server that has not said a word for longer than that, and a
margin, is away. The thread that waits notices by itself and closes the connection.
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
"""How often a thread that waits for the server looks up. Looks are counted, not seconds: a process that was itself stopped for a
while has not looked, and blames nobody.
"""


@dataclass(frozen=True, slots=True)
class Silences:
    """For how many seconds a server may say nothing, by what it was asked: a sign of life, to read, to write."""

    resting: float = 10.0
    reading: float = 310.0
    writing: float = 70.0


class Listening(psycopg.Connection[Any]):
    """A connection that is given up when the server has been silent for `longest_s` seconds; None: never."""

    longest_s: float | None = None

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        kwargs["interval"] = LOOK_S
        return super().wait(self._heard(gen), *args, **kwargs)

    def _heard(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """`gen`, counting the looks: whoever drives it sends nothing (0) when nothing has come since the last one."""
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
                        raise psycopg.OperationalError(f"it has said nothing for {self.longest_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


def may_be_silent(conn: Connection, longest_s: float | None) -> None:
    """Set for how long the server of a transaction may say nothing, until it ends."""
    listening = conn.connection.driver_connection
    if isinstance(listening, Listening):
        listening.longest_s = longest_s
