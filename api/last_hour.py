"""What was counted in the last hour, for the overview and the metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from tocsin.core.clock import minute_of
from tocsin.store import schema as s

WINDOW_MINUTES: Final = 5


def window_of(at: datetime) -> int:
    """The number of the window that holds this time."""
    return minute_of(at) // WINDOW_MINUTES


def mentions_by_window(conn: Connection, now: datetime) -> dict[str, dict[int, int]]:
    """The mentions of each monitor in the sixty minutes up to now, by the monitors' ids and the number of their window. History
    that was brought in is none of them, as it is no part of what is judged.
    """
    t = s.tallies
    window = (t.c.minute - t.c.minute % WINDOW_MINUTES).label("window")
    found = conn.execute(
        select(t.c.monitor_id, window, func.sum(t.c.count))
        .where(t.c.minute > minute_of(now) - 60, t.c.minute <= minute_of(now), t.c.partition >= 0)
        .group_by(t.c.monitor_id, window)
    )
    counts: dict[str, dict[int, int]] = {}
    for monitor, start, n in found:
        counts.setdefault(monitor, {})[start // WINDOW_MINUTES] = int(n)
    return counts


def mentions_last_hour(conn: Connection, now: datetime) -> dict[str, int]:
    """The mentions of each monitor in the sixty minutes up to now, by the monitors' ids."""
    return {monitor: sum(windows.values()) for monitor, windows in mentions_by_window(conn, now).items()}
