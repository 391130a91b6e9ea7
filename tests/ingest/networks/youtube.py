"""The feed of a YouTube channel on loopback: Atom, the last fifteen videos."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ingest.source import Source, SourceContext
from ingest.sources.feed_parsing import parse_feed
from ingest.sources.youtube import BUDGET, SHOWN, YouTubeSettings, YouTubeSource
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World, posts
from tests.ingest.networks.feed import _NEVER_IN_XML
from tocsin.definitions.models import SourceDef

CHANNEL = "UC" + "a" * 22


def entry(post: Post) -> str:
    text = escape(_NEVER_IN_XML.sub("\ufffd", post.text))
    return (
        f"<entry><id>yt:video:{post.id}</id><yt:videoId>{post.id}</yt:videoId><yt:channelId>{CHANNEL}</yt:channelId>"
        f"<title>Video</title><link rel='alternate' href='https://www.youtube.com/watch?v={post.id}'/>"
        f"<author><name>{post.author}</name><uri>https://www.youtube.com/channel/{CHANNEL}</uri></author>"
        f"<published>{post.at.isoformat()}</published><updated>{(post.edited_at or post.at).isoformat()}</updated>"
        f"<media:group><media:title>Video</media:title><media:description>{text}</media:description>"
        "<media:community><media:statistics views='12'/></media:community></media:group></entry>"
    )


def serve(world: World, request: Request) -> Reply:
    if request.path != "/feeds/videos.xml" or request.query.get("channel_id") != CHANNEL:
        return Reply(status=404)
    entries = "".join(entry(one) for one in list(reversed(world.there))[:SHOWN])
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><feed xmlns:yt='http://www.youtube.com/xml/schemas/2015' "
        "xmlns:media='http://search.yahoo.com/mrss/' xmlns='http://www.w3.org/2005/Atom'>"
        f"<id>yt:channel:{CHANNEL}</id><title>Kanaal</title>{entries}</feed>"
    )
    return Reply(body.encode(), headers={"content-type": "text/xml; charset=UTF-8"})


def grow_old(world: World) -> None:
    world.posts = posts(SHOWN, first=5000)


def make(definition: SourceDef, world: World) -> Source:
    """The feed is parsed here, not in a process of its own, which `tests/ingest/test_feeds.py` tests."""
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return YouTubeSource(context, YouTubeSettings.model_validate(definition.settings), parse_feed)


NETWORK = Network(
    kind="youtube",
    settings=lambda url: {"channel": CHANNEL, "site": url},
    serve=serve,
    shapes="RFC 4287 (Atom); Media RSS 1.5.1; the feed's own names as YouTube gives them",
    budget=BUDGET,
    html=True,
    grow_old=grow_old,
    make=make,
    odd_cursors=({"known": {"x": "y"}}, {"next": "2"}),
    not_here={
        "test_all_pages_are_read": "the feed is one page",
        "test_a_death_between_two_pages_loses_nothing": "the feed is one page",
        "test_a_deletion_is_told": "the feed does not tell of deletions",
    },
)
