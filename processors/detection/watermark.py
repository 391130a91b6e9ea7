"""How far the past is known: a minute is closed once the clock has passed it and its grace, and everything that was in the
stream at that moment is stored. What holds that back for too long is closed incomplete, and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, or_, select

from tocsin.core.clock import MINUTE, minute_of, minute_start
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import listed
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.sources import COMPONENT_PREFIX
from tocsin.store import schema as s
from tocsin.store.offsets import stored
from tocsin.store.statements import insert_once

DEAF_AFTER = timedelta(minutes=10)  # no barrier for so long: nobody was there to listen
BACKLOG_AFTER = timedelta(seconds=10)  # what was in the stream then and is not stored yet is a backlog
KEPT = timedelta(days=2)
NEWEST, LOOKED_AT = 4, 70  # barriers, the newest first: more than the longest wait, an hour, can hold back

# Made once: they are asked with every look in which anything is judged.
_b, _h = s.barriers, s.health
_HERE = (_b.c.cluster == bindparam("cluster"), _b.c.topic == bindparam("topic"))
_BARRIERS = (
    select(_b.c.minute, _b.c.ends, _b.c.taken_at)
    .where(*_HERE)
    .order_by(_b.c.minute.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_pairs = (
    select(func.lag(_b.c.minute).over(order_by=_b.c.minute).label("before"), _b.c.minute)
    .where(*_HERE)
    .subquery()
)
_GAPS = (  # the first minute, without one before it, and those that came after Tocsin was not running
    select(_pairs.c.before, _pairs.c.minute)
    .where(or_(_pairs.c.before.is_(None), _pairs.c.minute - _pairs.c.before > DEAF_AFTER // MINUTE))
    .order_by(_pairs.c.minute)
)
_TROUBLED = select(_h.c.component, _h.c.state, _h.c.detail).where(
    _h.c.component.like(f"{COMPONENT_PREFIX}%"), _h.c.state.in_(["blind", "failed", "degraded"])
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of what was heard. `deaf` are spans in which nothing could be; `missing` is told with each signal."""

    deaf: Sequence[tuple[datetime, datetime]] = ()
    missing: Sequence[str] = ()

    def complete(self, start: datetime, end: datetime) -> bool:
        return not any(a < end and start < b for a, b in self.deaf)


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
    at = stored(conn, cluster, topic)
    here = {"cluster": cluster, "topic": topic}
    passed: int | None = None
    for limit in (NEWEST, LOOKED_AT):  # mostly the newest few tell all
        newest = conn.execute(_BARRIERS, {**here, "limit": limit}).all()
        passed = next((row.minute for row in newest if not _unread(row.ends, at)), None)
        if passed is not None and now - newest[-1].taken_at > BACKLOG_AFTER:
            break
    first, gaps = None, []
    for before, minute in conn.execute(_GAPS, here).all():
        if before is None:
            first = minute
        else:
            gaps.append((minute_start(before), minute_start(minute)))
    if passed is None:
        passed = 0 if first is None else first - 1
    closed = minute_start(passed)
    waited = now - grace - longest_wait
    deaf = gaps + _unheard(conn, now)
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


def _unheard(conn: Connection, now: datetime) -> list[tuple[datetime, datetime]]:
    """The span in which every source that is asked for mentions failed, if they do."""
    spans = []
    asked = [
        one for one in listed(conn, SourceDef) if one.value.enabled and source_kind(one.value.kind).asked
    ]
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
    """Sources that fail, are blind or were never heard, in words."""
    return [_in_words(row) for row in conn.execute(_TROUBLED).all()]


def _in_words(row: Any) -> str:
    name = row.component.removeprefix(COMPONENT_PREFIX)
    heard = row.detail.get("heard", True) if isinstance(row.detail, dict) else True
    return f"{name} is {row.state}" if heard or row.state == "blind" else f"{name} was never heard"
