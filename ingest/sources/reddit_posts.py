"""Posts and comments of Reddit as the fields of a mention, out of an entry of a feed or a thing of the API.

Shapes: RFC 4287 as reddit.com/wiki/rss describes Reddit's feeds; reddit.com/dev/api, "listings" and the things t1 (comments) and
t3 (posts). The id is the thing's full name, which is the same in a feed and in the API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.newest_first import ShownPost
from ingest.plain import dig, moment, number, unix_moment, words
from tocsin.core.clock import iso
from tocsin.core.mention import MAX_ID_CHARS

NETWORK = "reddit"
WEB = "https://www.reddit.com"
DELETED: Final = frozenset({"[deleted]", "[removed]"})
"""The texts that Reddit shows in the place of words and authors that are gone."""

_BY_LINE = re.compile(r"\s*submitted by\s+/u/\S+(\s+to\s+r/\S+)?\s*(\[link\])?\s*(\[comments\])?\s*$")
_PLACE = re.compile(r"/r/([A-Za-z0-9_]{1,60})/comments/([a-z0-9]{1,20})\b")


def feed_post(entry: Mapping[str, Any]) -> ShownPost:
    """An entry of a feed. Reddit writes who posted it below the words, and who commented on what into the title of a comment."""
    id, place = words(entry, "id"), _PLACE.search(words(entry, "url"))
    is_comment = id.startswith("t1_")
    name = words(entry, "author", "name").removeprefix("/u/")
    title = words(entry, "title")
    fields: dict[str, Any] = {
        "id": id,
        "network": NETWORK,
        "url": words(entry, "url"),
        "created_at": dig(entry, "created_at"),
        "edited_at": dig(entry, "edited_at"),
        "title": "" if is_comment else title,
        "text": words(entry, "text") if is_comment else _BY_LINE.sub("", words(entry, "text")),
        "author": _author(name),
        "thread": f"t3_{place[2]}" if is_comment and place else None,
        "extra": {"subreddit": place[1]} if place else {},
    }
    return ShownPost(fields, moment(fields["created_at"]))


def api_post(raw: Any) -> ShownPost:
    """A thing of a listing."""
    data = dig(raw, "data")
    is_comment = words(raw, "kind") == "t1"
    created, edited = _seconds(data, "created_utc"), _seconds(data, "edited")
    path, link = words(data, "permalink"), words(data, "url")
    subreddit = words(data, "subreddit")
    fields: dict[str, Any] = {
        "id": words(data, "name"),
        "network": NETWORK,
        "url": f"{WEB}{path}" if path.startswith("/") else "",
        "created_at": iso(created) if created else None,
        "edited_at": iso(edited) if edited else None,
        "title": words(data, "title"),
        # The words are Markdown, as their author wrote them.
        "text": words(data, "body" if is_comment else "selftext"),
        "author": _author(words(data, "author")),
        "in_reply_to": words(data, "parent_id") or None,
        "thread": words(data, "link_id") or None,
        "links": [link] if link and dig(data, "is_self") is not True and not is_comment else [],
        "engagement": {"likes": number(data, "ups"), "replies": number(data, "num_comments")},
        "extra": {"subreddit": subreddit} if subreddit else {},
    }
    return ShownPost(fields, created)


def is_gone(raw: Any) -> bool:
    """Whether the author or a moderator has taken a thing of the API away."""
    data = dig(raw, "data")
    said = words(data, "body" if words(raw, "kind") == "t1" else "selftext").strip()
    return said in DELETED or words(data, "author") in DELETED or bool(words(data, "removed_by_category"))


def _author(name: str) -> dict[str, Any] | None:
    known = name[:MAX_ID_CHARS]
    return {"id": known, "handle": known} if known and known not in DELETED else None


def _seconds(data: Any, name: str) -> Any:
    """A time that the API gives in seconds with a fraction; `edited` is false where there was no edit."""
    value = dig(data, name)
    whole = int(value) if isinstance(value, float) and abs(value) < 1e15 else value
    return None if isinstance(whole, bool) else unix_moment(whole)
