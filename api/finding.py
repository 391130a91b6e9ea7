"""Finding mentions: what may be asked for, and one page of what is found, the newest first. The API and the page share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from tocsin.core.clock import from_micros, minute_of, to_micros
from tocsin.store import schema as s
from tocsin.store.search import Phrase, matching, within

LONGEST: Final = timedelta(seconds=4)
"""How long a search may take: readers hold no snapshot for over five seconds."""

After = tuple[int, str, str]
"""The last row of the page before: created_at in microseconds, source, id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of this must hold; None or empty asks for nothing. Times are [since, until)."""

    monitor_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    label: str | None = None
    lang: str | None = None
    network: str | None = None
    source: str | None = None
    says: Sequence[Phrase] = ()


def find_mentions(conn: Connection, wanted: Wanted, after: After | None, limit: int) -> Sequence[Row[Any]]:
    """Up to `limit` mentions (`schema.mention_columns`), the newest first, then by source and id.

    Raises `WrongInput` where that takes longer than `LONGEST`.
    """
    m, x = s.mentions, s.matches
    statement = select(*s.mention_columns)
    first: list[ColumnElement[Any]] = [m.c.created_at.desc()]
    if wanted.monitor_id is not None:
        # The index that serves: by minute within the monitor. Times are equal: by them PostgreSQL finds the day.
        same = and_(x.c.source == m.c.source, x.c.id == m.c.id, x.c.created_at == m.c.created_at)
        statement = statement.join(x, same).where(x.c.monitor_id == wanted.monitor_id)
        first = [x.c.minute.desc(), m.c.created_at.desc()]
        if wanted.since is not None:
            statement = statement.where(x.c.minute >= minute_of(wanted.since))
        if wanted.until is not None:
            statement = statement.where(x.c.minute <= minute_of(wanted.until))
        if after is not None:
            statement = statement.where(x.c.minute <= minute_of(from_micros(after[0])))
    if wanted.since is not None:
        statement = statement.where(m.c.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(m.c.created_at < wanted.until)
    for column in (m.c.label, m.c.lang, m.c.network, m.c.source):
        value = getattr(wanted, column.name)
        if value:
            statement = statement.where(column == value)
    if wanted.says:
        statement = statement.where(matching(conn.dialect.name, wanted.says))
    if after is not None:
        at, source, id = from_micros(after[0]), after[1], after[2]
        later = and_(m.c.created_at == at, or_(m.c.source > source, and_(m.c.source == source, m.c.id > id)))
        statement = statement.where(m.c.created_at <= at, or_(m.c.created_at < at, later))
    statement = statement.order_by(*first, m.c.source, m.c.id).limit(limit)
    with within(conn, LONGEST, "narrow it by monitor, from or to"):
        return conn.execute(statement).all()


def key_of(row: Row[Any]) -> After:
    """Where the page after this row goes on."""
    return to_micros(row.created_at), row.source, row.id
