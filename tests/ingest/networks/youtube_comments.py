"""The YouTube Data API on loopback: comment threads of a channel, the newest first, and the replies to one of them."""

from __future__ import annotations

from typing import Any

from ingest.budget import Budget
from ingest.sources.youtube_comments import PAGE_SIZE, PER_DAY
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tests.ingest.networks.youtube import CHANNEL

KEY = "made-up-key"
SHOWN_REPLIES = 2


def comment(post: Post, parent: str | None = None) -> dict[str, Any]:
    snippet: dict[str, Any] = {
        "channelId": CHANNEL,
        "videoId": "video-1",
        "textDisplay": post.text,
        "textOriginal": post.text,
        "authorDisplayName": post.author,
        "authorChannelId": {"value": "UC-author"},
        "likeCount": 2,
        "publishedAt": post.at.isoformat(),
        "updatedAt": (post.edited_at or post.at).isoformat(),
    }
    return {
        "kind": "youtube#comment",
        "id": post.id,
        "snippet": snippet | ({"parentId": parent} if parent else {}),
    }


def thread(post: Post, replies: list[Post]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": "youtube#commentThread",
        "id": post.id,
        "snippet": {
            "channelId": CHANNEL,
            "videoId": "video-1",
            "topLevelComment": comment(post),
            "totalReplyCount": len(replies),
        },
    }
    if replies:
        told["replies"] = {"comments": [comment(one, post.id) for one in replies[:SHOWN_REPLIES]]}
    return told


def refused(status: int, reason: str) -> Reply:
    return as_json({"error": {"code": status, "errors": [{"reason": reason}]}}, status)


def serve(world: World, request: Request) -> Reply:
    """Pages are named by the place of their first thread; `notes` may hold the replies to a post, by its id."""
    replies = world.notes.get("replies", {})
    if request.headers.get("x-goog-api-key") != KEY:
        return refused(400, "keyInvalid")
    begin = int(request.query.get("pageToken", 0))
    if request.path == "/youtube/v3/commentThreads":
        assert request.query["allThreadsRelatedToChannelId"] == CHANNEL
        found = [thread(one, replies.get(one.id, [])) for one in reversed(world.there)]
    elif request.path == "/youtube/v3/comments":
        parent = request.query["parentId"]
        if parent not in replies:
            return refused(404, "commentNotFound")
        found = [comment(one, parent) for one in replies[parent]]
    else:
        return Reply(status=404)
    page: dict[str, Any] = {"items": found[begin : begin + PAGE_SIZE]}
    return as_json(
        page | ({"nextPageToken": str(begin + PAGE_SIZE)} if begin + PAGE_SIZE < len(found) else {})
    )


NETWORK = Network(
    kind="youtube_comments",
    settings=lambda url: {"channel": CHANNEL, "key": "env:YOUTUBE_KEY", "site": url},
    serve=serve,
    shapes="YouTube Data API v3 (developers.google.com/youtube/v3/docs): commentThreads.list, comments.list",
    page=PAGE_SIZE,
    budget=Budget(10_000, per_s=PER_DAY),
    environment={"YOUTUBE_KEY": KEY},
    odd_cursors=({"replies": {"x": 1}}, {"reading": {"known": {"1": "2"}}}),
    not_here={
        "test_a_deletion_is_told": "the API tells of no deletions",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "older threads can be had for ever",
    },
)
