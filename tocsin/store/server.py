"""Facts that the server of a store reports about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server's name and version, its clock, whether our role is a superuser, and whether the server waits for its disk."""

    name: str
    clock: datetime
    superuser: bool
    waits_for_disk: bool


def server_facts(conn: Connection) -> ServerFacts | None:
    """The facts of the store's server; None for the embedded store, which has no server."""
    if conn.dialect.name != "postgresql":
        return None
    superuser, clock, version, fsync = conn.exec_driver_sql(
        "SELECT rolsuper, clock_timestamp(), current_setting('server_version'), current_setting('fsync')"
        " FROM pg_roles WHERE rolname = current_user"
    ).one()
    return ServerFacts(f"PostgreSQL {version}", clock, superuser, fsync == "on")
