"""How much goes into one transaction and into one poll, made to measure by how long the ones before took.

Where all who write wait for one lock (SQLite), an acknowledgement waits for the stream's transactions: they are kept short. Where
writers run side by side (PostgreSQL) nobody waits, and what a transaction costs by itself is shared by more mentions. A poll is
as much as is stored within a moment: between two of them the reader heeds changed monitors, lost partitions and the end.
What is stored does not depend on how the work is cut.
"""

from __future__ import annotations

from datetime import timedelta

HELD_ALONE = timedelta(milliseconds=25)  # half of what a writer may take: a slow moment of the disk fits in
HELD_BESIDE = timedelta(milliseconds=400)
FEWEST, MOST_ALONE, MOST_BESIDE = 50, 1000, 2000
POLLED = timedelta(seconds=1)
LEAST_BYTES, FIRST_BYTES, MOST_BYTES = 512 * 1024, 2 * 1024 * 1024, 16 * 1024 * 1024
_TOO_FEW = 20  # such a transaction says nothing about the cost of a row
_AT_LEAST = timedelta(microseconds=100)


class BatchSize:
    """`rows` is after how many mentions to be stored a transaction ends, `bytes` how much a poll brings.

    `alone`: whether a transaction keeps every other writer waiting.
    """

    def __init__(self, alone: bool = True) -> None:
        self._held, self._most = (HELD_ALONE, MOST_ALONE) if alone else (HELD_BESIDE, MOST_BESIDE)
        self.rows = 200 if alone else 1000
        self.bytes = FIRST_BYTES

    def note(self, rows: int, held: timedelta) -> None:
        """A transaction with so many mentions took so long. The size follows half of the way."""
        if rows >= _TOO_FEW:
            fitting = rows * self._held / max(held, _AT_LEAST)
            self.rows = round(min(self._most, max(FEWEST, (self.rows + fitting) / 2)))

    def note_poll(self, size: int, took: timedelta) -> None:
        """What a poll brought, so many bytes, was stored in so long."""
        if size * 2 >= self.bytes:  # one that brought little says little
            fitting = size * POLLED / max(took, _AT_LEAST)
            self.bytes = round(min(MOST_BYTES, max(LEAST_BYTES, (self.bytes + fitting) / 2)))
