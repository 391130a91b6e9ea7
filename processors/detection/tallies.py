"""Statements over the tallies of many monitors at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from processors.detection.windows import Counts
from tocsin.core.clock import minute_of
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY
from tocsin.store.statements import among, total

FEW_MONITORS = 300


def first_minutes(conn: Connection, monitors: Sequence[str]) -> dict[str, int]:
    """The minute of the first mention that was heard, for each of these monitors that has one. History is not heard."""
    t = s.tallies
    first: dict[str, int] = {}
    for start in range(0, len(monitors), 500):
        found = conn.execute(
            select(t.c.monitor_id, func.min(t.c.minute))
            .where(
                among(conn, t.c.monitor_id, monitors[start : start + 500]),
                t.c.count > 0,
                t.c.partition > HISTORY,
            )
            .group_by(t.c.monitor_id)
        ).all()
        first |= {monitor: minute for monitor, minute in found}  # noqa: C416  # rows, as pairs
    return first


def load_tallies(
    conn: Connection, monitors: Sequence[str], start: datetime, end: datetime, *, history: bool = False
) -> dict[str, dict[int, Counts]]:
    """Counts per monitor and minute in [start, end), summed over the partitions of what was heard, or of `history`."""
    t = s.tallies
    tallies: dict[str, dict[int, Counts]] = {}
    query = (
        select(
            t.c.monitor_id,
            t.c.minute,
            total(t.c.count),
            total(t.c.negative),
            total(t.c.negative + t.c.neutral + t.c.positive),
            total(t.c.triggered),
            total(t.c.reach),
        )
        .where(
            t.c.minute >= minute_of(start),
            t.c.minute < minute_of(end),
            t.c.partition <= HISTORY if history else t.c.partition > HISTORY,
        )
        .group_by(t.c.monitor_id, t.c.minute)
    )
    # A few monitors are looked up by key. For many, one pass over the minutes costs less.
    if len(monitors) <= FEW_MONITORS:
        query = query.where(among(conn, t.c.monitor_id, monitors))
    wanted = set(monitors)
    for monitor, minute, count, negative, scored, triggered, reach in conn.execute(query).all():
        if monitor in wanted and count:
            tallies.setdefault(monitor, {})[minute] = (count, negative, scored, triggered, reach)
    return tallies


def source_shares(conn: Connection, monitors: Sequence[str], since: int) -> dict[str, dict[str, int]]:
    """The mentions that each source brought to these monitors since that minute."""
    p = s.tally_parts
    shares: dict[str, dict[str, int]] = {}
    for start in range(0, len(monitors), 500):
        found = conn.execute(
            select(p.c.monitor_id, p.c.value, total(p.c.count))
            .where(
                among(conn, p.c.monitor_id, monitors[start : start + 500]),
                p.c.minute >= since,
                p.c.dimension == "source",
                p.c.partition > HISTORY,
            )
            .group_by(p.c.monitor_id, p.c.value)
        ).all()
        for monitor, source, count in found:
            shares.setdefault(monitor, {})[source] = count
    return shares
