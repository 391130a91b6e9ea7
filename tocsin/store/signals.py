"""Signals as processors and the auditor hand them over to the alerts engine, which reads and marks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from tocsin.store import schema as s
from tocsin.store.port import Store


def write_signals(store: Store, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new signals in the caller's transaction. A signal that is there already stays as it is."""
    store.insert_new(conn, s.signals, rows)


def kept_working(
    conn: Connection, fingerprint: str, window_start: datetime, window_end: datetime, until: datetime
) -> Any:
    """What the newest signal up to `until` that found this window over was judged from. None: there is no such signal, or it was
    not kept.
    """
    g = s.signals.c
    query = select(g.working).where(
        g.fingerprint == fingerprint,
        g.tick <= until,
        g.window_start == window_start,
        g.window_end == window_end,
        g.state != "calm",
    )
    return conn.execute(query.order_by(g.tick.desc(), g.id).limit(1)).scalar()
