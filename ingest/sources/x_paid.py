"""What a cursor of a source on X holds besides its place: the day's posts that were paid for, and the posts to ask for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from ingest.plain import number
from ingest.source import Natural
from ingest.sources.x_api import Moment, PostId
from tocsin.core.clock import EPOCH

# Posts that are asked for again now and then.
MOST_RECENT = 1000
JobId = Annotated[str, msgspec.Meta(pattern="^[0-9]{0,19}$")]


class Paid(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a cursor of a source on X holds besides its place: what was paid for, and the posts to look up again."""

    # Posts paid for on this day since 1970.
    day: Natural = 0
    paid: Natural = 0
    # Posts to look up, the latest last, when that was done last, and how many are left of this time.
    recent: tuple[PostId, ...] = ()
    checked_at: Moment | None = None
    unchecked: Natural = 0
    # The batch compliance job that X works on, and when it was asked for last.
    job: JobId = ""
    job_asked_at: Moment | None = None


def today(at: Paid, now: datetime) -> dict[str, Any]:
    """The changes to `at` that a new day brings. What was brought just now needs no second look."""
    day = (now - EPOCH).days
    begun = {"checked_at": at.checked_at or now}
    return begun if at.day == day else begun | {"day": day, "paid": 0}


def with_more(at: Paid, found: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The posts to look up, the ones that came just now included, the newest first."""
    return (*at.recent, *reversed([id for one in found if (id := number(one, "id"))]))[-MOST_RECENT:]


def until_tomorrow(now: datetime) -> timedelta:
    """The wait until the next day (UTC)."""
    return timedelta(days=1) - (now - EPOCH) % timedelta(days=1)


def too_much(posts_per_day: int) -> str:
    """The warning of a source that has read what a day may cost."""
    return f"the {posts_per_day} posts of this day (posts_per_day) are read; the rest waits for tomorrow"
