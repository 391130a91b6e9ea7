"""A feed of news on loopback, the pages of its articles, and a robots.txt."""

from __future__ import annotations

from email.utils import format_datetime
from xml.sax.saxutils import escape

from ingest.markup import html_to_text
from ingest.source import Source, SourceContext
from ingest.sources.feed_parsing import parse_feed
from ingest.sources.news import BUDGET, NewsSettings, NewsSource
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World
from tests.ingest.networks.feed import _NEVER_IN_XML
from tocsin.definitions.models import SourceDef

ROBOTS = "User-agent: *\nDisallow: /secret/\nCrawl-delay: 1\n"
MORE = "De bewoners van de wijk zitten al drie dagen zonder warm water, en de monteur komt pas volgende week langs."


def clean(text: str) -> str:
    return escape(_NEVER_IN_XML.sub("\ufffd", text))


def item(world: World, post: Post) -> str:
    folder = "secret" if post.author == "hidden" else "nieuws"
    return (
        f"<item><guid isPermaLink='false'>{post.id}</guid><title>Kop</title>"
        f"<link>{world.url}/{folder}/{post.id}</link><description>{clean(post.text[:300])}</description>"
        f"<pubDate>{format_datetime(post.at, usegmt=True)}</pubDate></item>"
    )


def page(post: Post) -> str:
    """The article between what stands around articles."""
    return (
        "<html lang='nl'><head><title>Kop - Nieuws</title><meta name='author' content='Jan de Wit'></head><body>"
        "<nav><a href='/'>Home</a> <a href='/sport'>Sport</a></nav><article><h1>Kop</h1>"
        f"<p>{clean(post.text)}</p><p>{MORE}</p></article><footer>Cookies</footer></body></html>"
    )


def serve(world: World, request: Request) -> Reply:
    if request.path == "/robots.txt":
        body, status = world.notes.get("robots", (ROBOTS, 200))
        return Reply(body.encode(), status, {"content-type": "text/plain"})
    if request.path == "/feed":
        items = "".join(item(world, post) for post in reversed(world.there))
        body = (
            f"<rss version='2.0'><channel><title>Nieuws</title><language>nl</language>{items}</channel></rss>"
        )
        return Reply(body.encode(), headers={"content-type": "application/rss+xml"})
    found = [post for post in world.there if request.path == f"/nieuws/{post.id}"]
    return Reply(
        page(found[0]).encode() if found else b"", 200 if found else 404, {"content-type": "text/html"}
    )


def all_words(data: bytes, url: str) -> dict[str, str]:
    """All words of the page."""
    return {"text": html_to_text(data.decode("utf-8", "replace")), "author": "Jan de Wit"}


def make(definition: SourceDef, world: World) -> Source:
    """The feed is parsed here. The reader of articles is a plain one; `tests/ingest/test_news.py` has the real one."""
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return NewsSource(context, NewsSettings.model_validate(definition.settings), parse_feed, all_words)


ONE_PAGE = {
    "test_all_pages_are_read": "a feed is one page",
    "test_a_death_between_two_pages_loses_nothing": "a feed is one page",
    "test_a_deletion_is_told": "a feed does not tell of deletions",
}
NETWORK = Network(
    kind="news",
    settings=lambda url: {"url": f"{url}/feed"},
    serve=serve,
    shapes="as `feed`; RFC 9309, Robots Exclusion Protocol; HTML as trafilatura reads it",
    budget=BUDGET,
    make=make,
    odd_cursors=({"waiting": [{"mention": {"id": 1}, "since": "2026-03-01T00:00:00Z"}]}, {"known": ["x"]}),
    not_here=ONE_PAGE,
)
