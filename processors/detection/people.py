"""Who speaks: the hashes of the people since they were last asked for, once an hour, and in each window that may alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, select

from processors.detection.copies import span_of, within_a_span
from processors.detection.nearness import half_way
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.newcomers import NewcomersState
from processors.signals.types import Reading, WindowCounts
from tocsin.core.clock import DAY, HOUR
from tocsin.store import schema as s

# The people that are read at once; where more spoke, these are a sample of them by their hash.
MOST = 2000


def hear(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],
) -> WindowCounts:
    """The window with its `heard.people`."""
    state: NewcomersState = standing.state
    # Before anybody was asked for, the hour begins with the first window.
    since = max(state.upto or state.first or window.start, window.start - DAY)
    if until - since < HOUR and not half_way(before):
        return window
    found = conn.execute(_speakers(), span_of(one.id, since, until) | {"one_in": 1 << state.level})
    people = tuple(found.scalars())
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, people=people))


@cache
def _speakers() -> Select[Any]:
    """The statement that asks for people. Building it anew for each monitor would cost more than the answer."""
    author = s.matches.c.author
    return (
        select(author)
        .distinct()
        .where(within_a_span(), author.is_not(None), author % bindparam("one_in") == 0)
        .order_by(author)
        .limit(MOST)
    )
