"""Posts on X by the recent search of its API v2, with the user's own token and money: X bills each post that it gives.

The search gives the newest posts first and reaches seven days back. Pages are asked for by the ids of posts, which hold their
times, so an interrupted reading goes on days later. Recent posts are looked up again now and then. A post that X no longer
shows is removed, as its terms ask.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import Field, model_validator

from ingest.budget import Budget
from ingest.plain import taken, words
from ingest.source import Cursor, Fetched, FetchFailed, Gap, SourceContext, read_cursor
from ingest.sources.places import SearchOrNone
from ingest.sources.x_account import XAccountSettings
from ingest.sources.x_api import (
    MARGIN,
    PAGE_SIZE,
    REACH,
    Moment,
    PostId,
    XApi,
    id_at,
    ids_of,
    posts,
    time_of,
    what_is_asked,
)
from ingest.sources.x_gone import XGone
from ingest.sources.x_paid import Paid, today, too_much, until_tomorrow, with_more
from ingest.sources.x_query import XSearch, search_of, unasked
from tocsin.core.sentences import Sentence

BUDGET = Budget(60, per_s=900)
"""Of recent search, for an app without a contract of its own."""


class XSettings(XAccountSettings):
    """The settings of a search."""

    query: SearchOrNone = Field(
        "",
        max_length=4096,
        description="In X's own words, such as (vaillant OR @vaillant) lang:nl -is:retweet.",
    )
    monitors: bool = Field(
        False, description="Look for what the monitors' queries ask for; `query` then narrows it."
    )
    interval_s: int = Field(300, ge=15, le=86_400, description="How often to ask.")
    look_back_hours: int = Field(24, ge=1, le=167, description="How far back the first reading goes.")

    @model_validator(mode="after")
    def _looks_for_something(self) -> XSettings:
        if len(self.query.strip()) < 2 and not self.monitors:
            raise ValueError(Sentence("nothing is looked for: set query or monitors"))
        return self


class _Cursor(Paid, frozen=True, omit_defaults=True, kw_only=True):
    # Posts up to this one were brought.
    since: PostId = 0
    # When everything up to then was brought.
    heard: Moment | None = None
    # Of the reading under way: its newest post, and the one that the next page ends before.
    newest: PostId = 0
    until: PostId = 0


class XSource:
    """A search as a source; the module's docstring describes how it is read."""

    kind = "x"
    remote = True

    def __init__(self, context: SourceContext, settings: XSettings) -> None:
        self._name, self._settings, self._queries = context.name, settings, context.queries
        self._api = XApi(context, settings.site, settings.token, BUDGET)
        self._gone = XGone(context, self._api, settings)
        self.target = f"{settings.site} {'monitors' if settings.monitors else ''} {settings.query}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page of the search, or one lookup of posts that were brought before."""
        at = read_cursor(cursor, _Cursor)
        at = msgspec.structs.replace(at, **today(at, now))
        left = self._settings.posts_per_day - at.paid
        if left < 10:
            return Fetched(
                cursor=msgspec.to_builtins(at),
                retry_after=until_tomorrow(now),
                warning=too_much(self._settings.posts_per_day),
            )
        if not at.until and (told := self._gone.look(at, now, left)) is not None:
            return told
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
            # The rest of this reading is out of reach by now.
            at = msgspec.structs.replace(at, since=max(begin, at.newest), newest=0, until=0)
            begin = at.since
        params: dict[str, Any] = {"query": search.text, "max_results": most, "since_id": begin}
        params |= what_is_asked(self._settings.authors)
        if at.until:
            params["until_id"] = at.until
        answer = self._api.get("/2/tweets/search/recent", params)
        found, ids = posts(answer), ids_of(answer)
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
            recent=with_more(at, found),
        )
        cursor = msgspec.to_builtins(after)
        warning = self._gone.warning or unasked(search.left_out)
        return Fetched(mentions, bad, cursor, more=more, gaps=gaps, warning=warning)
