"""Deletion of expired rows in bounded pieces. On PostgreSQL, mentions go as whole UTC days, because each day is a partition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_

from tocsin.store import schema as s
from tocsin.store.postgres.partitions import drop_day_before, start_of


@dataclass(frozen=True, slots=True)
class Dropped:
    """The number of dropped mentions. `day`: a whole day of them went, which locks the tables until the transaction ends."""

    mentions: int
    day: bool = False


def drop_mentions(conn: Connection, before: datetime, most: int) -> Dropped:
    """Drop mentions of UTC days that end by `before`, with their versions and matches: one day on PostgreSQL, else at most
    `most` mentions.

    A day that another transaction reads just now stays for a later call.
    """
    first_day = day_of(before)
    if conn.dialect.name == "postgresql":
        count = drop_day_before(conn, first_day)
        return Dropped(count or 0, day=count is not None)
    m = s.mentions
    doomed = [
        tuple(row)
        for row in conn.execute(select(m.c.source, m.c.id).where(m.c.created_at < first_day).limit(most))
    ]
    for table in (s.mentions, s.matches, s.mention_versions) if doomed else ():
        conn.execute(delete(table).where(tuple_(table.c.source, table.c.id).in_(doomed)))
    return Dropped(len(doomed))


def day_of(at: datetime) -> datetime:
    """The beginning of the UTC day of `at`."""
    return start_of(at.astimezone(UTC).date())


def drop_some(conn: Connection, table: Table, expired: ColumnElement[bool], most: int) -> int:
    """Drop up to `most` rows for which `expired` is true. Returns the number of dropped rows."""
    key = tuple(table.primary_key.columns)
    doomed = [tuple(row) for row in conn.execute(select(*key).where(expired).limit(most))]
    if doomed:
        conn.execute(delete(table).where(tuple_(*key).in_(doomed)))
    return len(doomed)
