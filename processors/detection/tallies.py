"""Statements over tallies that many monitors are asked about at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from tocsin.store import schema as s
from tocsin.store.statements import among


def first_minutes(conn: Connection, monitors: Sequence[str]) -> dict[str, int]:
    """The minute of the first mention of each of these monitors that has any."""
    t = s.tallies
    first: dict[str, int] = {}
    for start in range(0, len(monitors), 500):
        found = conn.execute(
            select(t.c.monitor_id, func.min(t.c.minute))
            .where(among(conn, t.c.monitor_id, monitors[start : start + 500]), t.c.count > 0)
            .group_by(t.c.monitor_id)
        ).all()
        first |= {monitor: minute for monitor, minute in found}  # noqa: C416  # rows, as pairs
    return first
