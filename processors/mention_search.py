"""Search of stored mentions by filters and words, one page at a time, the newest first. The API and the page share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Text,
    and_,
    literal_column,
    or_,
    select,
    type_coerce,
)

from tocsin.core.clock import minute_of
from tocsin.core.sentences import Sentence
from tocsin.store import schema as s
from tocsin.store.search import SearchPhrase, is_rare, matching, within

LONGEST: Final = timedelta(seconds=4)
"""How long a search may take: readers hold no snapshot for over five seconds."""

# The matches of a monitor that are looked at together.
CHUNK: Final = 500

BY_WHOM: Final = ("person", "part", "brand")
"""Who or what found a label that is not that of the whole text: a person; the part about the brand; a model of corrections."""

SearchKey = tuple[datetime, str, str]
"""The last row of the page before: created_at, source, id."""

SEARCH_KEY: Final = (datetime, str, str)
"""Its kinds, for `tocsin.core.cursor`."""


@dataclass(frozen=True, slots=True)
class MentionFilter:
    """What a mention must be; None or empty asks for nothing. The span is [since, until)."""

    monitor_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    label: str | None = None
    lang: str | None = None
    network: str | None = None
    source: str | None = None
    # Pairs of a facet and a value: the mention must have each.
    facets: Sequence[tuple[str, str]] = ()
    phrases: Sequence[SearchPhrase] = ()
    # One of `BY_WHOM`, of a monitor's mentions.
    by: str | None = None


def search_mentions(
    conn: Connection, criteria: MentionFilter, after: SearchKey | None, limit: int
) -> Sequence[Row[Any]]:
    """Up to `limit` mentions (`schema.mention_columns`), the newest first, then by source and id.

    Raises `WrongInput` where that takes longer than `LONGEST`.
    """
    with within(conn, LONGEST, Sentence("narrow it by monitor, from or to")) as look:
        rare = bool(criteria.phrases) and is_rare(conn, criteria.phrases)
        if criteria.monitor_id is None or rare:
            return _search_all(conn, criteria, after, limit, rare=rare)
        return _search_monitor(conn, criteria, after, limit, look)


def _search_all(
    conn: Connection, criteria: MentionFilter, after: SearchKey | None, limit: int, *, rare: bool
) -> Sequence[Row[Any]]:
    """Start from the words where they are rare, else from the newest mention."""
    m, x = s.mentions, s.matches
    statement = _filtered(select(*s.mention_columns), m, criteria, after)
    if criteria.phrases:
        statement = statement.where(matching(conn, criteria.phrases, rare=rare))
    if criteria.monitor_id is not None:
        minute = m.c.created_at.cast(BigInteger) // literal_column("60000000", BigInteger)
        own = select(x.c.id).where(
            x.c.monitor_id == criteria.monitor_id,
            x.c.source == m.c.source,
            x.c.id == m.c.id,
            # The minute before, too: engines round differently before 1970.
            x.c.minute.between(minute - 1, minute),
            *_toward(criteria),
        )
        statement = statement.where(own.correlate(m).exists())
    if rare:
        # With an offset a planner keeps them apart: all the few first, then their order. It would rather begin with the newest.
        few = statement.offset(0).subquery()
        return conn.execute(
            select(few).order_by(few.c.created_at.desc(), few.c.source, few.c.id).limit(limit)
        ).all()
    return conn.execute(statement.order_by(m.c.created_at.desc(), m.c.source, m.c.id).limit(limit)).all()


def _search_monitor(
    conn: Connection,
    criteria: MentionFilter,
    after: SearchKey | None,
    limit: int,
    look: Callable[[], None],
) -> Sequence[Row[Any]]:
    """Start from the monitor's newest match. Where words are asked for, go on in chunks until enough mentions say them."""
    x = s.matches
    chunk = CHUNK if criteria.phrases else limit
    found: list[Row[Any]] = []
    while True:
        look()
        own = select(x.c.source, x.c.id, x.c.created_at)
        own = own.where(x.c.monitor_id == criteria.monitor_id, *_toward(criteria))
        if criteria.since is not None:
            own = own.where(x.c.minute >= minute_of(criteria.since))
        if criteria.until is not None:
            own = own.where(x.c.minute <= minute_of(criteria.until))
        if after is not None:
            own = own.where(x.c.minute <= minute_of(after[0]))
        # The columns of the index, then those that it lacks.
        order = (x.c.minute.desc(), x.c.created_at.desc(), x.c.source, x.c.id)
        keys = conn.execute(_filtered(own, x, criteria, after).order_by(*order).limit(chunk)).all()
        found += _fetch(conn, keys, criteria)
        if len(keys) < chunk or len(found) >= limit:
            return found[:limit]
        after = search_key(keys[-1])


def _fetch(conn: Connection, keys: Sequence[Row[Any]], criteria: MentionFilter) -> Iterator[Row[Any]]:
    """Those of these mentions that say the words asked for, in the order of the keys."""
    m = s.mentions
    by_source: dict[str, list[str]] = {}
    for key in keys:
        by_source.setdefault(key.source, []).append(key.id)
    rows = {}
    for source, ids in by_source.items():
        statement = select(*s.mention_columns).where(
            m.c.source == source,
            m.c.id.in_(ids),
            # The days to look in.
            m.c.created_at.between(keys[-1].created_at, keys[0].created_at),
        )
        if criteria.phrases:
            statement = statement.where(matching(conn, criteria.phrases, rare=False))
        rows.update({(row.source, row.id): row for row in conn.execute(statement)})
    return (rows[key.source, key.id] for key in keys if (key.source, key.id) in rows)


def _toward(criteria: MentionFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions on the label toward the monitor's brand."""
    x = s.matches.c
    if criteria.label:
        yield x.label == criteria.label
    if criteria.by == "brand":
        yield x.scored_by.startswith("brand-")
    elif criteria.by:
        yield x.scored_by == criteria.by


def _filtered(
    statement: Select[Any], table: Table, criteria: MentionFilter, after: SearchKey | None
) -> Select[Any]:
    """Add the conditions on columns that `mentions` and `matches` both have, and the end of the page before."""
    c = table.c
    if criteria.since is not None:
        statement = statement.where(c.created_at >= criteria.since)
    if criteria.until is not None:
        statement = statement.where(c.created_at < criteria.until)
    # Where a monitor is asked for, the label that counts is that toward its brand.
    of_the_text = (c.label,) if criteria.monitor_id is None else ()
    for column in (*of_the_text, c.lang, c.network, c.source):
        value = getattr(criteria, column.name)
        if value:
            statement = statement.where(column == value)
    for facet, value in criteria.facets:
        # A list is kept as JSON, and no value holds a quotation mark.
        statement = statement.where(type_coerce(c[facet], Text).contains(f'"{value}"', autoescape=True))
    if after is not None:
        at, source, id = after
        later = and_(c.created_at == at, or_(c.source > source, and_(c.source == source, c.id > id)))
        statement = statement.where(c.created_at <= at, or_(c.created_at < at, later))
    return statement


def search_key(row: Row[Any]) -> SearchKey:
    """The cursor's key of this row."""
    return row.created_at, row.source, row.id
