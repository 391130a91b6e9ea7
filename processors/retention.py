"""Retention: samples stay a day, authors by name a month, mentions a season, tallies two years. Each time is a setting.

Each call does a bounded piece of work, so that it fits into a short transaction. Call it until nothing is left to do.
Mentions go by whole UTC days (`tocsin.store.expiry`). Only erasure (`processors.erasure`) deletes mentions besides.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, func, or_, select, update

from processors.pseudonyms import PSEUDONYM, key_of_pseudonyms, pseudonym
from tocsin.core.clock import minute_of
from tocsin.health.gaps import forget_gaps
from tocsin.intake.dead_letters import drop_dead_letters
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.expiry import drop_mentions, drop_some
from tocsin.store.search import index_missing

PIECE: Final = 500
# An identity is kept for so much longer than any mention that may still arrive.
IDENTITY_MARGIN: Final = timedelta(days=30)


def drop_expired(conn: Connection, now: datetime, settings: Settings) -> int:
    """Drop or pseudonymise up to `PIECE` rows of each kind that are past their time at `now`. Return the number of rows.

    The call also makes mentions searchable that older code stored. Where each day of mentions has a partition of its own, the
    call drops one day and does nothing else, because that locks the tables. A day that somebody is reading waits for a later
    call.
    """
    kept = settings.retention
    mentions_from = now - timedelta(days=kept.mentions_days)
    dropped = drop_mentions(conn, mentions_from, PIECE)
    if dropped.day:
        return max(dropped.mentions, 1)
    tallies_from = minute_of(now - timedelta(days=kept.tallies_days))
    identities_from = (
        now - timedelta(days=max(kept.mentions_days, settings.ingest.max_age_days)) - IDENTITY_MARGIN
    )
    return sum(
        (
            drop_some(
                conn, s.samples, s.samples.c.created_at < now - timedelta(hours=kept.sample_hours), PIECE
            ),
            dropped.mentions,
            drop_some(conn, s.seen, s.seen.c.created_at < identities_from, PIECE),
            drop_dead_letters(conn, mentions_from, PIECE),
            drop_some(conn, s.batches, s.batches.c.at < mentions_from, PIECE),
            drop_some(conn, s.tallies, s.tallies.c.minute < tallies_from, PIECE),
            drop_some(conn, s.tally_parts, s.tally_parts.c.minute < tallies_from, PIECE),
            drop_some(
                conn, s.readings, s.readings.c.window_start < now - timedelta(days=kept.tallies_days), PIECE
            ),
            forget_gaps(conn, now - timedelta(days=kept.tallies_days), PIECE),
            _pseudonymise(conn, now - timedelta(days=kept.authors_days)),
            index_missing(conn, PIECE),
        )
    )


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
