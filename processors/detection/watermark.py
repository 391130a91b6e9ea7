"""The watermark: how far the past is known. A minute is closed once the clock has passed it and its grace, and the store holds
everything that was in the stream at that moment. A minute held back for too long is closed as incomplete, and Tocsin says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, or_, select

from processors.detection.blindness import blind_spans
from processors.detection.coverage import Coverage, Span
from tocsin.core.clock import CLOCKS_APART, MINUTE, minute_of, minute_start
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import listed
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.gaps import gaps_since
from tocsin.health.report import told_of_source, troubled_sources
from tocsin.store import schema as s
from tocsin.store.offsets import stored
from tocsin.store.source_state import last_success
from tocsin.store.statements import insert_once

# Without a barrier for so long, nobody was there to listen.
DEAF_AFTER = timedelta(minutes=10)
# Records that were in the stream so long ago and are not stored yet are a backlog.
BACKLOG_AFTER = timedelta(seconds=10)
KEPT = timedelta(days=2)
# Gaps that are over are told with signals for so long, the newest so many.
LATELY, MOST_TOLD = timedelta(hours=6), 10
# Barriers to read, the newest first: first a few, then more than the longest wait, an hour, can hold back.
NEWEST, LOOKED_AT = 4, 70

# Statements are made once: every look that judges anything asks them.
_b = s.barriers
_HERE = (_b.c.cluster == bindparam("cluster"), _b.c.topic == bindparam("topic"))
_BARRIERS = (
    select(_b.c.minute, _b.c.ends, _b.c.taken_at)
    .where(*_HERE, _b.c.minute <= bindparam("newest", type_=BigInteger))
    .order_by(_b.c.minute.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_pairs = (
    select(func.lag(_b.c.minute).over(order_by=_b.c.minute).label("before"), _b.c.minute)
    .where(*_HERE)
    .subquery()
)
# The first minute, which has none before it, and every minute that follows a time when Tocsin was not running.
_GAPS = (
    select(_pairs.c.before, _pairs.c.minute)
    .where(or_(_pairs.c.before.is_(None), _pairs.c.minute - _pairs.c.before > DEAF_AFTER // MINUTE))
    .order_by(_pairs.c.minute)
)


@dataclass(frozen=True, slots=True)
class Watermark:
    """The watermark.

    The store holds everything posted before `closed_until` and heard in time; `coverage` tells what is missing. The store holds
    everything that was handed over before `stored_until`, however late `closed_until` is.
    """

    closed_until: datetime
    coverage: Coverage
    stored_until: datetime


def take_barrier(
    conn: Connection, cluster: str, topic: str, until: datetime, ends: Mapping[int, int], now: datetime
) -> None:
    """Remember the present ends of the stream. Everything before them must be stored before the minutes up to `until` close."""
    b = s.barriers
    minute = minute_of(until)
    row = {
        "cluster": cluster,
        "topic": topic,
        "minute": minute,
        "taken_at": now,
        "ends": {str(p): end for p, end in ends.items()},
    }
    # Several tickers take the same barrier; the first one counts.
    if insert_once(conn, b, row):
        # A barrier far ahead was taken by a clock that was set back since.
        off = or_(b.c.minute < minute_of(now - KEPT), b.c.minute > minute_of(until + CLOCKS_APART))
        conn.execute(delete(b).where(b.c.cluster == cluster, off))


def move_barriers(
    conn: Connection, topic: str, old: str, new: str, moved: Callable[[Mapping[str, int]], Mapping[str, int]]
) -> None:
    """Copy the barriers of the stream `old` to the stream `new`, in place of those that it has. `moved` gives the ends there."""
    b = s.barriers
    conn.execute(delete(b).where(b.c.cluster == new, b.c.topic == topic))
    for row in conn.execute(select(b).where(b.c.cluster == old, b.c.topic == topic)).all():
        conn.execute(insert(b).values({**row._mapping, "cluster": new, "ends": dict(moved(row.ends))}))


def watermark(
    conn: Connection, cluster: str, topic: str, now: datetime, grace: timedelta, longest_wait: timedelta
) -> Watermark:
    """The newest minute whose barrier the stored offsets have passed. After `longest_wait` the clock alone decides."""
    at = stored(conn, cluster, topic)
    here = {"cluster": cluster, "topic": topic, "newest": minute_of(now)}
    passed: int | None = None
    # The newest few mostly tell all.
    for limit in (NEWEST, LOOKED_AT):
        newest = conn.execute(_BARRIERS, {**here, "limit": limit}).all()
        passed = next((row.minute for row in newest if not _unread(row.ends, at)), None)
        if passed is not None and now - newest[-1].taken_at > BACKLOG_AFTER:
            break
    first, gaps = None, []
    for before, minute in conn.execute(_GAPS, {"cluster": cluster, "topic": topic}).all():
        if before is None:
            first = minute
        else:
            gaps.append((minute_start(before), minute_start(minute)))
    if passed is None:
        passed = 0 if first is None else first - 1
    closed = stored_until = minute_start(passed)
    waited = now - grace - longest_wait
    sources = [one.value for one in listed(conn, SourceDef) if one.value.enabled]
    deaf = gaps + _unheard(conn, sources, now)
    lately = gaps_since(conn, min(closed, now - LATELY))
    missing = _missing(conn) + [one.words for one in lately if not one.open][-MOST_TOLD:]
    # Where the stream holds the watermark back, judging goes on without it and says so.
    if first is not None and closed < waited:
        deaf.append((closed, waited))
        missing.append(f"processing is {int((now - closed).total_seconds() // 60)} minutes behind")
        closed = waited
    unread = next((_unread(row.ends, at) for row in newest if now - row.taken_at > BACKLOG_AFTER), 0)
    # In a storm an alert goes out before everything is counted, and says so.
    if unread:
        missing.append(
            f"{unread:,} records of the stream wait to be read: there is more than is counted here"
        )
    since = None if first is None else minute_start(first)
    off = {one.source for one in lately} - {one.name for one in sources}
    return Watermark(
        closed, Coverage(deaf, missing, blind_spans(lately, now, off), since=since), stored_until
    )


def _unread(ends: Mapping[str, int], at: Mapping[int, int]) -> int:
    """The number of records before a barrier's ends that are not stored."""
    return sum(max(0, end - at.get(int(p), 0)) for p, end in ends.items())


def _unheard(conn: Connection, sources: Sequence[SourceDef], now: datetime) -> list[Span]:
    """The span in which every source that Tocsin asks for mentions failed, if there is one. `sources`: those that are on."""
    spans = []
    asked = [one for one in sources if source_kind(one.kind).asked]
    if asked:
        latest = last_success(conn, [one.name for one in asked])
        if latest is not None and now - latest > DEAF_AFTER:
            spans.append((latest, now + MINUTE))
    return spans


def _missing(conn: Connection) -> list[str]:
    """The sources that fail, are blind or were never heard, in words."""
    return [told_of_source(row) for row in troubled_sources(conn)]
