"""A connection that first brings what came before it was made, asked for by other ways, and then what comes on it."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.source import BudgetSpent, FetchFailed
from ingest.wires import Wire, WireEnded, WireMessage


class MissedFirst:
    """The wire. `missed` runs in the thread that reads it."""

    def __init__(self, wire: Wire, missed: Iterator[WireMessage]) -> None:
        self._wire, self._missed = wire, missed
        # Whether something may be left of what was missed, and how much of it came.
        self.left, self.pages = True, 0

    def receive(self) -> WireMessage:
        try:
            message = next(self._missed, None) if self.left else None
        except BudgetSpent as error:
            raise WireEnded(f"{error}; the stream goes on then") from None
        except FetchFailed as error:
            raise WireEnded(str(error)) from None
        if message is not None:
            self.pages += 1
            return message
        self.left = False
        return self._wire.receive()

    def cut(self) -> None:
        self._wire.cut()

    def close(self) -> None:
        self._wire.close()
