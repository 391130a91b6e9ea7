"""Posts of Discourse forums, newest first, by `/posts.json`; or new topics alone, by `/latest.rss`.

Shapes: docs.discourse.org (List latest posts across topics, `before`), and discourse/discourse: PostsController#latest,
LatestPostsQuery, PostSerializer. Each forum is a lane. `before` is the smallest id of the last page: newer versions give the
posts below it, older ones begin with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.markup import html_to_text
from ingest.newest_first import Pass, ShownPage, ShownPost, step
from ingest.plain import dig, items, listed, moment, number, taken, words
from ingest.source import Cursor, Fetched, Removed, SourceContext, read_cursor
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.places import Language, WebAddresses
from ingest.web import Web
from tocsin.core.clock import iso
from tocsin.core.mention import MAX_ID_CHARS

NETWORK = "discourse"
BUDGET = Budget(200, per_s=60)
"""A forum takes 200 requests a minute from an address (DISCOURSE_MAX_REQS_PER_IP_PER_MINUTE)."""

# The kind of an action that is a like.
LIKE = 2
_HOLE = "the forum shows an empty page before what was heard last"
_ONLY_NEWEST = "the feed shows only the newest topics"


class DiscourseSettings(BaseModel):
    """The settings of Discourse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forums: WebAddresses = Field(
        min_length=1, max_length=50, description="Addresses of forums, such as meta.discourse.org."
    )
    read: Literal["posts", "topics"] = Field(
        "posts",
        description="All posts, or only new topics by the feed, for forums that refuse the list of posts.",
    )
    lang: Language | None = Field(None, description="Language of the forums.")
    interval_s: int = Field(60, ge=10, le=86_400, description="How often to ask.")


class DiscourseSource(InTurn):
    """Discourse as a source; the module's docstring describes how it is read."""

    kind = "discourse"
    remote = True
    # Each forum has a place of its own in the cursor, so a changed list of forums keeps the others' places.
    target = "discourse"

    def __init__(
        self,
        context: SourceContext,
        settings: DiscourseSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
    ) -> None:
        self._name, self._settings, self._parse = context.name, settings, parse
        self._web = Web(context, BUDGET)
        self._lanes = PlacesInTurn([f"{one} {settings.read}" for one in settings.forums], self._read)
        self.interval = timedelta(seconds=settings.interval_s)

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one forum."""
        forum, _, what = key.partition(" ")
        at = read_cursor(cursor, Pass).sound()
        removed: Sequence[Removed] = ()
        warning = None
        if what == "topics":
            page, warning = self._topics(forum, now)
        else:
            page, removed = self._posts(forum, at)
        found = step(at, page, now, first_pages=1)
        mentions, bad = taken((self._with_language(one) for one in found.brought), self._name)
        after = msgspec.to_builtins(found.after)
        return Fetched(
            mentions, bad, after, more=found.more, gaps=found.gaps, removed=removed, warning=warning
        )

    def _with_language(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**fields, "lang": fields.get("lang") or self._settings.lang}

    def _posts(self, forum: str, at: Pass) -> tuple[ShownPage, Sequence[Removed]]:
        params = {"before": at.next} if at.next is not None else {}
        answer = self._web.get(f"{forum}/posts.json", params=params)
        found = listed(answer.json(), "latest_posts", answer.who)
        shown = [raw for raw in found if not is_removed(raw)]
        posts = [forum_post(raw, forum) for raw in shown]
        ids = [id for raw in found if (id := number(raw, "id"))]
        goes_on = bool(ids) and not at.reaches(posts)
        gone = [Removed(post_id(raw, forum)) for raw in found if is_removed(raw) and number(raw, "id")]
        # Older versions page by numbers: behind fifty posts in a row that nobody may see nothing is shown.
        if at.next is not None and {str(id) for id in ids} <= {at.next}:
            return ShownPage([], cut=_HOLE), gone
        return ShownPage(posts, str(min(ids)) if goes_on else None), gone

    def _topics(self, forum: str, now: datetime) -> tuple[ShownPage, str | None]:
        """The topics in the forum's feed, and what is wrong with it."""
        answer = self._web.get(f"{forum}/latest.rss", params={"order": "created"})
        parsed = self._parse(answer.body, answer.headers.get("content-type", ""))
        host = urlsplit(forum).netloc
        posts = [
            ShownPost(
                {
                    "created_at": iso(now),
                    **entry,
                    "network": NETWORK,
                    "id": f"{host}/{entry['id']}"[:MAX_ID_CHARS],
                },
                moment(entry.get("created_at")),
            )
            for entry in parsed.entries
        ]
        return ShownPage(posts, cut=_ONLY_NEWEST), parsed.warning


def forum_post(raw: Any, forum: str) -> ShownPost:
    """A post of the forum. Its `updated_at` is the time of an edit only where there is more than one version."""
    host, topic = urlsplit(forum).netloc, words(raw, "topic_id")
    is_first = number(raw, "post_number") == 1
    title = html_to_text(words(raw, "topic_title"))
    edited = moment(dig(raw, "updated_at")) if (number(raw, "version") or 1) > 1 else None
    user = words(raw, "user_id") or words(raw, "username")
    likes = [number(one, "count") for one in items(raw, "actions_summary") if number(one, "id") == LIKE]
    path = f"{words(raw, 'topic_slug') or '-'}/{topic}/{words(raw, 'post_number')}"
    fields: dict[str, Any] = {
        "id": post_id(raw, forum),
        "network": NETWORK,
        "url": f"{forum}/t/{path}" if topic else "",
        "created_at": dig(raw, "created_at"),
        "edited_at": iso(edited) if edited else None,
        "title": title if is_first else "",
        "text": html_to_text(words(raw, "cooked")),
        "author": {
            "id": f"{host}/{user}"[:MAX_ID_CHARS],
            "name": words(raw, "name")[:MAX_ID_CHARS],
            "handle": words(raw, "username")[:MAX_ID_CHARS],
        }
        if user
        else None,
        "thread": f"{host}/t/{topic}" if topic else None,
        "engagement": {
            "likes": next(iter(likes), None),
            "replies": number(raw, "reply_count"),
            "views": number(raw, "reads"),
        },
        "extra": {} if is_first or not title else {"topic_title": title},
    }
    return ShownPost(fields, moment(fields["created_at"]))


def post_id(raw: Any, forum: str) -> str:
    """The mention's id; an empty text where the post has none."""
    id = words(raw, "id")
    return f"{urlsplit(forum).netloc}/{id}"[:MAX_ID_CHARS] if id else ""


def is_removed(raw: Any) -> bool:
    """Whether the author has deleted the post, or the forum hides it. The text that the forum shows in its place is not the
    author's.
    """
    return dig(raw, "user_deleted") is True or dig(raw, "hidden") is True or bool(dig(raw, "deleted_at"))
