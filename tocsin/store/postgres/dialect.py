"""SQLAlchemy's dialect for stores on PostgreSQL, equal for all servers of one version (`tocsin.store.compiled`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

DRIVER: Final = "postgresql+tocsin"
"""The scheme of such a store's URL for SQLAlchemy."""


class ServerDialect(PGDialect_psycopg):
    """PostgreSQL, through psycopg. The first connection tells the server's version; nothing is compiled before."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is ServerDialect and self._version() == other._version()

    def __hash__(self) -> int:
        return hash(ServerDialect)

    def _version(self) -> object:
        return getattr(self, "server_version_info", None)


registry.register("postgresql.tocsin", __name__, ServerDialect.__name__)
