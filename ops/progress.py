"""Progress of long work: one line on a terminal, written over again and again. In a pipe there is no line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_START_AND_ERASE = "\r\x1b[K"


class ProgressLine:
    """A line on stderr. Call `clear` before anything else is printed, or both stand on one line."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def update(self, text: str) -> None:
        """Show this text in place of the one before."""
        self._write(f"{_START_AND_ERASE}{text}")

    def rows(self, table: str, count: int) -> None:
        """Show how many rows of a table are done."""
        self.update(f"{table}: {count:,}")

    def clear(self) -> None:
        """Remove the line."""
        self._write(_START_AND_ERASE)

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(text)
            sys.stderr.flush()


@contextmanager
def progress_line() -> Iterator[ProgressLine]:
    """A line that is gone when the block ends."""
    line = ProgressLine()
    try:
        yield line
    finally:
        line.clear()
