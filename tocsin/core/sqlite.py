"""What the errors of SQLite mean, and how a file comes into WAL mode, for the store and the stream alike."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

WAL_WITHIN_S: Final = 10.0
WAL_EVERY_S: Final = 0.01


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken, or no database. Room and rights do not help then."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def use_wal(db: sqlite3.Connection | sqlite3.Cursor) -> None:
    """Put the file into WAL mode. Raises `sqlite3.Error`: "locked" for a file that others hold after ten seconds.

    SQLite does not wait here as it does elsewhere: of several who open a new file at one moment, it answers some "locked" at
    once, whatever time they allow.
    """
    until = time.monotonic() + WAL_WITHIN_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(WAL_EVERY_S)
