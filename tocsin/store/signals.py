"""Signals as processors and the auditor hand them over to the alerts engine, which reads and marks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from tocsin.store import schema as s
from tocsin.store.port import Store


def write_signals(store: Store, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new signals in the caller's transaction. A signal that is there already stays as it is."""
    store.insert_new(conn, s.signals, rows)


def kept_working(
    conn: Connection, fingerprint: str, window_start: datetime, window_end: datetime, until: datetime
) -> Any:
    """What the newest signal up to `until` that found this window over was judged from. None: there is no such signal, or it was
    not kept.
    """
    g = s.signals.c
    query = select(g.working).where(
        g.fingerprint == fingerprint,
        g.tick <= until,
        g.window_start == window_start,
        g.window_end == window_end,
        g.state != "calm",
    )
    return conn.execute(query.order_by(g.tick.desc(), g.id).limit(1)).scalar()


def story_windows(
    conn: Connection, fingerprint: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime, float]]:
    """The windows that a story found over, in the order of their ends: each with its start, its end and its highest score. A rise
    that lasts has one start for all of its windows.

    The story is what was handled from `since` on, of the ticks up to `until`.
    """
    g = s.signals.c
    query = select(g.window_start, g.window_end, func.max(g.score)).where(
        _of_story(fingerprint, since, until)
    )
    by_window = (g.window_end, g.window_start)
    found = conn.execute(query.group_by(*by_window).order_by(*by_window))
    return [(start, end, score) for start, end, score in found]


def story_signals(conn: Connection, fingerprint: str, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """Every signal of a story, its calm included, in the order of the ticks: what was handled from `since` on, of the ticks up to
    `until`.
    """
    g = s.signals.c
    query = select(s.signals).where(g.fingerprint == fingerprint, g.handled_at >= since, g.tick <= until)
    return conn.execute(query.order_by(g.tick, g.window_end, g.id)).all()


def story_window(
    conn: Connection, fingerprint: str, since: datetime, until: datetime, end: datetime
) -> tuple[Any, datetime] | None:
    """The evidence and the tick of the newest signal of this story whose window ends at `end`; None: it has none."""
    g = s.signals.c
    query = select(g.evidence, g.tick).where(_of_story(fingerprint, since, until), g.window_end == end)
    found = conn.execute(query.order_by(g.tick.desc(), g.window_start, g.id).limit(1)).first()
    return None if found is None else (found.evidence, found.tick)


def _of_story(fingerprint: str, since: datetime, until: datetime) -> ColumnElement[bool]:
    g = s.signals.c
    return and_(g.fingerprint == fingerprint, g.handled_at >= since, g.tick <= until, g.state != "calm")
