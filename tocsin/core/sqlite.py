"""What the errors of SQLite mean, for the store and the stream alike."""

from __future__ import annotations

import sqlite3


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken, or no database. Room and rights do not help then."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
