"""The feed of a podcast on loopback, and the transcripts of its episodes."""

from __future__ import annotations

from email.utils import format_datetime

from ingest.source import Source, SourceContext
from ingest.sources.feed_parsing import parse_feed
from ingest.sources.podcast import BUDGET, PodcastSettings, PodcastSource
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World
from tests.ingest.networks.news import ONE_PAGE, clean
from tocsin.definitions.models import SourceDef


def item(world: World, post: Post) -> str:
    """An episode; those of "silent" have no transcript."""
    words = f"<podcast:transcript url='{world.url}/t/{post.id}.vtt' type='text/vtt' language='nl'/>"
    return (
        f"<item><guid isPermaLink='false'>{post.id}</guid><title>Aflevering</title>"
        f"<description>Over ketels, {len(post.text)}</description>{'' if post.author == 'silent' else words}"
        f"<enclosure url='{world.url}/{post.id}.mp3' type='audio/mpeg' length='1'/>"
        f"<pubDate>{format_datetime(post.at, usegmt=True)}</pubDate></item>"
    )


def serve(world: World, request: Request) -> Reply:
    if request.path == "/feed":
        items = "".join(item(world, post) for post in reversed(world.there))
        body = (
            "<rss version='2.0' xmlns:podcast='https://podcastindex.org/namespace/1.0'><channel>"
            f"<title>Ketelpraat</title>{items}</channel></rss>"
        )
        return Reply(body.encode(), headers={"content-type": "application/rss+xml"})
    found = [post for post in world.there if request.path == f"/t/{post.id}.vtt"]
    if not found:
        return Reply(status=404)
    words = clean(found[0].text).replace("\n", " ").replace("\r", " ")
    cues = f"WEBVTT\n\n1\n00:00.000 --> 00:04.000\n<v Ayse>{words}\n"
    return Reply(cues.encode(), headers={"content-type": "text/vtt"})


def make(definition: SourceDef, world: World) -> Source:
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return PodcastSource(context, PodcastSettings.model_validate(definition.settings), parse_feed)


NETWORK = Network(
    kind="podcast",
    settings=lambda url: {"url": f"{url}/feed"},
    serve=serve,
    shapes="as `feed`; podcast namespace 1.0 (podcastindex.org): transcript, and its formats SRT, WebVTT, JSON, HTML",
    budget=BUDGET,
    make=make,
    odd_cursors=({"waiting": [{"mention": {"id": 1}, "since": "2026-03-01T00:00:00Z"}]}, {"known": ["x"]}),
    not_here=ONE_PAGE,
)
