"""A public Telegram channel, read off its page `t.me/s/NAME`, for which no key is needed.

The page shows some twenty posts, the newest last, and older ones when asked for those before a post. Each reading begins at
the newest page. So an edited post is noticed while it stands there, and a post that is gone from between its neighbours
counts as deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.newest_first import Pass, ShownPage, ShownPost, step
from ingest.plain import moment, taken
from ingest.source import Cursor, Fetched, FetchFailed, Removed, SourceContext, read_cursor
from ingest.sources.places import Language, WebAddress
from ingest.sources.telegram_page import ChannelPage, fields, read_page
from ingest.web import Web
from tocsin.core import patterns

BUDGET = Budget(30, per_s=60)
"""Telegram names no limit for these pages. This one is ours, and all channels share it."""

# Pages of a channel that is read for the first time.
FIRST_PAGES = 3


class TelegramSettings(BaseModel):
    """The settings of a channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(pattern=patterns.TELEGRAM_CHANNEL, description="Its public name, as in t.me/NAME.")
    interval_s: int = Field(60, ge=20, le=86_400, description="How often to ask.")
    lang: Language | None = Field(None, description="The language of its posts, where it has one.")
    site: WebAddress = Field("https://t.me", description="Telegram's address.")


class TelegramSource:
    """A channel as a source; the module's docstring describes how it is read."""

    kind = "telegram"
    remote = True

    def __init__(self, context: SourceContext, settings: TelegramSettings) -> None:
        self._name, self._settings = context.name, settings
        self._channel = settings.channel.removeprefix("@")
        self._web = Web(context, BUDGET, who="Telegram")
        self.target = f"{settings.site}/s/{self._channel}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """One page."""
        at = read_cursor(cursor, Pass).sound()
        params = {"before": at.next} if at.next else None
        found = read_page(self._web.get(self.target, params=params).text())
        self._check(found, at)
        read = step(at, self._page(found, at), now, FIRST_PAGES)
        gone = _gone(found, at)
        known = {key: mark for key, mark in read.after.known.items() if key not in gone}
        after = msgspec.structs.replace(read.after, known=known)
        mentions, bad = taken(read.brought, self._name)
        removed = [Removed(id=f"{found.posts[0].channel}/{number}") for number in gone]
        return Fetched(
            mentions, bad, msgspec.to_builtins(after), more=read.more, gaps=read.gaps, removed=removed
        )

    def close(self) -> None:
        pass

    def _check(self, found: ChannelPage, at: Pass) -> None:
        if not found.is_channel and not found.posts:
            raise FetchFailed(
                f"Telegram shows no page of posts for {self._channel}: it is private, renamed, no channel, or shows "
                "its posts in the app only"
            )
        if not found.posts and at.pages == 0 and at.since is not None:
            raise FetchFailed(f"Telegram shows no posts of {self._channel}, which had some before")

    def _page(self, found: ChannelPage, at: Pass) -> ShownPage:
        lang = {"lang": self._settings.lang} if self._settings.lang else {}
        entries = [
            ShownPost(fields(post, found) | lang, moment(post.posted), str(post.number))
            for post in reversed(found.posts)
            if not post.is_service
        ]
        lowest = min((post.number for post in found.posts), default=0)
        cut = "Telegram showed an empty page" if not found.posts and at.pages else None
        return ShownPage(entries, str(lowest) if lowest > 1 else None, cut)


def _gone(found: ChannelPage, at: Pass) -> Sequence[str]:
    """The numbers of known posts that stood between posts of this page, and stand there no more."""
    numbers = {post.number for post in found.posts}
    if not numbers or at.pages:
        return ()
    known = [int(key) for key in at.known if key.isascii() and key.isdigit()]
    return [str(one) for one in known if min(numbers) < one < max(numbers) and one not in numbers]
