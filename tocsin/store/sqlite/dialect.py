"""SQLAlchemy's dialect for the embedded stores. It is SQLite's, and equal for all of them (`tocsin.store.compiled`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import PoolProxiedConnection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

DRIVER: Final = "sqlite+tocsin"
"""The scheme of an embedded store's URL for SQLAlchemy."""

BEGIN: Final = "begin"
"""The name, in a connection's `info`, of the function that begins a transaction on it."""


class EmbeddedDialect(SQLiteDialect_pysqlite):
    """SQLite, through the driver of the standard library. A process has one version of it."""

    supports_statement_cache = True

    # No listener begins it: where an engine has one, SQLAlchemy looks for others at each statement, too, which takes a tenth of
    # a short one.
    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Begin a transaction. The driver's own BEGIN would come too late."""
        dbapi_connection.info[BEGIN](dbapi_connection.driver_connection)

    def __eq__(self, other: object) -> bool:
        return type(other) is EmbeddedDialect

    def __hash__(self) -> int:
        return hash(EmbeddedDialect)


registry.register("sqlite.tocsin", __name__, EmbeddedDialect.__name__)
