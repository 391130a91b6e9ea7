"""The most told text of an hour: how many tell it, in their own name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache

import msgspec
from sqlalchemy import Connection, Select, bindparam, func, select

from processors.detection.copies import COPIES_FROM, groups_in, span_of, stories_of, within_a_span
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.flood import in_the_hour
from processors.signals.types import OneText, Reading, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.store import schema as s

# The texts of an hour that are compared, the most copied first.
MOST_TEXTS = 500


def hear(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],  # noqa: ARG001  # every such function gets it
) -> WindowCounts:
    """The window with its `heard.text`. Where the hour has fewer mentions than a flood, the store is not asked."""
    if in_the_hour(standing.state, window) < COPIES_FROM:
        return window
    found = _most_told(conn, one, window.end - HOUR, until)
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, text=found))


def _most_told(conn: Connection, one: JudgedMonitor, start: datetime, end: datetime) -> OneText | None:
    """The story with the most posts that are no reposts, where there are enough of them for a flood."""
    groups = [
        group
        for group in groups_in(conn, one.id, start, end, MOST_TEXTS)
        if group.signature and not group.repost
    ]
    if sum(group.count for group in groups) < COPIES_FROM:
        return None
    story, posts = stories_of(groups, one.known_texts), Counter[int]()
    for group in groups:
        posts[story[group.signature]] += group.count
    told = min(posts, key=lambda name: (-posts[name], name), default=0)
    if posts[told] < COPIES_FROM:
        return None
    texts = [signature for signature, leader in story.items() if leader == told]
    return OneText(_people(conn, one.id, start, end, texts), posts[told])


def _people(conn: Connection, monitor_id: str, start: datetime, end: datetime, texts: Sequence[int]) -> int:
    """The authors of these texts. Items without an author count as one of each source: they are not so many people."""
    asked = span_of(monitor_id, start, end) | {"texts": texts}
    return sum(int(conn.execute(one, asked).scalar_one()) for one in _who_tells())


@cache
def _who_tells() -> tuple[Select[int], Select[int]]:
    """The statements of `_people`: for the authors, and for the sources of items without one."""
    m = s.matches
    told = m.c.signature.in_(bindparam("texts", expanding=True))
    here = (within_a_span(), m.c.repost.is_(False), told)
    return (
        select(func.count(m.c.author.distinct())).where(*here),
        select(func.count(m.c.source.distinct())).where(*here, m.c.author.is_(None)),
    )
