"""The API of Stack Exchange on loopback: /questions by activity, oldest first, in the wrapper that all its answers have."""

from __future__ import annotations

import gzip
import json
from typing import Any

from ingest.sources.stackexchange import BUDGET
from tests.contracts.loopback import Network, Post, Reply, Request, World

PAGE = 3


def question(post: Post) -> dict[str, Any]:
    changed = post.edited_at or post.at
    return {
        "question_id": int(post.id),
        "link": f"https://stackoverflow.com/questions/{post.id}/de-ketel",
        "title": "De ketel &amp; wij",
        "body": post.text if "<" in post.text else f"<p>{post.text}</p>",
        "creation_date": int(post.at.timestamp()),
        "last_activity_date": int(changed.timestamp()),
        "owner": {"account_id": 7, "user_id": 70, "display_name": post.author, "reputation": 12},
        "tags": ["ketel"],
        "score": -3,
        "answer_count": 2,
        "view_count": 40,
        "is_answered": False,
    } | ({"last_edit_date": int(post.edited_at.timestamp())} if post.edited_at else {})


def packed(value: Any, status: int = 200) -> Reply:
    """The API packs every answer, whether it was asked to or not."""
    headers = {"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}
    return Reply(gzip.compress(json.dumps(value).encode(), 1), status, headers)


def serve(world: World, request: Request) -> Reply:
    if request.path != "/2.3/questions" or request.query.get("site") != "stackoverflow":
        message = "no method found with this name"
        return packed({"error_id": 404, "error_name": "no_method", "error_message": message}, 400)
    assert (request.query["sort"], request.query["order"]) == ("activity", "asc")
    since, page = int(request.query["min"]), int(request.query["page"])
    found = sorted(map(question, world.there), key=lambda one: int(one["last_activity_date"]))
    found = [one for one in found if one["last_activity_date"] >= since]
    shown = found[(page - 1) * PAGE : page * PAGE]
    more = len(found) > page * PAGE
    left = 300 - len(world.requests)
    return packed(
        {"items": shown, "has_more": more, "quota_max": 300, "quota_remaining": left}
        | world.notes.get("wrapper", {})
    )


NETWORK = Network(
    kind="stackexchange",
    settings=lambda url: {"site": url, "lists": ["questions"], "look_back_hours": 2160},
    serve=serve,
    shapes="Stack Exchange API v2.3 (api.stackexchange.com/docs): common wrapper, questions, answers, throttles",
    page=PAGE,
    budget=BUDGET,
    id_of=lambda post: f"stackoverflow/{post.id}",
    html=True,
    odd_cursors=(
        {"lanes": {"stackoverflow questions": {"since": "yesterday"}}},
        {"lanes": {"stackoverflow questions": {"pages": -1}}},
        {"lanes": {"gone questions": {"since": "2026-03-01T00:00:00Z"}}},
        {"lanes": []},
    ),
    not_here={
        "test_a_deletion_is_told": "a deleted post is left out of the lists, and nothing says so",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "the lists reach back to the first post",
    },
)
