"""X's API v2 as its connectors use it: asked with the app's bearer token, its posts as the plain values of mentions.

Shapes: X API v2 (docs.x.com/x-api), Post and User objects, errors. Ids of posts hold their times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import Annotated, Any

import msgspec

from ingest.budget import Budget
from ingest.plain import dig, items, moment, number, values, words
from ingest.source import FetchFailed, SourceContext
from ingest.web import Answer, Web
from tocsin.core.clock import EPOCH, iso, to_micros
from tocsin.settings.secrets import reveal

PAGE_SIZE = 100
# The search reaches so far back, and refuses an id that is seven days old to the minute.
REACH = timedelta(days=7)
MARGIN = timedelta(minutes=5)
_POST_FIELDS = "created_at,lang,public_metrics,referenced_tweets,conversation_id,edit_history_tweet_ids,entities,note_tweet"
# Post ids hold the milliseconds since this moment, above 22 bits.
_FIRST_MS = 1_288_834_974_657
_BITS = 22
PostId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
HELP: Mapping[int, str] = {
    400: "it does not accept the query",
    401: "it refuses the token; check that it is the app's bearer token",
    402: "the account's credits are spent; buy more in X's developer console",
    403: "the account may not use this; check its plan in X's developer console",
}


class XApi:
    """The requests of one source."""

    def __init__(self, context: SourceContext, site: str, token: str, budget: Budget) -> None:
        self.site, self._token = site, token
        self._web = Web(context, budget, who="X")

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {reveal(self._token)}"}

    def get(self, path: str, params: Mapping[str, Any], holds: Collection[str] = ("data",)) -> Any:
        """The answer, which has `meta`, `errors` or one of the names that it `holds`. Raises `FetchFailed`."""
        answer = self._web.get(f"{self.site}{path}", params=params, headers=self.headers, expected=HELP)
        return _read(answer, holds)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a request with a body of JSON, as `get` gives it."""
        answer = self._web.post(f"{self.site}{path}", json=body, headers=self.headers, expected=HELP)
        return _read(answer, ("data",))


def what_is_asked(authors: bool) -> dict[str, str]:
    """The parameters that name the fields of posts, and of their authors."""
    asked = {"tweet.fields": _POST_FIELDS}
    if authors:
        asked |= {"expansions": "author_id", "user.fields": "name,username,verified,public_metrics"}
    return asked


def _read(answer: Answer, holds: Collection[str]) -> Any:
    found = values(answer)
    if answer.status in HELP:
        raise refusal(answer.status, found)
    if not isinstance(found, Mapping) or not ({"meta", "errors", *holds} & set(found)):
        raise FetchFailed("X answered without posts and without a count of none")
    return found


def refusal(status: int, found: Any) -> FetchFailed:
    """The failure that such a status means, with what X says of it."""
    said = words(found, "errors", 0, "message") or words(found, "detail")
    return FetchFailed(
        f"X answered {status}: {HELP[status]}{f' ({said[:200]})' if said else ''}", status=status
    )


# -- posts -----------------------------------------------------------------------------------------------


def posts(answer: Any) -> Sequence[dict[str, Any]]:
    """The fields of the posts in an answer: of a search with a list of them, of a stream with one."""
    authors = {words(one, "id"): one for one in items(answer, "includes", "users")}
    return [_fields(one, authors.get(words(one, "author_id"))) for one in items(answer, "data")]


def ids_of(answer: Any) -> list[int]:
    """The ids of the posts in an answer: of an edited post, that of its newest version."""
    return [id for one in items(answer, "data") if (id := number(one, "id"))]


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
