"""Comments under the posts of a Facebook page, by Meta's Graph API with the page's own token.

A round lists the newest posts of the page and reads the comments under each that has changed since the last round, answers
included, the newest first, down to what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.newest_first import LATE, Pass, ShownPage, ShownPost, step
from ingest.plain import dig, items, listed, moment, number, taken, values, words
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.places import Secret, WebAddress
from ingest.web import LONGEST_WAIT, Answer, Web
from tocsin.core import patterns
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.reading import decoded
from tocsin.settings.secrets import reveal

BUDGET = Budget(200, per_s=3600)
"""Of an app with one user; Meta allows more to pages with more visitors."""

POSTS, COMMENTS = 50, 100
"""Of one answer."""

# Pages of comments under a post that are read the first time.
FIRST_PAGES = 3
REST = timedelta(minutes=15)
_FIELDS = "id,message,created_time,from{id,name},permalink_url,parent{id},like_count,comment_count"
# A page's own token gets 80001; the header then says in how many minutes it may ask again.
_BUSY = {4, 17, 32, 613, 80001}
_USAGE = "x-business-use-case-usage"
_TOKEN_GONE = {102, 190}
_REFUSALS = (400, 401, 403, 404)


class MetaSettings(BaseModel):
    """The settings of a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str = Field(pattern=patterns.META_PAGE, description="The page's id or name, as in its address.")
    token: Secret = Field(description="The page's access token, as env:NAME or file:PATH.")
    interval_s: int = Field(300, ge=30, le=86_400, description="How often to ask.")
    version: str = Field("v26.0", pattern=patterns.META_VERSION, description="The version of the Graph API.")
    site: WebAddress = Field("https://graph.facebook.com", description="The address of Meta's Graph API.")


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    # Of the comments under the post that is read now. Its `since` is the newest comment of the last whole round.
    reading: Pass = Pass()
    # Of the round under way: the newest comment so far, and the posts that are still to be read.
    newest: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    waiting: tuple[str, ...] = ()


class MetaSource:
    """The comments of a page as a source; the module's docstring describes how they are read."""

    kind = "meta"
    remote = True

    def __init__(self, context: SourceContext, settings: MetaSettings) -> None:
        self._name, self._settings = context.name, settings
        self._web = Web(context, BUDGET, who="Meta")
        self.target = f"{settings.site}/{settings.page}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The list of posts, or one page of comments under one of them."""
        at = read_cursor(cursor, _Cursor)
        at = msgspec.structs.replace(at, reading=at.reading.sound())
        return self._comments(at, now) if at.waiting else self._round(at)

    def close(self) -> None:
        pass

    def _round(self, at: _Cursor) -> Fetched:
        answer = self._ask("feed", self._settings.page, {"fields": "id,updated_time", "limit": POSTS})
        since = at.reading.since
        changed = [
            words(post, "id")
            for post in listed(answer, "data", "Meta")
            if words(post, "id") and (since is None or _is_later(post, since - LATE))
        ]
        after = _Cursor(at.reading.again(), since, tuple(changed))
        return Fetched(cursor=msgspec.to_builtins(after), more=bool(changed))

    def _comments(self, at: _Cursor, now: datetime) -> Fetched:
        post = at.waiting[0]
        params = {"fields": _FIELDS, "filter": "stream", "order": "reverse_chronological", "limit": COMMENTS}
        answer = self._ask("comments", post, params | ({"after": at.reading.next} if at.reading.next else {}))
        if answer is None:
            # The post is gone, or the page of it that came next: then the next round reads it again.
            return self._onward(at, Fetched(), at.reading.again())
        read = step(at.reading, comments(answer, post), now, FIRST_PAGES)
        mentions, bad = taken(read.brought, self._name)
        fetched = Fetched(mentions, bad, gaps=read.gaps)
        if not read.more:
            times = [one for one in (at.newest, read.after.since) if one is not None]
            at = msgspec.structs.replace(at, newest=max(times, default=None))
            return self._onward(at, fetched, Pass(at.reading.since, read.after.known))
        going = _Cursor(read.after, at.newest, at.waiting)
        return _with(fetched, going, more=True)

    def _onward(self, at: _Cursor, fetched: Fetched, reading: Pass) -> Fetched:
        """The next post of the round; after the last one the round is whole."""
        left = at.waiting[1:]
        after = _Cursor(reading, at.newest, left) if left else _Cursor(Pass(at.newest, reading.known))
        return _with(fetched, after, more=bool(left))

    def _ask(self, edge: str, node: str, params: Mapping[str, Any]) -> Any:
        """The answer; None where the thing that was asked for is gone, unless it is the page itself."""
        headers = {"authorization": f"Bearer {reveal(self._settings.token)}"}
        url = f"{self._settings.site}/{self._settings.version}/{node}/{edge}"
        answer = self._web.get(url, params=params, headers=headers, expected=_REFUSALS)
        found = values(answer)
        if answer.status not in _REFUSALS:
            return found
        if edge == "comments" and number(found, "error", "code") == 100:
            return None
        raise _refusal(answer, found)


def comments(answer: Any, post: str) -> ShownPage:
    """The comments on one page under this post."""
    found = [
        ShownPost(fields(one, post), moment(words(one, "created_time")))
        for one in listed(answer, "data", "Meta")
    ]
    following = words(answer, "paging", "cursors", "after") if dig(answer, "paging", "next") else ""
    return ShownPage(found, following or None)


def fields(comment: Any, post: str) -> dict[str, Any]:
    """The fields of a mention."""
    posted = moment(words(comment, "created_time"))
    return {
        "id": words(comment, "id"),
        "text": words(comment, "message"),
        "created_at": iso(posted) if posted else None,
        "network": "facebook",
        "url": words(comment, "permalink_url"),
        "author": {"id": words(comment, "from", "id"), "name": words(comment, "from", "name")},
        "in_reply_to": words(comment, "parent", "id") or post,
        "thread": post,
        "engagement": {"likes": number(comment, "like_count"), "replies": number(comment, "comment_count")},
    }


def _with(fetched: Fetched, after: _Cursor, more: bool) -> Fetched:
    return Fetched(fetched.mentions, fetched.bad, msgspec.to_builtins(after), more=more, gaps=fetched.gaps)


def _is_later(post: Any, at: datetime) -> bool:
    changed = moment(words(post, "updated_time"))
    return changed is None or changed > at


def _refusal(answer: Answer, found: Any) -> FetchFailed:
    code = number(found, "error", "code")
    if code in _BUSY:
        said = "it wants fewer requests of this app, or for this page"
        return FetchFailed(f"Meta answered {answer.status}: {said}", _rest(answer), status=answer.status)
    if code in _TOKEN_GONE:
        said = "the token has expired or was withdrawn; make a new one for the page"
    elif code is not None and (code == 10 or 200 <= code < 300):
        said = "the token lacks a permission; it needs pages_read_engagement and pages_read_user_content"
    else:
        said = words(found, "error", "message")[:200] or "it refuses this request"
    return FetchFailed(f"Meta answered {answer.status}: {said}", status=answer.status)


def _rest(answer: Answer) -> timedelta:
    """How long Meta wants no requests: what the header says of any of the limits, and no less than `REST`."""
    try:
        told = decoded(answer.headers.get(_USAGE, "{}").encode())
    except BadMention:
        return REST
    limits = told.values() if isinstance(told, Mapping) else ()
    minutes = [
        number(one, "estimated_time_to_regain_access") or 0 for limit in limits for one in items(limit)
    ]
    return max(REST, min(timedelta(minutes=min(max(minutes, default=0), 10**6)), LONGEST_WAIT))
