"""SQLAlchemy's dialect for the embedded stores. It is SQLite's, and equal for all of them (`tocsin.store.compiled`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

DRIVER: Final = "sqlite+tocsin"
"""The scheme of an embedded store's URL for SQLAlchemy."""


class EmbeddedDialect(SQLiteDialect_pysqlite):
    """SQLite, through the driver of the standard library. A process has one version of it."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is EmbeddedDialect

    def __hash__(self) -> int:
        return hash(EmbeddedDialect)


registry.register("sqlite.tocsin", __name__, EmbeddedDialect.__name__)
