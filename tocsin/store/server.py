"""Facts that the server of a store reports about itself; and of the store without a server, whether its file is whole."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

STEPS_BETWEEN_LOOKS = 100_000


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server's name and version, its clock, whether our role is a superuser, and whether the server waits for its disk."""

    name: str
    clock: datetime
    superuser: bool
    waits_for_disk: bool


def first_damage(conn: Connection, within: timedelta) -> str | None:
    """The first thing that is wrong in the embedded store's file, in SQLite's words; None where nothing was found. The search
    ends after `within`. A store with a server looks after its own files.
    """
    if conn.dialect.name != "sqlite":
        return None
    raw: Any = conn.connection.driver_connection
    ends = time.monotonic() + within.total_seconds()
    raw.set_progress_handler(lambda: time.monotonic() > ends, STEPS_BETWEEN_LOOKS)
    try:
        found = str(conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    except OperationalError:
        return None
    except DatabaseError as error:
        return str(error.orig)
    finally:
        raw.set_progress_handler(None, 0)
    return None if found == "ok" else found.splitlines()[-1][:200]


def server_facts(conn: Connection) -> ServerFacts | None:
    """The facts of the store's server; None for the embedded store, which has no server."""
    if conn.dialect.name != "postgresql":
        return None
    superuser, clock, version, fsync = conn.exec_driver_sql(
        "SELECT rolsuper, clock_timestamp(), current_setting('server_version'), current_setting('fsync')"
        " FROM pg_roles WHERE rolname = current_user"
    ).one()
    return ServerFacts(f"PostgreSQL {version}", clock, superuser, fsync == "on")
