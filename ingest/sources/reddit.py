"""New posts and comments of subreddits: by the feeds of an account of the user's own, or by the API with approved keys.

Several subreddits are asked for together, as `r/a+b`. A feed is asked once a minute. Reddit shows 1,000 posts of a list at
most, newest first. Where Reddit refuses (403) or puts off (429), the source says so in plain words and asks again later.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.budget import Budget
from ingest.lanes import InTurn, PlacesInTurn
from ingest.newest_first import Pass, ShownPage, step
from ingest.plain import dig, listed, number, taken, words
from ingest.source import Cursor, Fetched, FetchFailed, Removed, SourceContext, read_cursor
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.places import Secret, WebAddress
from ingest.sources.reddit_posts import WEB, api_post, feed_post, is_gone
from ingest.web import Web
from tocsin.core import patterns
from tocsin.core.sentences import Sentence
from tocsin.settings.secrets import reveal

BUDGET = Budget(1, per_s=60)
"""Reddit lets an account read one feed a minute; asked more often, it answers 429."""

BUDGET_WITH_KEYS = Budget(100, per_s=60)
"""An approved app has 100 requests a minute (Reddit Data API Wiki, rate limits)."""

PAGE_SIZE = 100
LISTS: Final[Mapping[str, str]] = {"posts": "new", "comments": "comments"}
"""The lists that are read, and their names in addresses."""

_END = "Reddit shows 1,000 posts of a list at most"
# Before a token of the API ends.
_EARLY = timedelta(minutes=5)
_STATES: Final[Mapping[int, tuple[str, timedelta]]] = {
    401: ("Reddit does not know the keys or the token (401): check them", timedelta(hours=1)),
    403: (
        "Reddit does not let us read this (403): the token is wrong, a subreddit is private, or the address is unwanted",
        timedelta(hours=1),
    ),
    429: ("Reddit has been asked too often and wants a rest (429)", timedelta(minutes=10)),
}
"""What Reddit's refusals mean, and how long to wait where it does not say."""


