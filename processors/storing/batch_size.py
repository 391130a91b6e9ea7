"""The size of one transaction and of one poll, fitted to how long the ones before took.

On SQLite all writers wait for one lock, so an acknowledgement waits for the stream's transactions: these stay short. On
PostgreSQL writers run side by side and nobody waits, so more mentions share the fixed cost of a transaction. A poll brings as
much as the store takes in within a moment: between two polls the reader notices changed monitors, lost partitions and the order
to stop. The stored result does not depend on how the work is cut.
"""

from __future__ import annotations

from datetime import timedelta

# Half of the time that a writer may take: this leaves room for a slow moment of the disk.
HELD_ALONE = timedelta(milliseconds=25)
HELD_BESIDE = timedelta(milliseconds=400)
FEWEST, MOST_ALONE, MOST_BESIDE = 50, 1000, 2000
POLLED = timedelta(seconds=1)
LEAST_BYTES, FIRST_BYTES, MOST_BYTES = 512 * 1024, 2 * 1024 * 1024, 16 * 1024 * 1024
# A transaction with fewer rows says nothing about the cost of a row.
_TOO_FEW = 20
_AT_LEAST = timedelta(microseconds=100)


class BatchSize:
    """The two sizes: a transaction ends after `rows` mentions to store, and a poll brings up to `bytes` bytes.

    `alone` says whether a transaction keeps every other writer waiting.
    """

    def __init__(self, alone: bool = True) -> None:
        self._held, self._most = (HELD_ALONE, MOST_ALONE) if alone else (HELD_BESIDE, MOST_BESIDE)
        self.rows = 200 if alone else 1000
        self.bytes = FIRST_BYTES

    def note(self, rows: int, held: timedelta) -> None:
        """Note that a transaction with `rows` mentions took `held`. The size moves half of the way to the one that would fit."""
        if rows >= _TOO_FEW:
            fitting = rows * self._held / max(held, _AT_LEAST)
            self.rows = round(min(self._most, max(FEWEST, (self.rows + fitting) / 2)))

    def note_poll(self, size: int, took: timedelta) -> None:
        """Note that storing the `size` bytes of a poll took `took`. A poll that brought little changes nothing."""
        if size * 2 >= self.bytes:
            fitting = size * POLLED / max(took, _AT_LEAST)
            self.bytes = round(min(MOST_BYTES, max(LEAST_BYTES, (self.bytes + fitting) / 2)))
