"""Posts on X by the recent search of its API v2, with the user's own token and money: X bills each post that it gives.

The search gives the newest posts first and reaches seven days back. Pages are asked for by the ids of posts, which hold their
times, so an interrupted reading goes on days later. Posts that were brought lately are looked up again now and then, and
those that X does not show any more are removed, as its terms ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.budget import Budget
from ingest.plain import dig, items, moment, number, taken, values, words
from ingest.source import Cursor, Fetched, FetchFailed, Gap, Natural, Removed, SourceContext, read_cursor
from ingest.sources.x_query import XSearch, search_of
from ingest.web import Answer, Web
from tocsin.core.clock import EPOCH, iso, to_micros
from tocsin.settings.secrets import reveal

BUDGET = Budget(60, per_s=900)
"""Of recent search, for an app without a contract of its own."""

PAGE_SIZE = 100
REACH = timedelta(days=7)
# The search refuses an id that is seven days old to the minute.
MARGIN = timedelta(minutes=5)
MOST_RECENT = 1000
# Post ids hold the milliseconds since this moment, above 22 bits.
_FIRST_MS = 1_288_834_974_657
_BITS = 22
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_POST_FIELDS = "created_at,lang,public_metrics,referenced_tweets,conversation_id,edit_history_tweet_ids,entities,note_tweet"
_GONE = ("/resource-not-found", "/not-authorized-for-resource", "/disallowed-resource")
_HELP: Mapping[int, str] = {
    400: "it does not accept the query",
    401: "it refuses the token; check that it is the app's bearer token",
    402: "the account's credits are spent; buy more in X's developer console",
    403: "the account may not use this search; check its plan in X's developer console",
}


class XSettings(BaseModel):
    """What may be said of a search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = Field(
        "",
        max_length=4096,
        description="In X's own words, such as (vaillant OR @vaillant) lang:nl -is:retweet.",
    )
    monitors: bool = Field(
        False, description="Look for what the monitors' queries ask for; `query` then narrows it."
    )
    query_chars: int = Field(
        512, ge=64, le=4096, description="The longest search that X takes from this account."
    )
    token: str = Field(
        pattern="^(env|file):.", description="The app's bearer token, as env:NAME or file:PATH."
    )
    interval_s: int = Field(300, ge=15, le=86_400, description="How often to ask.")
    posts_per_day: int = Field(
        1000,
        ge=10,
        le=10_000_000,
        description="Posts that may be paid for on a day (UTC); then it waits for the next.",
    )
    authors: bool = Field(True, description="Whether to ask for names and followers, which X bills apart.")
    look_back_hours: int = Field(24, ge=1, le=167, description="How far back the first reading goes.")
    check_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="How often posts of the last days are looked up for deletions; each is paid for.",
    )
    site: str = Field("https://api.x.com", description="The address of X's API.")

    @model_validator(mode="after")
    def _looks_for_something(self) -> XSettings:
        if len(self.query.strip()) < 2 and not self.monitors:
            raise ValueError("nothing is looked for: set query or monitors")
        return self


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    # Posts up to this one were brought.
    since: _Id = 0
    # When everything up to then was brought.
    heard: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    # Of the reading under way: its newest post, and the one that the next page ends before.
    newest: _Id = 0
    until: _Id = 0
    # Posts paid for on this day since 1970.
    day: Natural = 0
    paid: Natural = 0
    # Posts to look up, the latest last, when that was done last, and how many are left of this time.
    recent: tuple[_Id, ...] = ()
    checked_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    unchecked: Natural = 0


