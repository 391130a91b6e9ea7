"""What was counted in the last hour, for the overview and the metrics."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from processors.detection.windows import WINDOW_MINUTES
from processors.storing.tally_sums import HeardMentions, heard_in, labels_in, values_in
from tocsin.core.clock import minute_of


def window_number(at: datetime) -> int:
    """The number of the window that holds this time."""
    return minute_of(at) // WINDOW_MINUTES


def mentions_by_window(conn: Connection, now: datetime) -> dict[str, dict[int, HeardMentions]]:
    """The mentions of each monitor in the sixty minutes up to now, by the monitors' ids and the number of their window."""
    return heard_in(conn, _last_hour(now), WINDOW_MINUTES)


def mentions_last_hour(conn: Connection, now: datetime) -> dict[str, int]:
    """The mentions of each monitor in the sixty minutes up to now, by the monitors' ids."""
    found = mentions_by_window(conn, now)
    return {monitor: sum(one.count for one in windows.values()) for monitor, windows in found.items()}


def labels_last_hour(conn: Connection, now: datetime) -> dict[str, dict[str, int]]:
    """The same by label."""
    return labels_in(conn, _last_hour(now))


def emotions_last_hour(conn: Connection, now: datetime) -> dict[str, dict[str, int]]:
    """The same by emotion. A mention may tell several, or none."""
    return values_in(conn, _last_hour(now), "emotion")


def _last_hour(now: datetime) -> range:
    last = minute_of(now)
    return range(last - 59, last + 1)
