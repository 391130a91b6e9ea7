"""A feed of RSS 2.0 on loopback."""

from __future__ import annotations

import re
from email.utils import format_datetime
from xml.sax.saxutils import escape

from ingest.source import Source, SourceContext
from ingest.sources.feed import FeedSettings, FeedSource
from ingest.sources.feed_parsing import parse_feed
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World
from tocsin.definitions.models import SourceDef

_NEVER_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def item(post: Post) -> str:
    text = escape(_NEVER_IN_XML.sub("\ufffd", post.text))
    return (
        f"<item><guid isPermaLink='false'>{post.id}</guid><description>{text}</description>"
        f"<author>{post.author}</author><pubDate>{format_datetime(post.at, usegmt=True)}</pubDate></item>"
    )


def serve(world: World, request: Request) -> Reply:
    items = "".join(item(post) for post in reversed(world.there))
    body = f"<rss version='2.0'><channel><title>Forum</title>{items}</channel></rss>"
    return Reply(body.encode(), headers={"content-type": "application/rss+xml"})


def make(definition: SourceDef, world: World) -> Source:
    """The feed is parsed here, not in a process of its own, which `tests/ingest/test_feeds.py` tests."""
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return FeedSource(context, FeedSettings.model_validate(definition.settings), parse_feed)


NETWORK = Network(
    kind="feed",
    settings=lambda url: {"url": f"{url}/feed"},
    serve=serve,
    shapes="RSS 2.0 Specification (rssboard.org); RFC 4287, The Atom Syndication Format",
    html=True,
    make=make,
    odd_cursors=({"seen": ["0" * 16]}, {"etag": "other", "modified": "never"}, {"body": "0"}),
    not_here={
        "test_all_pages_are_read": "a feed is one page",
        "test_a_death_between_two_pages_loses_nothing": "a feed is one page",
        "test_an_edit_is_brought_as_a_version": "RSS has no time of an edit; tests/ingest/test_feeds.py edits an Atom feed",
        "test_a_deletion_is_told": "a feed does not tell of deletions",
        "test_a_spent_budget_is_waited_for_without_a_request": "a feed states no limit",
        "test_the_source_counts_against_the_budget_that_the_network_states": "a feed states no limit",
    },
)
