"""Meta's Graph API on loopback: the posts of a page, and the comments under them, the newest first."""

from __future__ import annotations

from typing import Any

from ingest.sources.meta import BUDGET, COMMENTS
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json

TOKEN = "made-up-page-token"
PAGE, POST = "ketelbv", "10_20"


def comment(post: Post) -> dict[str, Any]:
    return {
        "id": f"20_{post.id}",
        "message": post.text,
        "created_time": f"{post.at:%Y-%m-%dT%H:%M:%S}+0000",
        "from": {"id": "77", "name": post.author},
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/20?comment_id={post.id}",
        "parent": {"id": "20_5"},
        "like_count": 1,
        "comment_count": 2,
    }


def refused(code: int, status: int = 400) -> Reply:
    return as_json({"error": {"message": "no", "type": "OAuthException", "code": code}}, status)


def serve(world: World, request: Request) -> Reply:
    """All posts of the world are comments under one post of the page; `notes` may hold other posts."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return refused(190, 401)
    if request.path == f"/v26.0/{PAGE}/feed":
        now = world.clock.now()
        shown = [
            {"id": id, "updated_time": f"{now:%Y-%m-%dT%H:%M:%S}+0000"}
            for id in world.notes.get("posts", [POST])
        ]
        return as_json({"data": shown})
    if request.path != f"/v26.0/{POST}/comments":
        return refused(100)
    assert (request.query["order"], request.query["filter"]) == ("reverse_chronological", "stream")
    begin = int(request.query.get("after", 0))
    found = list(reversed(world.there))
    page = [comment(one) for one in found[begin : begin + COMMENTS]]
    paging: dict[str, Any] = {"cursors": {"before": str(begin), "after": str(begin + COMMENTS)}}
    if begin + COMMENTS < len(found):
        paging["next"] = "https://graph.facebook.com/the-token-stands-here"
    return as_json({"data": page, "paging": paging})


NETWORK = Network(
    kind="meta",
    settings=lambda url: {"page": PAGE, "token": "env:META_TOKEN", "site": url},
    serve=serve,
    shapes="Graph API v26.0 (developers.facebook.com/docs/graph-api): Page feed, Object comments, Handling errors",
    page=COMMENTS,
    budget=BUDGET,
    id_of=lambda post: f"20_{post.id}",
    environment={"META_TOKEN": TOKEN},
    odd_cursors=({"waiting": ["10_20"]}, {"reading": {"next": "7"}}),
    not_here={
        "test_a_deletion_is_told": "the API tells of no deletions",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "older comments can be had for ever",
    },
)
