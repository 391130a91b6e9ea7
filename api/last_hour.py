"""What was counted in the last hour, for the overview and the metrics."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from tocsin.core.clock import minute_of
from tocsin.store import schema as s


def mentions_last_hour(conn: Connection, now: datetime) -> dict[str, int]:
    """The mentions of each monitor in the sixty minutes up to now, by the monitors' ids."""
    t = s.tallies
    found = conn.execute(
        select(t.c.monitor_id, func.sum(t.c.count))
        .where(t.c.minute > minute_of(now) - 60, t.c.minute <= minute_of(now))
        .group_by(t.c.monitor_id)
    )
    return {monitor: int(n) for monitor, n in found}
