"""What the worker writes into the ledger of gaps: outages as they begin and end, and what sources tell of themselves.

A source that comes back brings what was said meanwhile, as a backfill. Its mentions belong where they were posted. A mention
without a time of its own would count as posted now, all of them at once, and look like a spike. Such mentions of a backfill are
spread over the gap instead, and marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from ingest.source import BudgetSpent, Fetched, FetchFailed
from ingest.watched import WatchedSource
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Handed, Mention
from tocsin.health import gaps
from tocsin.health.sources import ago

# A source that was not asked for so long, and for so many of its intervals, was not heard.
UNASKED, INTERVALS = timedelta(minutes=10), 3
# A source may wait for its turn so long before that is a gap.
LONGEST_WAIT = timedelta(minutes=10)
# The key in `Mention.extra` of a mention that was dated by its gap.
UNDATED = "_undated"


def failed(conn: Connection, watched: WatchedSource, error: TocsinError, now: datetime) -> None:
    """Open a gap at the first failure: it began when the source was last heard."""
    if isinstance(error, BudgetSpent) and (error.retry_after or timedelta(0)) < LONGEST_WAIT:
        return
    if watched.gap is None:
        since = watched.heard_at or watched.defined.created_at
        watched.gap = gaps.begin(conn, watched.name, gaps.FAILED, min(since, now), _reason(error))
    elif watched.gap.ends_at is not None:
        # The source failed again before it had caught up.
        watched.gap = gaps.reopen(conn, watched.gap)


def heard(conn: Connection, watched: WatchedSource, fetched: Fetched, count: int, now: datetime) -> None:
    """Write down the gaps that an answer with `count` mentions shows: an outage that is over, and gaps that the source names."""
    gap = watched.gap or _unasked(conn, watched, now)
    if gap is not None and _was_left(watched, gap):
        gap = gaps.reopen(conn, gap)
    if gap is not None:
        # The source has caught up when it has no more for now.
        caught_up = None if fetched.more else now
        gap = gaps.end(conn, gap, now, count, caught_up)
        watched.gap = gap if gap.open else None
    if fetched.gaps:
        gaps.tell(conn, watched.name, [(one.start, one.end, one.reason) for one in fetched.gaps])


def is_news(watched: WatchedSource, fetched: Fetched, now: datetime) -> bool:
    """Whether this answer belongs into the ledger."""
    return bool(fetched.gaps) or watched.gap is not None or _was_unasked(watched, now)


def backfill_since(watched: WatchedSource, now: datetime) -> datetime | None:
    """The beginning of the gap that this answer fills; None where there is none."""
    if watched.gap is not None:
        return watched.gap.starts_at
    return watched.heard_at if _was_unasked(watched, now) else None


def dated(mentions: Sequence[Handed], stamped: datetime, since: datetime) -> list[Handed]:
    """The mentions of a backfill. Mentions that were stamped with the time of the fetch are spread over the gap, in their
    order.
    """
    undated = [one for one in mentions if isinstance(one, Mention) and one.created_at == stamped]
    step = (stamped - since) / (len(undated) + 1)
    times = iter(since + n * step for n in range(1, len(undated) + 1))
    return [
        msgspec.structs.replace(one, created_at=next(times), extra=one.extra | {UNDATED: True})
        if isinstance(one, Mention) and one.created_at == stamped
        else one
        for one in mentions
    ]


def _was_left(watched: WatchedSource, gap: gaps.SourceGap) -> bool:
    """Whether the gap ended because the source was paused or ended, and not because it was heard."""
    return gap.ends_at is not None and (watched.heard_at is None or watched.heard_at <= gap.starts_at)


def _unasked(conn: Connection, watched: WatchedSource, now: datetime) -> gaps.SourceGap | None:
    """The gap of a source that nobody asked for long: Tocsin was not running, or waited."""
    if watched.heard_at is None or not _was_unasked(watched, now):
        return None
    reason = f"it was not asked for {ago(now - watched.heard_at)}"
    return gaps.begin(conn, watched.name, gaps.FAILED, watched.heard_at, reason)


def _was_unasked(watched: WatchedSource, now: datetime) -> bool:
    if watched.heard_at is None or watched.source is None:
        return False
    return now - watched.heard_at > max(UNASKED, INTERVALS * watched.source.interval)


def _reason(error: TocsinError) -> str:
    said = str(error)
    return said if isinstance(error, FetchFailed) else f"it cannot be read: {said}"
