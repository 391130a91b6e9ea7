"""The mentions of a window by people who are heard far. The sum of followers tells where there is nobody to look for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, select

from processors.detection.copies import span_of, within_a_span
from processors.detection.evidence import is_against, outlet_posts
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.types import FarVoice, Reading, WindowCounts
from tocsin.store import schema as s

# The loudest voices that are read from one window.
MOST = 20


def hear(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,  # noqa: ARG001  # every such function gets it
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],  # noqa: ARG001  # the same
) -> WindowCounts:
    """The window, with its `heard.voices` where there are any: the loudest authors first, then outlets of the first rank."""
    monitor = one.defined.value
    voices: list[FarVoice] = []
    if window.reach >= monitor.influential_followers:
        voices += _authors(conn, one.id, window.start, until, monitor.influential_followers)
    if monitor.tier1:
        voices += outlet_posts(conn, one.id, window.start, until, monitor.tier1)[:MOST]
    if not voices:
        return window
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, voices=tuple(voices)))


def _authors(conn: Connection, monitor_id: str, start: datetime, end: datetime, least: int) -> list[FarVoice]:
    found = conn.execute(_loudest(), span_of(monitor_id, start, end) | {"least": least})
    return [
        FarVoice(row.source, row.id, row.reach, against=is_against(row.label, row.triggers)) for row in found
    ]


@cache
def _loudest() -> Select[Any]:
    m = s.matches
    return (
        select(m.c.source, m.c.id, m.c.reach, m.c.label, m.c.triggers)
        .where(within_a_span(), m.c.reach >= bindparam("least"))
        .order_by(m.c.reach.desc(), m.c.source, m.c.id)
        .limit(MOST)
    )
