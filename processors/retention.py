"""Retention: samples stay a day, authors by name a month, mentions a season, tallies two years. Each time is a setting.

Each call does a bounded piece of work, so that it fits into a short transaction. Call it until nothing is left to do.
Mentions go by whole UTC days (`tocsin.store.expiry`). Only erasure (`processors.erasure`) deletes mentions besides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, literal, or_, select, update

from processors.pseudonyms import PSEUDONYM, key_of_pseudonyms, pseudonym
from tocsin.core.clock import minute_of, minute_start
from tocsin.health.gaps import forget_gaps
from tocsin.intake.dead_letters import drop_dead_letters, oldest_letter
from tocsin.intake.pushes import drop_pushes
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.expiry import day_of, drop_mentions, drop_some
from tocsin.store.search import index_missing

PIECE: Final = 500
COUNTED: Final = 100_000
"""Rows past their time are counted up to here."""
# An identity is kept for so much longer than any mention that may still arrive.
IDENTITY_MARGIN: Final = timedelta(days=30)

SAMPLES, MENTIONS, AUTHORS, TALLIES = "samples", "mentions", "authors", "tallies"
IDENTITIES, LETTERS, BATCHES, READINGS, GAPS = "identities", "dead_letters", "batches", "readings", "gaps"
SEARCHABLE: Final = "searchable"
"""Mentions of older code that were made searchable. A run does this besides, and it takes nothing out."""


def take_out(conn: Connection, now: datetime, settings: Settings) -> dict[str, int]:
    """Drop or pseudonymise up to `PIECE` rows of each kind that are past their time at `now`. Return the number of rows by kind.

    The call also makes mentions searchable that older code stored. Where each day of mentions has a partition of its own, the
    call drops one day and does nothing else, because that locks the tables. A day that somebody is reading waits for a later
    call.
    """
    ends = Ends.at(now, settings)
    dropped = drop_mentions(conn, ends.mentions, PIECE)
    if dropped.day:
        return {MENTIONS: max(dropped.mentions, 1)}
    r, a = s.readings.c, s.amendments.c
    return {
        SAMPLES: drop_some(conn, s.samples, s.samples.c.created_at < ends.samples, PIECE),
        MENTIONS: dropped.mentions,
        IDENTITIES: drop_some(conn, s.seen, s.seen.c.created_at < ends.identities, PIECE),
        LETTERS: drop_dead_letters(conn, ends.mentions, PIECE),
        BATCHES: drop_pushes(conn, ends.mentions, PIECE),
        TALLIES: drop_some(conn, s.tallies, s.tallies.c.minute < minute_of(ends.tallies), PIECE)
        + drop_some(conn, s.tally_parts, s.tally_parts.c.minute < minute_of(ends.tallies), PIECE),
        READINGS: drop_some(conn, s.readings, r.window_start < ends.tallies, PIECE)
        + drop_some(conn, s.amendments, a.window_start < ends.tallies, PIECE),
        GAPS: forget_gaps(conn, ends.tallies, PIECE),
        AUTHORS: _pseudonymise(conn, ends.authors),
        SEARCHABLE: index_missing(conn, PIECE),
    }


@dataclass(frozen=True, slots=True)
class Ends:
    """Up to when the rows of each kind are past their time."""

    samples: datetime
    authors: datetime
    mentions: datetime
    identities: datetime
    tallies: datetime

    @classmethod
    def at(cls, now: datetime, settings: Settings) -> Ends:
        kept = settings.retention
        longest = max(kept.mentions_days, settings.ingest.max_age_days)
        return cls(
            samples=now - timedelta(hours=kept.sample_hours),
            authors=now - timedelta(days=kept.authors_days),
            mentions=now - timedelta(days=kept.mentions_days),
            identities=now - timedelta(days=longest) - IDENTITY_MARGIN,
            tallies=now - timedelta(days=kept.tallies_days),
        )


@dataclass(frozen=True, slots=True)
class KeptFor:
    """How long a kind of row is kept, and the oldest that is there. `goes_at`: when that one is past its time."""

    kind: str
    kept: timedelta
    setting: str
    oldest: datetime | None = None
    goes_at: datetime | None = None


def kept_for(conn: Connection, now: datetime, settings: Settings) -> list[KeptFor]:
    """How long each kind of row is kept. The oldest is looked up where an index has it at once: not for names of authors."""
    kept, ends = settings.retention, Ends.at(now, settings)
    day, hour = timedelta(days=1), timedelta(hours=1)
    oldest = {
        SAMPLES: _least(conn, s.samples.c.created_at),
        MENTIONS: _least(conn, s.mentions.c.created_at),
        LETTERS: oldest_letter(conn),
        TALLIES: _minute(_least(conn, s.tallies.c.minute)),
    }
    found = [
        KeptFor(SAMPLES, kept.sample_hours * hour, "retention.sample_hours", oldest[SAMPLES]),
        KeptFor(AUTHORS, kept.authors_days * day, "retention.authors_days"),
        KeptFor(MENTIONS, kept.mentions_days * day, "retention.mentions_days", oldest[MENTIONS]),
        KeptFor(LETTERS, kept.mentions_days * day, "retention.mentions_days", oldest[LETTERS]),
        KeptFor(TALLIES, kept.tallies_days * day, "retention.tallies_days", oldest[TALLIES]),
        KeptFor(IDENTITIES, now - ends.identities, "retention.mentions_days, ingest.max_age_days"),
    ]
    return [replace(one, goes_at=_goes(one)) for one in found]


def _goes(one: KeptFor) -> datetime | None:
    """Mentions go when the whole UTC day is past its time."""
    if one.oldest is None:
        return None
    if one.kind != MENTIONS:
        return one.oldest + one.kept
    return day_of(one.oldest) + timedelta(days=1) + one.kept


def count_due(conn: Connection, now: datetime, settings: Settings) -> dict[str, int]:
    """The rows past their time by kind, each counted up to `COUNTED`, where an index counts them at once."""
    ends, t = Ends.at(now, settings), s.tallies.c.minute
    mentions_from = day_of(ends.mentions)
    due: dict[str, tuple[Table, ColumnElement[bool]]] = {
        SAMPLES: (s.samples, s.samples.c.created_at < ends.samples),
        MENTIONS: (s.mentions, s.mentions.c.created_at < mentions_from),
        TALLIES: (s.tallies, t < minute_of(ends.tallies)),
    }
    found = {kind: _count(conn, table, past) for kind, (table, past) in due.items()}
    return {kind: n for kind, n in found.items() if n}


def _count(conn: Connection, table: Table, past: ColumnElement[bool]) -> int:
    some = select(literal(1)).select_from(table).where(past).limit(COUNTED).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _least(conn: Connection, column: Column[Any]) -> Any:
    return conn.execute(select(column).order_by(column).limit(1)).scalar_one_or_none()


def _minute(minute: int | None) -> datetime | None:
    return None if minute is None else minute_start(minute)


def _pseudonymise(conn: Connection, before: datetime) -> int:
    m = s.mentions
    # Not LIKE, which ignores case on one engine. An author who calls himself a pseudonym still has a name or a handle.
    plain = func.substr(m.c.author_id, 1, len(PSEUDONYM)) != PSEUDONYM
    told = or_(plain, m.c.author_name.is_not(None), m.c.author_handle.is_not(None))
    named = and_(m.c.created_at < before, m.c.author_id.is_not(None), told)
    rows = conn.execute(
        select(m.c.source, m.c.id, m.c.created_at, m.c.network, m.c.author_id).where(named).limit(PIECE)
    ).all()
    key = key_of_pseudonyms(conn) if rows else b""
    for row in rows:
        name = pseudonym(key, row.network or row.source, row.author_id)
        conn.execute(
            update(m)
            .where(m.c.source == row.source, m.c.id == row.id, m.c.created_at == row.created_at)
            .values(author_id=name, author_name=None, author_handle=None, verified=None)
        )
    return len(rows)
