"""The videos of a YouTube channel, by the feed that YouTube gives of every channel, without a key.

The feed shows the last fifteen videos. YouTube answers 404 for it now and then, for minutes or for days, while the channel
is there: so a 404 is a failure that passes, and never means that the channel is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.budget import Budget
from ingest.newest_first import Pass, ShownPage, ShownPost, step
from ingest.plain import moment, taken
from ingest.source import Cursor, Fetched, FetchFailed, SourceContext, read_cursor
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.places import Language, WebAddress
from ingest.web import Answer, Web
from tocsin.core import patterns

BUDGET = Budget(60, per_s=60)
"""YouTube names no limit for its feeds. This one is ours."""

SHOWN = 15
_ID = "yt:video:"


class YouTubeSettings(BaseModel):
    """The settings of a channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(
        pattern=patterns.YOUTUBE_CHANNEL,
        description="The channel's id, which begins with UC (not its @handle).",
    )
    interval_s: int = Field(600, ge=60, le=86_400, description="How often to ask.")
    lang: Language | None = Field(None, description="The language of its videos, where it has one.")
    site: WebAddress = Field("https://www.youtube.com", description="YouTube's address.")


class YouTubeSource:
    """A channel's videos as a source; the module's docstring describes how they are read."""

    kind = "youtube"
    remote = True

    def __init__(
        self,
        context: SourceContext,
        settings: YouTubeSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
    ) -> None:
        self._name, self._settings, self._parse = context.name, settings, parse
        self._web = Web(context, BUDGET, who="YouTube")
        self.target = f"{settings.site}/feeds/videos.xml?channel_id={settings.channel}"
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        at = read_cursor(cursor, Pass).again()
        answer = self._ask()
        parsed = self._parse(answer.body, answer.headers.get("content-type", ""))
        read = step(at, videos(parsed, self._settings.lang), now)
        mentions, bad = taken(read.brought, self._name)
        return Fetched(mentions, bad, msgspec.to_builtins(read.after), gaps=read.gaps, warning=parsed.warning)

    def close(self) -> None:
        pass

    def _ask(self) -> Answer:
        try:
            return self._web.get(self.target)
        except FetchFailed as error:
            if error.status != 404:
                raise
            raise FetchFailed(
                "YouTube answered 404: its feeds do that now and then though the channel is there, so it is asked again; "
                "where it never worked, check the channel's id",
                error.retry_after,
                status=404,
            ) from None


def videos(parsed: Parsed, lang: str | None) -> ShownPage:
    """The videos of the feed."""
    entries = [
        ShownPost(_fields(one, lang), moment(one.get("created_at")))
        for one in parsed.entries
        if str(one.get("id")).startswith(_ID)
    ]
    cut = f"YouTube's feed shows the last {SHOWN} videos" if len(entries) >= SHOWN else None
    return ShownPage(entries, cut=cut)


def _fields(entry: Mapping[str, Any], lang: str | None) -> dict[str, Any]:
    id = str(entry["id"]).removeprefix(_ID)
    # The feed's `updated` moves with the figures of a video, and so tells of no edit.
    kept = {name: value for name, value in entry.items() if name != "edited_at"}
    return kept | {"id": id, "thread": id, "network": "youtube", "lang": entry.get("lang") or lang}
