"""A podcast: the episodes of its feed, each with the words of its transcript where the feed links to one.

A transcript is `podcast:transcript` of the podcast namespace: SubRip, WebVTT, JSON, HTML or plain text. Of several, the last
in the feed is read. An episode without one is brought with its description; when a transcript comes later, it is an edit.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from ingest.budget import Budget
from ingest.plain import words
from ingest.source import FetchFailed, SourceContext
from ingest.sources.feed import FeedSettings, FeedSource
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.linked import LinkedFeed, LinkReader, with_words
from ingest.sources.places import Network
from ingest.sources.transcripts import transcript
from ingest.web import Web
from tocsin.core.mention import Mention

BUDGET = Budget(1, per_s=2)
"""Of one host that gives transcripts. Podcast hosts name none; this one is ours."""

MOST_BYTES = 4 * 1024 * 1024


class PodcastSettings(FeedSettings):
    """The settings of a podcast."""

    network: Network = Field("podcast", description="The network its mentions count for.")


class PodcastSource(LinkedFeed):
    """A podcast as a source; the module's docstring describes how it is read."""

    kind = "podcast"

    def __init__(
        self,
        context: SourceContext,
        settings: PodcastSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
    ) -> None:
        feed = FeedSource(context, settings, parse)
        self._web = Web(context, BUDGET, who="the host of the transcript")
        super().__init__(feed, LinkReader(_address, self._read_words))

    def _read_words(self, mention: Mention, url: str) -> Mention:
        answer = self._web.get(url, most_bytes=MOST_BYTES)
        kind = words(mention.extra, "transcript", "type") or answer.headers.get("content-type", "")
        said = transcript(answer.body, kind)
        if not said:
            raise FetchFailed("the transcript holds no words")
        return with_words(mention, f"{mention.text}\n\n{said}".strip())


def _address(mention: Mention) -> str | None:
    url = words(mention.extra, "transcript", "url")
    return url if url.startswith(("http://", "https://")) else None
