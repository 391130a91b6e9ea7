"""How far the past is known: a minute is closed once the clock has passed it and its grace, and everything that was in the
stream at that moment is stored. What holds that back for too long is closed incomplete, and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from processors.detect import Coverage
from tocsin.core.clock import MINUTE, minute_of, minute_start
from tocsin.definitions import SourceDef
from tocsin.store import schema as s
from tocsin.store.bulk import insert_once
from tocsin.store.defined import listed
from tocsin.store.offsets import stored

DEAF_AFTER = timedelta(minutes=10)  # no barrier for so long: nobody was there to listen
BACKLOG_AFTER = timedelta(seconds=10)  # what was in the stream then and is not stored yet is a backlog
KEPT = timedelta(days=2)
LOOKED_AT = 70  # barriers, the newest first: more than the longest wait, an hour, can hold back


@dataclass(frozen=True, slots=True)
class Watermark:
    """`closed_until`: everything posted before it, and heard in time, is stored. `coverage`: where nothing could be heard."""

    closed_until: datetime
    coverage: Coverage


def take_barrier(
    conn: Connection, cluster: str, topic: str, until: datetime, ends: Mapping[int, int], now: datetime
) -> None:
    """Remember the stream's ends as they are now, as what must be stored before the minutes up to `until` are closed."""
    b = s.barriers
    minute = minute_of(until)
    row = {
        "cluster": cluster,
        "topic": topic,
        "minute": minute,
        "taken_at": now,
        "ends": {str(p): end for p, end in ends.items()},
    }
    if insert_once(conn, b, row):  # several tickers take one barrier
        conn.execute(delete(b).where(b.c.cluster == cluster, b.c.minute < minute_of(now - KEPT)))


def watermark(
    conn: Connection, cluster: str, topic: str, now: datetime, grace: timedelta, longest_wait: timedelta
) -> Watermark:
    """The newest minute whose barrier everything stored has passed; past `longest_wait` the clock alone decides."""
    b = s.barriers
    at = stored(conn, cluster, topic)
    here = (b.c.cluster == cluster, b.c.topic == topic)
    newest = conn.execute(
        select(b.c.minute, b.c.ends, b.c.taken_at).where(*here).order_by(b.c.minute.desc()).limit(LOOKED_AT)
    ).all()
    first = conn.execute(select(func.min(b.c.minute)).where(*here)).scalar_one()
    passed = (row.minute for row in newest if all(at.get(int(p), 0) >= end for p, end in row.ends.items()))
    closed = minute_start(next(passed, 0 if first is None else first - 1))
    waited = now - grace - longest_wait
    deaf = _deaf(conn, cluster, topic, now)
    missing = _missing(conn)
    if first is not None and closed < waited:  # the stream holds it back: go on without, and say so
        deaf.append((closed, waited))
        missing.append(f"processing is {int((now - closed).total_seconds() // 60)} minutes behind")
        closed = waited
    unread = next((_unread(row.ends, at) for row in newest if now - row.taken_at > BACKLOG_AFTER), 0)
    if unread:  # in a storm an alert goes out before everything is counted: that is said with it
        missing.append(
            f"{unread:,} records of the stream wait to be read: there is more than is counted here"
        )
    return Watermark(closed, Coverage(deaf=deaf, missing=missing))


def _unread(ends: Mapping[str, int], at: Mapping[int, int]) -> int:
    """Records before a barrier's ends that are not stored."""
    return sum(max(0, end - at.get(int(p), 0)) for p, end in ends.items())


def _deaf(conn: Connection, cluster: str, topic: str, now: datetime) -> list[tuple[datetime, datetime]]:
    """Spans in which Tocsin was not running, or every source that is asked for mentions failed."""
    b = s.barriers
    before = func.lag(b.c.minute).over(order_by=b.c.minute).label("before")
    pairs = select(before, b.c.minute).where(b.c.cluster == cluster, b.c.topic == topic).subquery()
    gaps = conn.execute(
        select(pairs.c.before, pairs.c.minute)
        .where(pairs.c.minute - pairs.c.before > DEAF_AFTER // MINUTE)
        .order_by(pairs.c.minute)
    ).all()
    spans = [(minute_start(before), minute_start(minute)) for before, minute in gaps]
    asked = [one for one in listed(conn, SourceDef) if one.value.enabled and one.value.kind != "push"]
    if asked:
        st = s.source_state
        names = [one.name for one in asked]
        heard = [
            row.last_success_at
            for row in conn.execute(select(st.c.name, st.c.last_success_at).where(st.c.name.in_(names)))
            if row.last_success_at is not None
        ]
        latest = max(heard, default=None)
        if latest is not None and now - latest > DEAF_AFTER:
            spans.append((latest, now + MINUTE))
    return spans


def _missing(conn: Connection) -> list[str]:
    """Sources that fail or are blind now, in words."""
    h = s.health
    rows = conn.execute(
        select(h.c.component, h.c.state).where(
            h.c.component.like("source:%"), h.c.state.in_(["blind", "failed", "degraded"])
        )
    )
    return [f"{row.component.removeprefix('source:')} is {row.state}" for row in rows]
