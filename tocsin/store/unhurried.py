"""Work that takes longer than a server lets a transaction take: migrations, and copies of a whole store."""

from __future__ import annotations

from sqlalchemy import Connection

LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")


def take_your_time(conn: Connection) -> None:
    """Lift the limits of time that the store's server and this process keep, until the transaction ends. SQLite has none."""
    if conn.dialect.name != "postgresql":
        return
    # Here: a process on the embedded store need not load the driver.
    from tocsin.store.postgres.timeouts import may_be_silent

    may_be_silent(conn, None)
    for name in LIMITS:
        conn.exec_driver_sql(f"SET LOCAL {name} = 0")
