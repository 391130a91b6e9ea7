"""The numbers that a database gives by itself, and how they go on in a copy. Only `alert_events` has such numbers."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from tocsin.store import schema as s

_SEQ = s.alert_events.c.seq


def last_given(conn: Connection) -> int:
    """The last number that was ever given, even where its row is gone; 0: no number was given."""
    stored = int(conn.execute(select(func.max(_SEQ))).scalar() or 0)
    if conn.dialect.name == "postgresql":
        name = conn.execute(select(func.pg_get_serial_sequence(s.alert_events.name, _SEQ.name))).scalar_one()
        found = conn.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()  # noqa: S608  # the server's own name
        return max(stored, int(found.last_value) if found.is_called else 0)
    named = conn.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (s.alert_events.name,))
    return max(stored, int(named.scalar() or 0))


def go_on_after(conn: Connection, last: int) -> None:
    """Make the next number greater than `last`; 0 changes nothing."""
    if not last:
        return
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.setval(func.pg_get_serial_sequence(s.alert_events.name, _SEQ.name), last)))
        return
    changed = conn.exec_driver_sql(
        "UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, s.alert_events.name)
    )
    if not changed.rowcount:
        conn.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (s.alert_events.name, last))
