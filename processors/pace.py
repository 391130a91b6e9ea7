"""How much goes into one transaction, so that whoever waits for the same lock waits shortly, whatever the machine and the disk.

An acknowledgement needs the lock that the stream's transactions hold. Their length is measured and the next one made to measure.
What is stored does not depend on how the work is cut.
"""

from __future__ import annotations

from datetime import timedelta

HELD = timedelta(milliseconds=25)  # half of what a writer may take: a slow moment of the disk fits in
FEWEST, MOST = 50, 1000
_TOO_FEW = 20  # such a transaction says nothing about the cost of a row


class Pace:
    """`rows` is after how many mentions to be stored a transaction ends; `note` tells how long one was."""

    def __init__(self, rows: int = 200) -> None:
        self.rows = rows

    def note(self, rows: int, held: timedelta) -> None:
        """A transaction with so many mentions held the lock for so long. The pace follows half of the way."""
        if rows < _TOO_FEW:
            return
        fitting = rows * HELD / max(held, timedelta(microseconds=100))
        self.rows = round(min(MOST, max(FEWEST, (self.rows + fitting) / 2)))
