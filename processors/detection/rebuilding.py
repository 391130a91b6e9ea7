"""A state rebuilt from the stored readings: the closed windows folded again into what each kind of signal knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from processors.detection.states import JudgedMonitor
from processors.signals.types import Reading, WindowCounts
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

# What `processors/detection/rows.py` adds to the detail that a detector gave.
ADDED = ("copies", "holiday")


def learn_again(conn: Connection, one: JudgedMonitor, since: datetime, until: datetime) -> None:
    """Fold the stored windows that begin in [since, until), in order, into the monitor's standings.

    A reading that was not stored is one of an empty window: it follows from the window and the state.
    """
    for rows in _by_window(conn, one, since, until):
        window = _window(rows[SIGNAL_KINDS.lead.kind])
        for standing in one.standings:
            if standing.heeds(window):
                row = rows.get(standing.name)
                reading = standing.judge(window, one.sensitivity) if row is None else _reading(row)
                standing.learn(window, reading)


def _by_window(
    conn: Connection, one: JudgedMonitor, since: datetime, until: datetime
) -> Iterator[dict[str, Row[Any]]]:
    r = s.readings
    here = (
        r.c.monitor_id == one.id,
        r.c.series == one.series,
        r.c.window_start >= since,
        r.c.window_start < until,
    )
    found = conn.execute(select(r).where(*here).order_by(r.c.window_start)).all()
    for _, rows in groupby(found, lambda row: row.window_start):
        yield {row.kind: row for row in rows}


def _window(row: Row[Any]) -> WindowCounts:
    return WindowCounts(
        row.window_start,
        timedelta(seconds=row.length_s),
        row._mapping["count"],
        row.negative,
        row.scored,
        row.complete,
        row.detail.get("window_expected"),
        # As it was judged, whatever the countries of the monitor are now.
        holiday=row.detail.get("holiday", ""),
    )


def _reading(row: Row[Any]) -> Reading:
    return Reading(
        row.kind,
        row.window_start,
        timedelta(seconds=row.length_s),
        row.score,
        row.observed,
        row.expected,
        row.lower,
        row.upper,
        row.over,
        row.state,
        row.baseline,
        {name: value for name, value in row.detail.items() if name not in ADDED},
    )
