"""Statements over the tallies of many monitors at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from processors.detection.windows import Counts
from tocsin.core.clock import minute_of
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY
from tocsin.store.statements import among, among_given, once_for_each_engine, total

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
    tallies: dict[str, dict[int, Counts]] = {}
    asked: dict[str, Any] = {"start": minute_of(start), "end": minute_of(end)}
    # A few monitors are looked up by key. For many, one pass over the minutes costs less.
    few = len(monitors) <= FEW_MONITORS
    if few:
        asked["monitors"] = list(monitors)
    query = _counts(conn, few, history)
    wanted = set(monitors)
    for monitor, minute, count, negative, scored, triggered, reach in conn.execute(query, asked).all():
        if monitor in wanted and count:
            tallies.setdefault(monitor, {})[minute] = (count, negative, scored, triggered, reach)
    return tallies


@once_for_each_engine
def _counts(conn: Connection, few: bool, history: bool) -> Select[*tuple[Any, ...]]:
    """The statement of `load_tallies`, made once: every look of the ticker asks it."""
    t = s.tallies
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
            t.c.minute >= bindparam("start"),
            t.c.minute < bindparam("end"),
            t.c.partition <= HISTORY if history else t.c.partition > HISTORY,
        )
        .group_by(t.c.monitor_id, t.c.minute)
    )
    return query.where(among_given(conn, t.c.monitor_id, "monitors")) if few else query


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
