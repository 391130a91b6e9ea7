"""Where the talk of the last hour is, by network and language, beside the share that each had in the two weeks before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, case, select

from processors.detection.habits import HEARD_SPAN, UNTOLD
from processors.detection.nearness import near_an_alert
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.types import Reading, TalkPlace, WindowCounts
from tocsin.core.clock import HOUR, minute_of, minutes_until
from tocsin.store import schema as s
from tocsin.store.statements import total

DIMENSIONS = ("network", "lang")
# The fullest places of each dimension that are looked at.
MOST = 6


def hear(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,  # noqa: ARG001  # every such function gets it
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],
) -> WindowCounts:
    """The window with its `heard.places`, where anything nears an alert."""
    if not near_an_alert(before):
        return window
    places = tuple(place for dimension in DIMENSIONS for place in _places(conn, one.id, dimension, until))
    if not places:
        return window
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, places=places))


def _places(conn: Connection, monitor_id: str, dimension: str, until: datetime) -> list[TalkPlace]:
    asked = {
        "monitor_id": monitor_id,
        "dimension": dimension,
        "from_minute": minute_of(until - HEARD_SPAN),
        "hour": minute_of(until - HOUR),
        "to_minute": minutes_until(until),
    }
    found = conn.execute(_by_place(), asked).all()
    everywhere = sum(row[2] for row in found)
    fullest = sorted(found, key=lambda row: (-row[1], row[0]))[:MOST]
    return [
        TalkPlace(dimension, value, int(seen), usual / everywhere if everywhere else 0.0)
        for value, seen, usual in fullest
        if seen and value not in UNTOLD
    ]


@cache
def _by_place() -> Select[Any]:
    """The statement of `_places`. Building it anew costs more than the answer."""
    p, hour = s.tally_parts, bindparam("hour", type_=s.tally_parts.c.minute.type)
    now, before = (
        total(case((here, p.c.count), else_=0)) for here in (p.c.minute >= hour, p.c.minute < hour)
    )
    return (
        select(p.c.value, now, before)
        .where(
            p.c.monitor_id == bindparam("monitor_id"),
            p.c.dimension == bindparam("dimension"),
            p.c.minute >= bindparam("from_minute"),
            p.c.minute < bindparam("to_minute"),
        )
        .group_by(p.c.value)
    )
