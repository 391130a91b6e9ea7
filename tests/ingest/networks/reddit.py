"""The API of Reddit on loopback: signing in with an app's keys, and the new posts of subreddits. `feed` is the same as a feed."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.sax.saxutils import escape

from ingest.sources.reddit import BUDGET_WITH_KEYS, PAGE_SIZE
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tocsin.core.clock import iso

ENVIRONMENT = {"REDDIT_ID": "an-app-id", "REDDIT_SECRET": "an-app-secret"}
TOKEN = "a-token-of-the-api"
PLACE = "/r/kettles+tea/new"
_NEVER_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def name_of(post: Post) -> str:
    return f"t3_{post.id}"


def thing(post: Post, deleted: bool = False) -> dict[str, Any]:
    data = {
        "name": name_of(post),
        "id": post.id,
        "title": "Ketel",
        "selftext": "[removed]" if deleted else post.text,
        "author": post.author,
        "subreddit": "kettles",
        "created_utc": post.at.timestamp(),
        "edited": post.edited_at.timestamp() if post.edited_at else False,
        "permalink": f"/r/kettles/comments/{post.id}/ketel/",
        "url": f"https://www.reddit.com/r/kettles/comments/{post.id}/ketel/",
        "is_self": True,
        "ups": 5,
        "num_comments": 2,
    }
    return {"kind": "t3", "data": data}


def entry(post: Post) -> str:
    text = escape(_NEVER_IN_XML.sub("\ufffd", post.text))
    body = f'{text} &amp;#32; submitted by &amp;#32; &lt;a href="#"&gt; /u/{post.author} &lt;/a&gt; [link] [comments]'
    return (
        f"<entry><author><name>/u/{post.author}</name></author><id>{name_of(post)}</id><title>Ketel</title>"
        f'<link href="https://www.reddit.com/r/kettles/comments/{post.id}/ketel/"/>'
        f"<published>{iso(post.at)}</published><updated>{iso(post.at)}</updated>"
        f'<content type="html">{body}</content></entry>'
    )


def page_of(world: World, request: Request) -> list[Post]:
    """The posts after the one that the question names, newest first."""
    everything = sorted(
        (one for one in world.posts if one.number >= world.first_kept), key=lambda one: -one.number
    )
    names = [name_of(one) for one in everything]
    after = request.query.get("after")
    start = names.index(after) + 1 if after in names else 0
    return everything[start : start + int(request.query["limit"])]


def serve(world: World, request: Request) -> Reply:
    if request.path == "/api/v1/access_token":
        keys = base64.b64encode(b"an-app-id:an-app-secret").decode()
        assert (request.method, request.body) == ("POST", b"grant_type=client_credentials")
        assert request.headers["authorization"] == f"Basic {keys}"
        return as_json({"access_token": TOKEN, "token_type": "bearer", "expires_in": 86_400, "scope": "*"})
    if request.path != PLACE:
        return as_json({"message": "Not Found", "error": 404}, 404)
    if request.headers.get("authorization") != f"Bearer {TOKEN}" or world.notes.pop("forget", None):
        return as_json({"message": "Unauthorized", "error": 401}, 401)
    found = page_of(world, request)
    kept = [one for one in world.posts if one.number >= world.first_kept]
    more = bool(found) and found[-1].number > min(one.number for one in kept)
    children = [thing(one, one.number in world.deleted) for one in found]
    after = name_of(found[-1]) if more else None
    return as_json({"kind": "Listing", "data": {"after": after, "before": None, "children": children}})


def serve_feed(world: World, request: Request) -> Reply:
    if (
        request.path not in (f"{PLACE}/.rss", "/r/kettles+tea/comments/.rss")
        or request.query.get("feed") != "a-feed-token"
    ):
        return Reply(b"<h1>Blocked</h1>", 403, {"content-type": "text/html"})
    entries = "".join(map(entry, page_of(world, request)))
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>newest</title>{entries}</feed>'
    return Reply(feed.encode(), headers={"content-type": "application/atom+xml"})


NETWORK = Network(
    kind="reddit",
    settings=lambda url: {
        "site": url,
        "api": url,
        "subreddits": ["kettles", "r/tea"],
        "client_id": "env:REDDIT_ID",
        "client_secret": "env:REDDIT_SECRET",
    },
    serve=serve,
    shapes="Reddit API (reddit.com/dev/api): listings, OAuth2; RFC 4287 (Atom) as reddit.com/wiki/rss describes it",
    page=PAGE_SIZE,
    budget=BUDGET_WITH_KEYS,
    id_of=name_of,
    environment=ENVIRONMENT,
    odd_cursors=(
        {"lanes": {"posts": {"next": "t3_gone"}}},
        {"lanes": {"posts": {"since": 5}}},
        {"lanes": [1]},
    ),
    not_here={
        "test_all_pages_are_read": "the first reading begins with the newest page: test_reddit.py reads pages after it",
        "test_a_death_between_two_pages_loses_nothing": "the first reading begins with the newest page",
    },
)
