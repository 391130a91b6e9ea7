"""Networks that list their posts by the time of the last change, oldest first, from a time on: each climb goes up to now.

The next question begins at the time of the last post of a full page, not at a page number: posts that change meanwhile move to
the end of the list, and would push others over the edge of a numbered page. Page numbers are used only within one moment. A
climb begins a little before the end of the last one, because networks show changes late; what is known is not brought again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import msgspec

from ingest.newest_first import ShownPost
from ingest.plain import moment
from ingest.source import Gap, Natural

MOST_KNOWN = 200
"""Posts whose content a cursor remembers. Further back a post may come twice, which counts once."""

LATE = timedelta(minutes=1)
"""Changes may turn up in the list so much after later ones."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Climb(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far such a list was read."""

    # The time from which a climb begins. None: nothing was read yet.
    since: _Time | None = None
    # The time that the climb under way has come to, and the full pages that were read of that one moment.
    up: _Time | None = None
    pages: Natural = 0
    # The last posts by identity, and a hash of their content.
    known: dict[str, str] = {}
    # The name that the network gave to its answer to this very question (ETag), for asking whether it still holds.
    tag: str | None = None

    def start(self, first: datetime) -> datetime:
        """The time from which the next question asks; `first` where nothing was read yet."""
        return self.up or self.since or first


@dataclass(frozen=True, slots=True)
class ClimbedPage:
    """What one page gave: the fields of the posts to bring, where to go on, and whether that is now."""

    brought: Sequence[Mapping[str, Any]]
    after: Climb
    more: bool
    gaps: Sequence[Gap] = ()


def step(
    at: Climb,
    start: datetime,
    entries: Sequence[ShownPost],
    now: datetime,
    *,
    full: bool,
    most_pages: int,
    tag: str | None = None,
) -> ClimbedPage:
    """The posts of this page that are new or changed. `start` is the time from which the network was asked; `ShownPost.at` is
    the time of the change.

    `full` says that the network has more. It shows `most_pages` of one moment.
    """
    known = dict(at.known)
    brought: list[Mapping[str, Any]] = []
    for entry in entries:
        key, content = entry.mark
        before = known.pop(key, None)
        if before != content:
            brought.append(entry.since(before, now))
        known[key] = content
    kept = dict(islice(known.items(), max(0, len(known) - MOST_KNOWN), None))
    # A time in the future is a fault, and says nothing of how far the list was read.
    last = max((one.at for one in entries if one.at is not None and one.at <= now), default=start)
    since = at.since or start
    if not full:
        after = max(since, last - LATE)
        # The network's name for its answer holds for the very same question only.
        return ClimbedPage(brought, Climb(after, known=kept, tag=tag if after == start else None), more=False)
    if last > start:
        return ClimbedPage(brought, Climb(since, last, 0, kept), more=True)
    if at.pages + 1 < most_pages:
        return ClimbedPage(brought, Climb(since, start, at.pages + 1, kept), more=True)
    beyond = start + timedelta(seconds=1)
    gap = Gap(start, beyond, "more posts changed in one second than the network shows")
    # Later climbs begin after it, so that the gap is told once.
    return ClimbedPage(brought, Climb(beyond, beyond, 0, kept), more=True, gaps=(gap,))


def young(brought: Sequence[Mapping[str, Any]], oldest: datetime) -> Sequence[Mapping[str, Any]]:
    """Without the posts from before `oldest`: a late change has brought them up, and they are too old to be taken."""
    posted = [(moment(fields.get("created_at")), fields) for fields in brought]
    return [fields for at, fields in posted if at is None or at >= oldest]
