"""Which of the posts that were brought are gone from X: looked up page by page, or asked for in one batch compliance job.

A job that X refuses or does not finish is a warning and never keeps the source from hearing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.plain import items, number, words
from ingest.source import BudgetSpent, Fetched, FetchFailed, Removed, SourceContext
from ingest.sources.x_account import XAccountSettings
from ingest.sources.x_api import PAGE_SIZE, XApi
from ingest.sources.x_jobs import XJobs
from ingest.sources.x_paid import Paid

# Between two questions for a job, and after one that came to nothing.
ASK_EVERY, REST = timedelta(minutes=1), timedelta(hours=1)
# A job that X does not finish in this time is given up.
LONGEST_JOB = timedelta(days=1)
_GONE = ("/resource-not-found", "/not-authorized-for-resource", "/disallowed-resource")


class XGone:
    """The looks at what is gone, of one source."""

    def __init__(self, context: SourceContext, api: XApi, settings: XAccountSettings) -> None:
        self._api, self._every = api, timedelta(hours=settings.check_hours)
        self._jobs = XJobs(context, api) if settings.batch else None
        self._again_at: datetime | None = None
        # Why nothing is known of what X deletes.
        self.warning: str | None = None

    def look(self, at: Paid, now: datetime, left: int) -> Fetched | None:
        """The posts that are gone, with the cursor after this look; None where no look is due. `left` posts may be paid for
        today.
        """
        if self._jobs is not None:
            return self._by_job(self._jobs, at, now)
        if not _is_due(at, now, self._every):
            return None
        removed, changes = _looked_up(self._api, at, now, min(PAGE_SIZE, left))
        return _fetched(at, changes, removed)

    def _by_job(self, jobs: XJobs, at: Paid, now: datetime) -> Fetched | None:
        if self._again_at is not None and now < self._again_at:
            return None
        try:
            if at.job:
                return self._ask(jobs, at, now)
            return self._begin(jobs, at, now) if _is_due(at, now, self._every) else None
        except BudgetSpent:
            raise
        except FetchFailed as failure:
            self._rest(now, str(failure))
            return None

    def _begin(self, jobs: XJobs, at: Paid, now: datetime) -> Fetched:
        job = jobs.begin(at.recent)
        return _fetched(at, {"job": job, "job_asked_at": now, "checked_at": now, "unchecked": 0})

    def _ask(self, jobs: XJobs, at: Paid, now: datetime) -> Fetched | None:
        if at.job_asked_at is not None and abs(now - at.job_asked_at) < ASK_EVERY:
            return None
        job = jobs.ask(at.job)
        if job.result is not None:
            gone, unread = jobs.read(job.result)
            self.warning = f"{unread} lines of X's list of what is gone cannot be read" if unread else None
            left = tuple(id for id in at.recent if id not in gone)
            return _fetched(at, {"recent": left, **_NO_JOB}, [Removed(id=str(id)) for id in sorted(gone)])
        if job.is_open and (at.checked_at is None or abs(now - at.checked_at) < LONGEST_JOB):
            return _fetched(at, {"job_asked_at": now})
        self._rest(now, f"X's compliance job ended as {job.status!r}")
        # Another job is due as soon as it may be tried again.
        return _fetched(at, {"checked_at": None, "unchecked": len(at.recent), **_NO_JOB})

    def _rest(self, now: datetime, why: str) -> None:
        self._again_at, self.warning = now + REST, f"what X deletes is not known: {why}"[:500]


_NO_JOB: dict[str, Any] = {"job": "", "job_asked_at": None}


def _fetched(at: Paid, changes: Mapping[str, Any], removed: Sequence[Removed] = ()) -> Fetched:
    after = msgspec.to_builtins(msgspec.structs.replace(at, **changes))
    return Fetched(cursor=after, more=True, removed=removed)


def _is_due(at: Paid, now: datetime, every: timedelta) -> bool:
    """Whether recent posts are to be asked for again."""
    return bool(at.recent) and (at.unchecked > 0 or at.checked_at is None or now - at.checked_at >= every)


def _looked_up(api: XApi, at: Paid, now: datetime, most: int) -> tuple[list[Removed], dict[str, Any]]:
    """Look up some of the recent posts, the latest first. Returns the posts that are gone, and the changes to `at`."""
    end = min(at.unchecked or len(at.recent), len(at.recent))
    asked = at.recent[max(0, end - most) : end]
    answer = api.get("/2/tweets", {"ids": ",".join(map(str, asked))})
    gone = {number(one, "resource_id") for one in items(answer, "errors") if _is_gone(one)} & set(asked)
    return [Removed(id=str(id)) for id in asked if id in gone], {
        "recent": tuple(id for id in at.recent if id not in gone),
        "checked_at": now,
        "unchecked": max(0, end - len(asked)),
        "paid": at.paid + len(asked) - len(gone),
    }


def _is_gone(error: Any) -> bool:
    return words(error, "type").endswith(_GONE) and words(error, "resource_type") in ("tweet", "")
