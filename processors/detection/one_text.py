"""The most told text of an hour: how many tell it, in their own name.

For the windows that close at many monitors in one turn, the store is asked at once. Asked for one by one, the way of a statement
would cost more than what it brings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, func, select

from processors.detection.copies import COPIES_FROM, MONITOR, groups_in, span_of, within_a_span
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.flood import in_the_hour
from processors.signals.types import OneText, Reading, WindowCounts
from processors.understand.stories import CopiedText, folded
from tocsin.core.clock import HOUR
from tocsin.store import schema as s
from tocsin.store.statements import among_given, once_for_each_engine

# The texts of an hour that are compared, the most copied first.
MOST_TEXTS = 500
# Monitors with more mentions in the hour are asked for alone. Of the others so many are asked for at once. A statement that
# brings more rows, because many mentions came late, is not used.
FEW, AT_ONCE = 100, 100
MOST_ROWS = FEW * AT_ONCE


class _Told(msgspec.Struct, frozen=True):
    """The most told text of the hour that ends at `until`."""

    until: datetime
    text: OneText | None


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
    told: _Told | None = standing.told
    if told is not None and told.until == until:
        found = told.text
    else:
        groups = groups_in(conn, one.id, window.end - HOUR, until, MOST_TEXTS)
        texts = [
            CopiedText(group.signature, group.gist, group.count)
            for group in groups
            if group.signature and not group.repost
        ]
        found = _most_told(conn, one, window.end - HOUR, until, texts)
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, text=found))


def hear_together(conn: Connection, closing: Sequence[tuple[JudgedMonitor, Standing, WindowCounts]]) -> None:
    """Ask for the hours that end with these windows, and keep each answer in the standing, for `hear`."""
    by_end: dict[datetime, list[tuple[JudgedMonitor, Standing]]] = {}
    for one, standing, window in closing:
        standing.told = None
        if COPIES_FROM <= in_the_hour(standing.state, window) <= FEW:
            by_end.setdefault(window.end, []).append((one, standing))
    for end, asked in by_end.items():
        for place in range(0, len(asked), AT_ONCE):
            some = asked[place : place + AT_ONCE]
            texts = texts_told(conn, [one.id for one, _ in some], end - HOUR, end)
            for one, standing in some:
                if one.id in texts:
                    found = _most_told(conn, one, end - HOUR, end, texts[one.id])
                    standing.told = _Told(end, found)


def texts_told(
    conn: Connection, monitors: Sequence[str], start: datetime, end: datetime, most: int = MOST_ROWS
) -> dict[str, list[CopiedText]]:
    """The texts of the mentions of these monitors in [start, end), reposts apart, by monitor. A monitor with more than
    `MOST_TEXTS` mentions is left out, and so are all where they have more than `most` together.
    """
    rows = conn.execute(_texts_of_many(conn), span_of(monitors, start, end) | {"most": most + 1}).all()
    if len(rows) > most:
        return {}
    mentions: dict[str, list[Any]] = {one: [] for one in monitors}
    for row in rows:
        mentions[row[0]].append(row)
    return {one: _copied(some) for one, some in mentions.items() if len(some) <= MOST_TEXTS}


def _copied(mentions: Iterable[Any]) -> list[CopiedText]:
    told = Counter((signature, gist) for _, signature, gist, repost in mentions if signature and not repost)
    return [CopiedText(signature, gist, count) for (signature, gist), count in told.items()]


@once_for_each_engine
def _texts_of_many(conn: Connection) -> Select[Any]:
    m = s.matches
    here = within_a_span(mine=among_given(conn, m.c.monitor_id, MONITOR))
    return select(m.c.monitor_id, m.c.signature, m.c.gist, m.c.repost).where(here).limit(bindparam("most"))


def _most_told(
    conn: Connection, one: JudgedMonitor, start: datetime, end: datetime, texts: Sequence[CopiedText]
) -> OneText | None:
    """The story with the most of these posts, where there are enough of them for a flood."""
    if sum(text.count for text in texts) < COPIES_FROM:
        return None
    story, posts = folded(texts, one.known_texts), Counter[int]()
    for text in texts:
        posts[story[text.signature]] += text.count
    told = min(posts, key=lambda name: (-posts[name], name), default=0)
    if posts[told] < COPIES_FROM:
        return None
    copies = [signature for signature, leader in story.items() if leader == told]
    return OneText(_people(conn, one.id, start, end, copies), posts[told])


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
