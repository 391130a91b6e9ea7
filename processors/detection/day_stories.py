"""The story that each mention of a list belongs to: what other mentions of its monitor tell on the same day (UTC).

A day is a span that does not depend on the list, so a mention has the same story and the same count on every page and for every
reader, until further copies come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from processors.detection.copies import groups_in, stories_of
from tocsin.core.clock import DAY
from tocsin.store import schema as s
from tocsin.store.mentions import Key


@dataclass(frozen=True, slots=True)
class DayStory:
    """A story of a monitor and a day. `count` mentions tell it, at least two. `day` is its beginning."""

    story: str
    count: int
    day: datetime


def day_stories(conn: Connection, monitor_id: str, rows: Sequence[Row[Any]]) -> dict[Key, DayStory]:
    """By mention, its story; a mention that tells what no other does has none. `rows` have source, id and created_at."""
    found: dict[Key, DayStory] = {}
    days: dict[datetime, list[Row[Any]]] = {}
    for row in rows:
        days.setdefault(_day(row.created_at), []).append(row)
    for day, some in days.items():
        groups = groups_in(conn, monitor_id, day, day + DAY)
        story, count = stories_of(groups), Counter[int]()
        for one in groups:
            if one.signature:
                count[story[one.signature]] += one.count
        for key, signature in _signatures(conn, monitor_id, some).items():
            told = story.get(signature)
            if told and count[told] > 1:
                found[key] = DayStory(f"{told:016x}", count[told], day)
    return found


def _signatures(conn: Connection, monitor_id: str, rows: Sequence[Row[Any]]) -> dict[Key, int]:
    t, by_source = s.matches.c, dict[str, list[str]]()
    for row in rows:
        by_source.setdefault(row.source, []).append(row.id)
    return {
        (one.source, one.id): one.signature
        for source, ids in by_source.items()
        for one in conn.execute(
            select(t.source, t.id, t.signature).where(
                t.monitor_id == monitor_id, t.source == source, t.id.in_(ids)
            )
        )
    }


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
