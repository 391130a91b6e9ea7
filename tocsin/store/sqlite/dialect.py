"""SQLAlchemy's dialect for the embedded stores, and the statements that it has compiled.

All embedded stores of a process speak the same dialect, and so do a store's readers and its writer. What was compiled for one
of them serves the others: a replay beside the live store, the target of a copy, the next store of a test. Compiling takes ten
times as long as the query.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

DRIVER: Final = "sqlite+tocsin"
"""The scheme of an embedded store's URL for SQLAlchemy."""

COMPILED: Final[LRUCache[Any, Any]] = LRUCache(2000)
"""What was compiled, for all stores of the process."""


class EmbeddedDialect(SQLiteDialect_pysqlite):
    """SQLite, through the driver of the standard library. Two of them are equal, as keys of `COMPILED` are to be."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is EmbeddedDialect

    def __hash__(self) -> int:
        return hash(EmbeddedDialect)


registry.register("sqlite.tocsin", __name__, EmbeddedDialect.__name__)
