"""Hacker News: stories and comments by the search index that Algolia runs for it, newest first.

Shapes and limits are those of hn.algolia.com/api: `search_by_date`, `numericFilters` on `created_at_i`. The index shows at most
1,000 posts of a question, so the next question asks for those until the second of the last one: split by time, no post is
lost at that limit.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.markup import html_to_text
from ingest.newest_first import LATE, Pass, ShownPage, ShownPost, step
from ingest.plain import dig, listed, number, taken, unix_moment, words
from ingest.source import Cursor, Fetched, Gap, SourceContext, read_cursor
from ingest.sources.places import Search, WebAddress
from ingest.web import Web
from tocsin.core.clock import iso

NETWORK = "hackernews"
BUDGET = Budget(10_000, per_s=3600)
"""An address has 10,000 requests an hour (hn.algolia.com/api)."""

# A quarter of an hour of all posts.
PAGE_SIZE = 200
_CROWDED = "more posts of one second than the index shows"


class HackerNewsSettings(BaseModel):
    """The settings of Hacker News."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Search | None = Field(
        None, min_length=1, max_length=500, description="Only posts that match this search; default: all."
    )
    types: tuple[Literal["story", "comment", "poll"], ...] = Field(
        ("story", "comment", "poll"), min_length=1, max_length=3, description="What is read."
    )
    look_back_hours: int = Field(2, ge=1, le=2160, description="How far back the first reading goes.")
    interval_s: int = Field(60, ge=10, le=86_400, description="How often to ask.")
    site: WebAddress = Field("https://hn.algolia.com", description="The address of the search.")


class HackerNewsSource:
    """Hacker News as a source; the module's docstring describes how it is read."""

    kind = "hackernews"
    remote = True

    def __init__(self, context: SourceContext, settings: HackerNewsSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET, who="the search of Hacker News")
        self.target = settings.site
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page: the newest posts, or those before where the last page ended."""
        at = read_cursor(cursor, Pass).sound()
        first = now - timedelta(hours=self._settings.look_back_hours)
        until = number(at.next) if at.next is not None else None
        said = self._ask(first if at.since is None else at.since - LATE, until)
        posts = [hit_post(raw, now) for raw in listed(said, "hits", "the search of Hacker News")]
        oldest = min((one.at for one in posts if one.at is not None), default=None)
        page, gaps = ShownPage(posts), list[Gap]()
        if oldest is not None and (number(said, "nbPages") or 0) > 1 and not at.reaches(posts):
            ends = int(oldest.timestamp())
            if all(one.at == oldest for one in posts):
                gaps, ends = [Gap(oldest, oldest + timedelta(seconds=1), _CROWDED)], ends - 1
            page = ShownPage(posts, str(ends))
        found = step(at, page, now)
        mentions, bad = taken(found.brought, self._name)
        after = msgspec.to_builtins(found.after)
        return Fetched(mentions, bad, after, more=found.more, gaps=[*gaps, *found.gaps])

    def close(self) -> None:
        pass

    def _ask(self, since: datetime, until: int | None) -> Any:
        settings = self._settings
        filters = [f"created_at_i>{int(since.timestamp())}"]
        if until is not None:
            filters.append(f"created_at_i<={until}")
        params = {
            "tags": f"({','.join(settings.types)})",
            "numericFilters": ",".join(filters),
            "hitsPerPage": PAGE_SIZE,
        }
        if settings.query:
            params["query"] = settings.query
        return self._web.get(f"{settings.site}/api/v1/search_by_date", params=params).json()


def hit_post(raw: Any, now: datetime) -> ShownPost:
    """A story, a comment or a poll, as the index holds it. A time in the future says nothing of where a page ends."""
    id, story = words(raw, "objectID"), words(raw, "story_id")
    created = unix_moment(dig(raw, "created_at_i"))
    author = words(raw, "author")
    comment = words(raw, "comment_text")
    fields: dict[str, Any] = {
        "id": id,
        "network": NETWORK,
        "url": f"https://news.ycombinator.com/item?id={id}",
        "created_at": iso(created) if created else dig(raw, "created_at"),
        "title": html_to_text(words(raw, "title")),
        "text": html_to_text(comment or words(raw, "story_text")),
        "author": {"id": author, "handle": author} if author else None,
        "links": [link for link in [words(raw, "url")] if link],
        "in_reply_to": words(raw, "parent_id") or None,
        "thread": story or None,
        "engagement": {"likes": number(raw, "points"), "replies": number(raw, "num_comments")},
        "extra": {"story_title": html_to_text(words(raw, "story_title"))} if comment else {},
    }
    return ShownPost(fields, created if created and created <= now else None)