class XSource:
    """A search as a source; the module's docstring describes how it is read."""

    kind = "x"
    remote = True

    def __init__(self, context: SourceContext, settings: XSettings) -> None:
        self._name, self._settings, self._queries = context.name, settings, context.queries
        self._web = Web(context, BUDGET, who="X")
        self.target = f"{settings.site} {'monitors' if settings.monitors else ''} {settings.query}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of the search, or one lookup of posts that were brought before."""
        at = _today(read_cursor(cursor, _Cursor), now)
        # What was brought just now needs no second look.
        at = msgspec.structs.replace(at, checked_at=at.checked_at or now)
        left = self._settings.posts_per_day - at.paid
        if left < 10:
            wait = timedelta(days=1) - (now - EPOCH) % timedelta(days=1)
            paid = f"the {self._settings.posts_per_day} posts of this day (posts_per_day) are read"
            return Fetched(
                cursor=msgspec.to_builtins(at),
                retry_after=wait,
                warning=f"{paid}; the rest waits for tomorrow",
            )
        if not at.until and self._is_check_due(at, now):
            return self._check(at, now, min(PAGE_SIZE, left))
        search = self._what()
        if not search.text:
            return Fetched(
                cursor=cursor, warning="nothing is looked for: no monitor has a query that X can search"
            )
        return self._search(at, now, search, min(PAGE_SIZE, left))

    def close(self) -> None:
        pass

    def _what(self) -> XSearch:
        settings = self._settings
        if not settings.monitors:
            return XSearch(settings.query, ())
        return search_of(self._queries(), settings.query.strip(), settings.query_chars)

    def _search(self, at: _Cursor, now: datetime, search: XSearch, most: int) -> Fetched:
        reach = now - REACH + MARGIN
        begin = at.since or id_at(now - timedelta(hours=self._settings.look_back_hours))
        begin = max(begin, id_at(reach))
        # A first reading that was never whole has at least begun.
        heard = at.heard or (time_of(at.newest) if at.newest else None)
        if at.until and at.until <= begin + 1:
            # What is left of this reading is out of reach by now.
            at = msgspec.structs.replace(at, since=max(begin, at.newest), newest=0, until=0)
            begin = at.since
        params: dict[str, Any] = {
            "query": search.text,
            "max_results": most,
            "since_id": begin,
            "tweet.fields": _POST_FIELDS,
        }
        if at.until:
            params["until_id"] = at.until
        if self._settings.authors:
            params |= {"expansions": "author_id", "user.fields": "name,username,verified,public_metrics"}
        answer = self._ask("/2/tweets/search/recent", params)
        found = posts(answer)
        ids = [id for one in items(answer, "data") if (id := number(one, "id"))]
        mentions, bad = taken(found, self._name)
        more = bool(words(answer, "meta", "next_token"))
        if more and not ids:
            raise FetchFailed("X gave an empty page before the last one")
        newest = max(at.newest, at.since, *ids)
        is_too_old = heard is not None and heard < reach
        gaps = [Gap(heard, reach, "X's search reaches seven days back")] if heard and is_too_old else []
        after = msgspec.structs.replace(
            at,
            since=begin if more else max(newest, begin),
            newest=newest if more else 0,
            until=min(ids) if more else 0,
            # A gap is told once.
            heard=now if not more else reach if is_too_old else heard,
            paid=at.paid + len(ids),
            recent=(*at.recent, *reversed([id for one in found if (id := number(one, "id"))]))[-MOST_RECENT:],
        )
        cursor = msgspec.to_builtins(after)
        return Fetched(mentions, bad, cursor, more=more, gaps=gaps, warning=_unasked(search))

    def _is_check_due(self, at: _Cursor, now: datetime) -> bool:
        waited = timedelta(hours=self._settings.check_hours)
        return bool(at.recent) and (
            at.unchecked > 0 or at.checked_at is None or now - at.checked_at >= waited
        )

    def _check(self, at: _Cursor, now: datetime, most: int) -> Fetched:
        """Look up some of the recent posts, the latest first."""
        left = at.unchecked or len(at.recent)
        end = min(left, len(at.recent))
        asked = at.recent[max(0, end - most) : end]
        answer = self._ask("/2/tweets", {"ids": ",".join(map(str, asked))})
        gone = {number(one, "resource_id") for one in items(answer, "errors") if _is_gone(one)} & set(asked)
        removed = [Removed(id=str(id)) for id in asked if id in gone]
        after = msgspec.structs.replace(
            at,
            recent=tuple(id for id in at.recent if id not in gone),
            checked_at=now,
            unchecked=max(0, end - len(asked)),
            paid=at.paid + len(asked) - len(gone),
        )
        return Fetched(cursor=msgspec.to_builtins(after), more=True, removed=removed)

    def _ask(self, path: str, params: Mapping[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {reveal(self._settings.token)}"}
        answer = self._web.get(f"{self._settings.site}{path}", params=params, headers=headers, expected=_HELP)
        found = values(answer)
        if answer.status in _HELP:
            raise _refusal(answer, found)
        if not isinstance(found, Mapping) or not ({"data", "meta", "errors"} & set(found)):
            raise FetchFailed("X answered without posts and without a count of none")
        return found


def posts(answer: Any) -> Sequence[dict[str, Any]]:
    """The fields of the posts in an answer of the search."""
    authors = {words(one, "id"): one for one in items(answer, "includes", "users")}
    return [_fields(one, authors.get(words(one, "author_id"))) for one in items(answer, "data")]


def _fields(post: Any, author: Any) -> dict[str, Any]:
    own, versions = words(post, "id"), items(post, "edit_history_tweet_ids")
    id = words(versions, 0) or own
    posted = moment(words(post, "created_at"))
    is_edited = id != own and number(id) is not None
    referred = {words(one, "type"): words(one, "id") for one in items(post, "referenced_tweets")}
    handle = words(author, "username")
    links = items(post, "entities", "urls")
    return {
        "id": id,
        "text": unescape(words(post, "note_tweet", "text") or words(post, "text")),
        # A version has its own time; the first one's stands in its id.
        "created_at": iso(time_of(int(id))) if is_edited else iso(posted) if posted else None,
        "edited_at": iso(posted) if is_edited and posted else None,
        "network": "x",
        "url": f"https://x.com/{handle or 'i'}/status/{id}",
        "lang": words(post, "lang"),
        "author": {
            "id": words(post, "author_id"),
            "handle": handle,
            "name": words(author, "name"),
            "followers": number(author, "public_metrics", "followers_count"),
            "verified": verified if isinstance(verified := dig(author, "verified"), bool) else None,
        },
        "in_reply_to": referred.get("replied_to"),
        "repost_of": referred.get("retweeted"),
        "thread": words(post, "conversation_id"),
        "engagement": {
            "likes": number(post, "public_metrics", "like_count"),
            "reposts": number(post, "public_metrics", "retweet_count"),
            "replies": number(post, "public_metrics", "reply_count"),
            "views": number(post, "public_metrics", "impression_count"),
        },
        "links": [words(one, "expanded_url") for one in links],
        "hashtags": [words(one, "tag") for one in items(post, "entities", "hashtags")],
        "extra": {"quotes": quoted} if (quoted := referred.get("quoted")) else {},
    }


def time_of(id: int) -> datetime:
    """When the post with this id was posted."""
    return EPOCH + timedelta(milliseconds=min((id >> _BITS) + _FIRST_MS, 2**43))


def id_at(at: datetime) -> int:
    """The least id that a post of this time can have."""
    return max(0, to_micros(at) // 1000 - _FIRST_MS) << _BITS


def _today(at: _Cursor, now: datetime) -> _Cursor:
    day = (now - EPOCH).days
    return at if at.day == day else msgspec.structs.replace(at, day=day, paid=0)


def _unasked(search: XSearch) -> str | None:
    left = search.left_out
    if not left:
        return None
    return f"not looked for on X: {left[0][:80]!r}{f' and {len(left) - 1} more' if left[1:] else ''} (docs/sources.md says why)"


def _is_gone(error: Any) -> bool:
    return words(error, "type").endswith(_GONE) and words(error, "resource_type") in ("tweet", "")


def _refusal(answer: Answer, found: Any) -> FetchFailed:
    said = words(found, "errors", 0, "message") or words(found, "detail")
    help = _HELP[answer.status]
    return FetchFailed(
        f"X answered {answer.status}: {help}{f' ({said[:200]})' if said else ''}", status=answer.status
    )
