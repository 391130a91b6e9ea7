"""Who speaks: the hashes of the people since they were last asked for, once an hour, and in each window that may alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from processors.detection.copies import within
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
    author = s.matches.c.author
    found = conn.execute(
        select(author)
        .distinct()
        .where(within(one.id, since, until), author.is_not(None), author % (1 << state.level) == 0)
        .order_by(author)
        .limit(MOST)
    )
    people = tuple(found.scalars())
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, people=people))
