"""The state of sources: the cursor, the figures and the last answer of each. Ingest writes it for sources that it asks; hand-over
counts here what came through a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, case, literal, or_, select, update

from tocsin.store import schema as s
from tocsin.store.statements import insert_once


def source_states(conn: Connection, names: Sequence[str] | None = None) -> dict[str, Row[Any]]:
    """The rows of `source_state` by the names of the sources; of all sources, or of those with these names that have a row."""
    query = select(s.source_state)
    if names is not None:
        query = query.where(s.source_state.c.name.in_(names))
    return {row.name: row for row in conn.execute(query)}


def reported_states(conn: Connection, prefix: str, most: int) -> list[Row[Any]]:
    """Up to `most` rows of `source_state` in the order of the names, each with `detail`: what the component `prefix` + NAME last
    reported in `health`, or None.
    """
    return list(conn.execute(_reported_states(prefix, most)).all())


@cache
def _reported_states(prefix: str, most: int) -> Select[Any]:
    """The query for this prefix, made once: every look at the sources asks it."""
    st, h = s.source_state, s.health
    # The component of a source with a very long name is another one; such a source has no detail.
    reported = st.outerjoin(h, h.c.component == literal(prefix) + st.c.name)
    return select(st, h.c.detail).select_from(reported).order_by(st.c.name).limit(most)


def last_success(conn: Connection, names: Sequence[str]) -> datetime | None:
    """When any of these sources last answered; None where none of them ever did."""
    st = s.source_state.c
    latest = select(st.last_success_at).where(st.name.in_(names), st.last_success_at.is_not(None))
    found: datetime | None = conn.execute(
        latest.order_by(st.last_success_at.desc()).limit(1)
    ).scalar_one_or_none()
    return found


def names_heard(conn: Connection) -> Sequence[str]:
    """The sources that ever brought a mention."""
    st = s.source_state.c
    return conn.execute(select(st.name).where(st.last_event_at.is_not(None))).scalars().all()


def count_received(
    conn: Connection,
    source: str,
    *,
    now: datetime,
    received: int,
    rejected: int,
    posted: tuple[datetime, datetime] | None,
) -> None:
    """Add to the figures of this source, which answered at `now`. `posted` says when the first and the last of the mentions were
    posted; None where no mention came.
    """
    st = s.source_state
    insert_once(conn, st, {"name": source, "failures": 0, "received": 0, "rejected": 0})
    values: dict[str, Any] = {
        "received": st.c.received + received,
        "rejected": st.c.rejected + rejected,
        "failures": 0,
        "last_success_at": now,
    }
    if posted is not None:
        first, last = posted
        older, newer = st.c.first_event_at, st.c.last_event_at
        earliest, latest = literal(first, older.type), literal(last, newer.type)
        values["last_news_at"] = now
        values["first_event_at"] = case((or_(older.is_(None), older > first), earliest), else_=older)
        values["last_event_at"] = case((or_(newer.is_(None), newer < last), latest), else_=newer)
    conn.execute(update(st).where(st.c.name == source).values(values))
