"""Transactions that may take longer than the server's limits: migrations, and copies of a whole store."""

from __future__ import annotations

from sqlalchemy import Connection

LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")


def take_your_time(conn: Connection) -> None:
    """Lift the time limits of the store's server and of this process until the transaction ends. SQLite has no such limits."""
    if conn.dialect.name != "postgresql":
        return
    # Imported here, so that a process on the embedded store need not load the driver.
    from tocsin.store.postgres.timeouts import may_be_silent

    may_be_silent(conn, None)
    for name in LIMITS:
        conn.exec_driver_sql(f"SET LOCAL {name} = 0")
