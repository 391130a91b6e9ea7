"""A mention as a row of `mentions` and back, and the plain ways of reading stored mentions.

Every field of `Mention` is a column of the same name. The fields of its author and its engagement are columns too, named in
`AUTHOR` and `ENGAGEMENT`. A new plain field needs no line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Result, Row, and_, func, or_, select, tuple_

from tocsin.core.mention import Author, Engagement, Mention
from tocsin.store import schema as s
from tocsin.store.port import Store

HISTORY: Final = -1
"""Partitions up to this one are those of history (`processors.history`), which is in nothing that is judged."""

AUTHOR: Final = {
    "id": "author_id",
    "name": "author_name",
    "handle": "author_handle",
    "followers": "followers",
    "verified": "verified",
}
"""The columns of an author, by field of `Author`."""

ENGAGEMENT: Final = Engagement.__struct_fields__
"""The columns of an engagement, named as its fields."""

LISTS: Final = ("links", "hashtags", "media")
"""Fields of which the store keeps null instead of an empty list."""

PLAIN: Final = tuple(
    name for name in Mention.__struct_fields__ if name not in ("author", "engagement", "extra", *LISTS)
)
"""Fields that are columns as they are."""

_plain = attrgetter(*PLAIN)
_author = attrgetter(*AUTHOR)
_engagement = attrgetter(*ENGAGEMENT)
_author_columns = attrgetter(*AUTHOR.values())
_lists = attrgetter(*LISTS)
_COLUMNS: Final = (*PLAIN, *AUTHOR.values(), *ENGAGEMENT, *LISTS, "extra")
_NO_AUTHOR: Final = (None,) * len(AUTHOR)
_NO_ENGAGEMENT: Final = (None,) * len(ENGAGEMENT)


KEYS_AT_ONCE: Final = 400
"""The number of keys that one statement asks for."""

Key = tuple[str, str]
"""Source and id."""


def mention_columns(mention: Mention) -> dict[str, Any]:
    """The values of the columns that hold the fields of the mention itself, by name."""
    author, engagement = mention.author, mention.engagement
    values = (
        *_plain(mention),
        *(_author(author) if author else _NO_AUTHOR),
        *(_engagement(engagement) if engagement else _NO_ENGAGEMENT),
        *[value or None for value in _lists(mention)],
        mention.extra or None,
    )
    return dict(zip(_COLUMNS, values, strict=True))


def stored_mention(row: Row[Any]) -> Mention:
    """The mention in a row with the columns of `schema.mention_columns`. `lang` is the language that Tocsin understood."""
    figures = _engagement(row)
    values: dict[str, Any] = dict(zip(PLAIN, _plain(row), strict=True))
    values |= {name: tuple(getattr(row, name) or ()) for name in LISTS}
    return Mention(
        **values,
        author=Author(*_author_columns(row)) if row.author_id is not None else None,
        engagement=Engagement(*figures) if any(figure is not None for figure in figures) else None,
        extra=row.extra or {},
    )


def stored_rows(conn: Connection, keys: Iterable[Key]) -> dict[Key, Row[Any]]:
    """The rows of these mentions (`schema.mention_columns`) by key. Mentions that are no longer kept are absent.

    The times of the mentions are looked up first. They name the days to look in, where days lie in partitions (PostgreSQL).
    """
    m, found = s.mentions.c, dict[Key, Row[Any]]()
    for some in _pieces(keys):
        known = s.seen.c
        times = select(known.created_at).where(tuple_(known.source, known.id).in_(some)).distinct()
        days = list(conn.execute(times).scalars())
        rows = select(*s.mention_columns).where(m.created_at.in_(days), tuple_(m.source, m.id).in_(some))
        found |= {(row.source, row.id): row for row in conn.execute(rows)}
    return found


def seen(conn: Connection, keys: Iterable[Key]) -> dict[Key, bool]:
    """The mentions among these that were ever stored, and for each whether some monitor matches it."""
    known, found = s.seen.c, dict[Key, bool]()
    for some in _pieces(keys):
        rows = select(known.source, known.id, known.matched).where(tuple_(known.source, known.id).in_(some))
        found |= {(row.source, row.id): row.matched for row in conn.execute(rows)}
    return found


def identities(conn: Connection, keys: Iterable[Key]) -> dict[Key, Row[Any]]:
    """Of the mentions among these that were ever stored: source, id, created_at, and the hash of the version that counts. They
    stay when a mention is erased.
    """
    known, found = s.seen.c, dict[Key, Row[Any]]()
    for some in _pieces(keys):
        query = select(known.source, known.id, known.created_at, known.hash)
        rows = conn.execute(query.where(tuple_(known.source, known.id).in_(some)))
        found |= {(row.source, row.id): row for row in rows}
    return found


def newest_rows(
    conn: Connection, limit: int, *, since: datetime | None = None, source: str | None = None
) -> Result[Any]:
    """Up to `limit` rows (`schema.mention_columns`), the newest first. `since` and `source` limit them further."""
    m = s.mentions.c
    query = select(*s.mention_columns).order_by(m.created_at.desc()).limit(limit)
    if since is not None:
        query = query.where(m.created_at >= since)
    if source is not None:
        query = query.where(m.source == source)
    return conn.execution_options(stream_results=True).execute(query)


def sampled_rows(
    conn: Connection, limit: int, *, since: datetime | None = None, source: str | None = None
) -> Result[Any]:
    """Up to `limit` rows of `samples`, the newest first: the kept part of the mentions that match nothing. `since` and `source`
    limit them further.
    """
    t = s.samples
    query = select(t).order_by(t.c.created_at.desc()).limit(limit)
    if since is not None:
        query = query.where(t.c.created_at >= since)
    if source is not None:
        query = query.where(t.c.source == source)
    return conn.execution_options(stream_results=True).execute(query)


def count_and_span(
    conn: Connection, since: datetime | None = None
) -> tuple[int, datetime | None, datetime | None]:
    """The number of stored mentions (since a time), and the times at which the first and the last of them were posted."""
    m = s.mentions.c
    query = select(func.count(), func.min(m.created_at), func.max(m.created_at))
    count, first, last = conn.execute(query if since is None else query.where(m.created_at >= since)).one()
    return count, first, last


def oldest_first(store: Store, at_once: int = 2000, since: datetime | None = None) -> Iterator[Mention]:
    """Every current version (since a time), ordered by the time at which it was posted. Each `at_once` of them have a snapshot
    of their own, so that no snapshot is held for long.
    """
    m = s.mentions.c
    query = select(*s.mention_columns).order_by(m.created_at, m.source, m.id).limit(at_once)
    page = query if since is None else query.where(m.created_at >= since)
    while True:
        with store.read() as conn:
            rows = conn.execute(page).all()
        yield from map(stored_mention, rows)
        if not rows:
            return
        at, source, id = rows[-1].created_at, rows[-1].source, rows[-1].id
        later = and_(m.created_at == at, or_(m.source > source, and_(m.source == source, m.id > id)))
        page = query.where(m.created_at >= at, or_(m.created_at > at, later))


def matched_rows(conn: Connection) -> Result[Any]:
    """A row for each mention and monitor that matches it (`schema.mention_columns`, with `monitor_id`, the label `own` toward the
    monitor, `scored_by` and `gist`), by the time of the mention, its source and id, and the monitor's id.
    """
    m, t = s.mentions, s.matches
    query = (
        select(*s.mention_columns, t.c.monitor_id, t.c.label.label("own"), t.c.scored_by, t.c.gist)
        .join(t, and_(t.c.source == m.c.source, t.c.id == m.c.id, t.c.created_at == m.c.created_at))
        .order_by(m.c.created_at, m.c.source, m.c.id, t.c.monitor_id)
    )
    return conn.execute(query.execution_options(yield_per=2000))


def _pieces(keys: Iterable[Key]) -> Iterator[list[Key]]:
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), KEYS_AT_ONCE):
        yield unique[start : start + KEYS_AT_ONCE]