class RedditSettings(BaseModel):
    """The settings of Reddit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subreddits: tuple[Annotated[str, Field(pattern=patterns.SUBREDDIT)], ...] = Field(
        min_length=1, max_length=100, description="Subreddits, which are asked for together."
    )
    lists: tuple[Literal["posts", "comments"], ...] = Field(
        ("posts",), min_length=1, max_length=2, description="What is read of them."
    )
    user: str | None = Field(
        None, pattern=patterns.REDDIT_USER, description="The account that the feed token belongs to."
    )
    feed_token: Secret | None = Field(
        None, description="env:NAME or file:PATH, from the account's preferences."
    )
    client_id: Secret | None = Field(None, description="env:NAME or file:PATH, of an approved app.")
    client_secret: Secret | None = Field(None, description="env:NAME or file:PATH, of the same app.")
    interval_s: int = Field(60, ge=30, le=86_400, description="How often to ask.")
    site: WebAddress = Field(WEB, description="The address of the feeds and of signing in.")
    api: WebAddress = Field("https://oauth.reddit.com", description="The address of the API.")

    @field_validator("subreddits")
    @classmethod
    def _plain_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.removeprefix("r/") for one in value))

    @model_validator(mode="after")
    def _may_read(self) -> RedditSettings:
        by_feed, by_api = (self.user, self.feed_token), (self.client_id, self.client_secret)
        if any(by_feed) == any(by_api) or not (all(by_feed) or all(by_api)):
            raise ValueError(
                Sentence(
                    "set user and feed_token of an account, or client_id and client_secret of an approved app"
                )
            )
        return self


class RedditSource(InTurn):
    """Reddit as a source; the module's docstring describes how it is read."""

    kind = "reddit"
    remote = True

    def __init__(
        self,
        context: SourceContext,
        settings: RedditSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
    ) -> None:
        self._name, self._settings, self._parse = context.name, settings, parse
        # Full names are the same in both, but the pages of a list are asked for in the words of one of them.
        self.target = settings.site if settings.feed_token else settings.api
        self._web = Web(context, BUDGET if settings.feed_token else BUDGET_WITH_KEYS, who="Reddit")
        # The token of the API, and when it ends.
        self._token: tuple[str, datetime] | None = None
        self._lanes = PlacesInTurn(settings.lists, self._read)
        self.interval = timedelta(seconds=settings.interval_s)

    def _read(self, key: str, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of one list."""
        at = read_cursor(cursor, Pass).sound()
        try:
            by_feed = self._settings.feed_token is not None
            page, removed, warning = self._feed(key, at) if by_feed else self._listing(key, at, now)
        except FetchFailed as error:
            raise in_plain_words(error) from None
        found = step(at, page, now, first_pages=1)
        mentions, bad = taken(found.brought, self._name)
        after = msgspec.to_builtins(found.after)
        return Fetched(
            mentions, bad, after, more=found.more, gaps=found.gaps, removed=removed, warning=warning
        )

    def _feed(self, name: str, at: Pass) -> tuple[ShownPage, Sequence[Removed], str | None]:
        settings = self._settings
        assert settings.feed_token is not None
        answer = self._web.get(
            f"{settings.site}/r/{'+'.join(settings.subreddits)}/{LISTS[name]}/.rss",
            params={"user": settings.user, "feed": reveal(settings.feed_token)} | _page_of(at),
            headers={"accept": "application/atom+xml"},
        )
        parsed = self._parse(answer.body, answer.headers.get("content-type", ""))
        posts = [feed_post(entry) for entry in parsed.entries]
        last = words(posts[-1].fields, "id") if len(posts) >= PAGE_SIZE else None
        return self._shown(posts, at, last), (), parsed.warning

    def _listing(self, name: str, at: Pass, now: datetime) -> tuple[ShownPage, Sequence[Removed], str | None]:
        settings = self._settings
        answer = self._web.get(
            f"{settings.api}/r/{'+'.join(settings.subreddits)}/{LISTS[name]}",
            params={"raw_json": 1} | _page_of(at),
            headers={"authorization": f"Bearer {self._signed_in(now)}"},
            expected=(401,),
        )
        if answer.status == 401:
            # The token was taken back; the next question asks for another one.
            self._token = None
            raise FetchFailed("Reddit answered 401", status=401)
        things = listed(dig(answer.json(), "data"), "children", "Reddit")
        posts = [api_post(raw) for raw in things if not is_gone(raw)]
        gone = [Removed(id) for raw in things if is_gone(raw) and (id := words(raw, "data", "name"))]
        return self._shown(posts, at, words(answer.json(), "data", "after") or None), gone, None

    def _shown(self, posts: Sequence[Any], at: Pass, last: str | None) -> ShownPage:
        """The page. Where it reaches what is known, no other is asked for; where there is no other, the list is at its end."""
        return ShownPage(posts) if at.reaches(posts) else ShownPage(posts, last, cut=None if last else _END)

    def _signed_in(self, now: datetime) -> str:
        """The token of the API, asked for anew where it has ended."""
        settings = self._settings
        assert settings.client_id is not None
        assert settings.client_secret is not None
        if self._token is None or now >= self._token[1]:
            keys = base64.b64encode(f"{reveal(settings.client_id)}:{reveal(settings.client_secret)}".encode())
            said = self._web.post(
                f"{settings.site}/api/v1/access_token",
                form={"grant_type": "client_credentials"},
                headers={"authorization": f"Basic {keys.decode()}"},
            ).json()
            token, seconds = words(said, "access_token"), number(said, "expires_in") or 0
            if not token:
                raise FetchFailed(
                    "Reddit gave no token for these keys: check that the app is approved and the keys are right"
                )
            self._token = token, now + timedelta(seconds=min(seconds, 86_400)) - _EARLY
        return self._token[0]


def in_plain_words(error: FetchFailed) -> FetchFailed:
    """A refusal as a state that people understand, with the time of the next try."""
    if error.status is None or error.status not in _STATES:
        return error
    said, wait = _STATES[error.status]
    return FetchFailed(said, error.retry_after or wait, status=error.status)


def _page_of(at: Pass) -> dict[str, Any]:
    return {"limit": PAGE_SIZE} | ({"after": at.next} if at.next is not None else {})
