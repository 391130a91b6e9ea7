"""Whether anything is listened to at all."""

from __future__ import annotations

from sqlalchemy import Connection, select

from tocsin.definitions.repository import stored_definitions
from tocsin.store import schema as s


def anything(conn: Connection) -> bool:
    """Whether a source is defined and on, or something was ever handed over without one."""
    if any(one.body.get("enabled", True) for one in stored_definitions(conn, "source")):
        return True
    return conn.execute(select(s.source_state.c.name).limit(1)).first() is not None
