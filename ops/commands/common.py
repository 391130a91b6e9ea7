"""Options that many commands share, and opening what they name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[Path | None, typer.Option("--config", help="Settings file (or TOCSIN_CONFIG).")]
Data: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded engines (or TOCSIN_DATA).")
]
StoreUrl: TypeAlias = Annotated[
    str | None, typer.Option("--store", help="The store: sqlite, or postgresql://user@host:port/database.")
]
StreamUrl: TypeAlias = Annotated[
    str | None, typer.Option("--stream", help="The stream: sqlite, or kafka://host:port[,host:port].")
]


@contextmanager
def progress() -> Iterator[Callable[[str, int], None]]:
    """What long work on tables calls with a table and its rows so far: one line that changes on a terminal, silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _table, _rows: None
        return

    def tell(table: str, rows: int) -> None:
        sys.stderr.write(f"\r\x1b[K{table}: {rows:,}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
