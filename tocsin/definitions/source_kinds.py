"""The kinds of sources, and the traits of each that all parts of Tocsin must know. The connectors, which fetch, live in ingest.

A new kind is one file in `ingest/sources/` and one entry here. A trait that an entry leaves out keeps its default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """One kind of source. `connector` and `settings` are `module:class`, of the code and of the model of its settings."""

    kind: str
    connector: str
    settings: str
    # Tocsin asks the source for new mentions. A source that is not asked waits for pushes, so its silence is no failure.
    asked: bool = True
    # Every mention that came through the source belongs to it, whatever source the mention names.
    fixes_source: bool = False
    # The source reads files. A dead letter of it may be a row of CSV, with times in the zone of its setting `timezone`.
    reads_files: bool = False
    # The source holds a connection open, which is made again soon after it is lost.
    streams: bool = False
    # Nothing comes without a key or token of the user's own.
    needs_key: bool = False
    # One line each, for people who choose a source: what it costs, and what limits it.
    price: str = "free"
    limit: str = "none"


SOURCE_KINDS: Final[dict[str, SourceKind]] = {
    one.kind: one
    for one in (
        SourceKind(
            kind="bluesky",
            connector="ingest.sources.bluesky:BlueskySource",
            settings="ingest.sources.bluesky:BlueskySettings",
            fixes_source=True,
            streams=True,
            limit="none is stated; after an outage the last 36 hours are heard",
        ),
        SourceKind(
            kind="appstore",
            connector="ingest.sources.appstore:AppStoreSource",
            settings="ingest.sources.appstore:AppStoreSettings",
            fixes_source=True,
            limit="the last 500 reviews of a country; Apple states no limit of requests, and Tocsin makes 20 a minute at most",
        ),
        SourceKind(
            kind="discourse",
            connector="ingest.sources.discourse:DiscourseSource",
            settings="ingest.sources.discourse:DiscourseSettings",
            fixes_source=True,
            limit="200 requests a minute a forum; categories that need signing in are not heard",
        ),
        SourceKind(
            kind="feed",
            connector="ingest.sources.feed:FeedSource",
            settings="ingest.sources.feed:FeedSettings",
            fixes_source=True,
            limit="as often as the feed allows; what leaves the feed between two fetches is not heard",
        ),
        SourceKind(
            kind="file",
            connector="ingest.sources.file:FileSource",
            settings="ingest.sources.file:FileSettings",
            reads_files=True,
            limit="what the file holds",
        ),
        SourceKind(
            kind="github",
            connector="ingest.sources.github:GitHubSource",
            settings="ingest.sources.github:GitHubSettings",
            fixes_source=True,
            limit="60 requests an hour, 5,000 with a token; discussions only with a token",
        ),
        SourceKind(
            kind="gdelt",
            connector="ingest.sources.gdelt:GdeltSource",
            settings="ingest.sources.gdelt:GdeltSettings",
            fixes_source=True,
            limit="one request in 5 seconds for all searches together; 250 articles of a step of 15 minutes",
        ),
        SourceKind(
            kind="imap",
            connector="ingest.sources.imap:ImapSource",
            settings="ingest.sources.imap:ImapSettings",
            fixes_source=True,
            needs_key=True,
            limit="what the mail server allows; the first 512 KB of a mail, without its attachments",
        ),
        SourceKind(
            kind="meta",
            connector="ingest.sources.meta:MetaSource",
            settings="ingest.sources.meta:MetaSettings",
            fixes_source=True,
            needs_key=True,
            limit="200 requests an hour and more for pages with many visitors; the newest 50 posts of the page",
        ),
        SourceKind(
            kind="hackernews",
            connector="ingest.sources.hackernews:HackerNewsSource",
            settings="ingest.sources.hackernews:HackerNewsSettings",
            fixes_source=True,
            limit="10,000 requests an hour; edits only in the first minutes",
        ),
        SourceKind(
            kind="lemmy",
            connector="ingest.sources.lemmy:LemmySource",
            settings="ingest.sources.lemmy:LemmySettings",
            fixes_source=True,
            limit="each instance sets its own; Tocsin asks 60 times a minute at most",
        ),
        SourceKind(
            kind="kafka",
            connector="ingest.sources.kafka_topic:KafkaTopicSource",
            settings="ingest.sources.kafka_topic:KafkaTopicSettings",
            fixes_source=True,
            streams=True,
            limit="what the topic keeps",
        ),
        SourceKind(
            kind="mastodon",
            connector="ingest.sources.mastodon:MastodonSource",
            settings="ingest.sources.mastodon:MastodonSettings",
            fixes_source=True,
            limit="300 requests in five minutes an instance; what the instance knows, and shows without signing in",
        ),
        SourceKind(
            kind="mastodon_stream",
            connector="ingest.sources.mastodon_stream:MastodonStreamSource",
            settings="ingest.sources.mastodon_stream:MastodonStreamSettings",
            fixes_source=True,
            streams=True,
            needs_key=True,
            limit="what the instance streams; after an outage, 300 pages in five minutes",
        ),
        SourceKind(
            kind="nostr",
            connector="ingest.sources.nostr:NostrSource",
            settings="ingest.sources.nostr:NostrSettings",
            fixes_source=True,
            streams=True,
            limit="what each relay sets for itself",
        ),
        SourceKind(
            kind="news",
            connector="ingest.sources.news:NewsSource",
            settings="ingest.sources.news:NewsSettings",
            fixes_source=True,
            limit="what robots.txt allows; one page of a host in 5 seconds; needs the extra `news`",
        ),
        SourceKind(
            kind="podcast",
            connector="ingest.sources.podcast:PodcastSource",
            settings="ingest.sources.podcast:PodcastSettings",
            fixes_source=True,
            limit="episodes with a transcript in their feed; the first 64 KB of it",
        ),
        SourceKind(
            kind="push",
            connector="ingest.sources.push:PushSource",
            settings="ingest.sources.push:PushSettings",
            asked=False,
            limit="what the sender sends",
        ),
        SourceKind(
            kind="reddit",
            connector="ingest.sources.reddit:RedditSource",
            settings="ingest.sources.reddit:RedditSettings",
            fixes_source=True,
            needs_key=True,
            limit="one request a minute with a feed token, 100 with approved keys; 1,000 posts of a list",
        ),
        SourceKind(
            kind="stackexchange",
            connector="ingest.sources.stackexchange:StackExchangeSource",
            settings="ingest.sources.stackexchange:StackExchangeSettings",
            fixes_source=True,
            limit="300 requests a day, 10,000 with a key; comments are not read",
        ),
        SourceKind(
            kind="telegram",
            connector="ingest.sources.telegram:TelegramSource",
            settings="ingest.sources.telegram:TelegramSettings",
            fixes_source=True,
            limit="Telegram states no limit for its pages, and Tocsin makes 30 requests a minute at most",
        ),
        SourceKind(
            kind="telegram_bot",
            connector="ingest.sources.telegram_bot:TelegramBotSource",
            settings="ingest.sources.telegram_bot:TelegramBotSettings",
            fixes_source=True,
            needs_key=True,
            limit="what is sent where the bot is; Telegram keeps it for 24 hours",
        ),
        SourceKind(
            kind="x",
            connector="ingest.sources.x:XSource",
            settings="ingest.sources.x:XSettings",
            fixes_source=True,
            needs_key=True,
            price="$0.005 a post and $0.010 an author, paid to X in advance (its prices in 2026)",
            limit="60 requests in 15 minutes; the last seven days; posts_per_day bounds what a day may cost",
        ),
        SourceKind(
            kind="x_stream",
            connector="ingest.sources.x_stream:XStreamSource",
            settings="ingest.sources.x_posts:XStreamSettings",
            fixes_source=True,
            streams=True,
            needs_key=True,
            price="$0.005 a post and $0.010 an author, paid to X in advance (its prices in 2026)",
            limit="one connection; 1,000 rules of 1,024 characters; 250 posts a second; posts_per_day bounds what a day may cost",
        ),
        SourceKind(
            kind="youtube",
            connector="ingest.sources.youtube:YouTubeSource",
            settings="ingest.sources.youtube:YouTubeSettings",
            fixes_source=True,
            limit="the last 15 videos of a channel, without their figures",
        ),
        SourceKind(
            kind="youtube_comments",
            connector="ingest.sources.youtube_comments:YouTubeCommentsSource",
            settings="ingest.sources.youtube_comments:YouTubeCommentsSettings",
            fixes_source=True,
            needs_key=True,
            price="free within the key's quota",
            limit="10,000 units a day unless Google grants more; a page of 100 threads or replies costs one",
        ),
        SourceKind(
            kind="wikimedia",
            connector="ingest.sources.wikimedia:WikimediaSource",
            settings="ingest.sources.wikimedia:WikimediaSettings",
            fixes_source=True,
            streams=True,
            limit="none is stated; after an outage the last 7 days are heard",
        ),
    )
}


def source_kind(kind: str) -> SourceKind:
    """The kind of that name. An unknown name gives a plain kind, from which nothing can be fetched."""
    return SOURCE_KINDS.get(kind) or SourceKind(kind=kind, connector="", settings="")
