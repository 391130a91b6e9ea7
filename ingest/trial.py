"""A trial of a source: what it would bring now, without storing anything. A stream is given some seconds to say something.

A source that others push to cannot be asked. Its trial shows the newest of what came, as far as it is kept.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection

from ingest.checked import check
from ingest.source import Bad, BudgetSpent, Source
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Handed, Mention, whole
from tocsin.definitions.source_kinds import source_kind
from tocsin.settings import Ingest
from tocsin.store.mentions import newest_rows, sampled_rows, stored_mention
from tocsin.store.source_state import source_states

SHOWN: Final = 5
LONGEST: Final = timedelta(seconds=30)
# Between two looks at a stream that has said nothing yet.
PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a trial: the source's newest posts, the counts, and what was wrong. `error` says why it could not be read
    at all.

    `kept` counts the posts that the caller asked to see; all of them, where they asked for none in particular.
    """

    newest: Sequence[Mention]
    count: int = 0
    bad: Sequence[Bad] = ()
    bad_count: int = 0
    warnings: Sequence[str] = ()
    more: bool = False
    error: str | None = None
    kept: int = 0
    by_day: Mapping[date, int] = field(default_factory=dict)
    """Of the posts that are `kept`, how many were posted on each day (UTC)."""


def try_source(
    source: Source,
    now: datetime,
    longest: timedelta = LONGEST,
    keep: Callable[[Mention], bool] | None = None,
    limits: Ingest | None = None,
) -> Trial:
    """Fetch from the beginning until nothing more comes or `longest` is over, and close the source. Raises nothing of its own
    tree: a source that cannot be read gives the reason as `error`, beside what came before. With `keep`, the newest posts are
    the newest of those. With `limits`, a warning says how many posts ingest would not take for their times.
    """
    newest: list[Mention] = []
    bad: list[Bad] = []
    warnings: list[str] = []
    cursor, count, kept, bad_count, more, error = None, 0, 0, 0, True, None
    by_day: Counter[date] = Counter()
    refused: Counter[str] = Counter()
    streams = source_kind(source.kind).streams
    ends = time.monotonic() + longest.total_seconds()
    with closing(source):
        while (more or (streams and len(newest) < SHOWN)) and time.monotonic() < ends:
            try:
                fetched = source.fetch(cursor, now)
            except BudgetSpent as spent:
                if newest or not _waited(spent, ends):
                    error = None if newest else str(spent)
                    break
                continue
            except TocsinError as failed:
                error = str(failed)
                break
            cursor, more = fetched.cursor, fetched.more
            count += len(fetched.mentions)
            if limits is not None:
                refused += check(fetched, "", limits, now).refused
            fits = [one for one in fetched.mentions if keep is None or keep(whole(one))]
            kept += len(fits)
            by_day.update(one.created_at.astimezone(UTC).date() for one in fits)
            best = sorted(fits, key=_posted, reverse=True)[:SHOWN]
            newest = sorted([*newest, *map(whole, best)], key=_posted, reverse=True)[:SHOWN]
            bad += fetched.bad[: max(0, 3 - len(bad))]
            bad_count += len(fetched.bad)
            if fetched.warning and fetched.warning not in warnings[:3]:
                warnings.append(fetched.warning)
            if streams and not more:
                time.sleep(PAUSE_S)
    if limits is not None:
        warnings = [*_not_taken(refused, count, limits), *warnings]
    return Trial(newest, count, bad, bad_count, warnings[:3], more and error is None, error, kept, by_day)


def _not_taken(refused: Counter[str], count: int, limits: Ingest) -> Iterator[str]:
    if some := refused["too_old"]:
        yield f"older than {limits.max_age_days} days and so left out: {some} of {count} posts"
    if some := refused["in_future"]:
        yield f"dated more than {limits.max_ahead_minutes} minutes ahead and so refused: {some} of {count} posts"


def pushed_posts(conn: Connection, name: str) -> Trial:
    """The newest posts of a source that others push to: posts that a monitor matches, and the sample of the rest. `count` and
    `bad_count` are of all that ever came.
    """
    stored = [stored_mention(row) for row in newest_rows(conn, SHOWN, source=name)]
    sampled = [msgspec.convert(row.mention, Mention) for row in sampled_rows(conn, SHOWN, source=name)]
    newest = sorted([*stored, *sampled], key=_posted, reverse=True)[:SHOWN]
    row = source_states(conn, [name]).get(name)
    received, rejected = (int(row.received), int(row.rejected)) if row is not None else (0, 0)
    return Trial(newest, received, bad_count=rejected, kept=len(newest))


def _waited(spent: BudgetSpent, ends: float) -> bool:
    """Wait for the host's budget, if there is time for that."""
    wait_s = (spent.retry_after or LONGEST).total_seconds()
    if time.monotonic() + wait_s >= ends:
        return False
    time.sleep(wait_s)
    return True


def _posted(mention: Handed) -> datetime:
    return mention.created_at
