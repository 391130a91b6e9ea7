"""A Lemmy instance on loopback: its posts, newest first, over version 4 of the API; `notes["version"]` makes it speak another."""

from __future__ import annotations

from typing import Any

from ingest.sources.lemmy import BUDGET, PAGE_SIZE
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tocsin.core.clock import iso


def address(post: Post) -> str:
    return f"https://lemmy.example/post/{post.id}"


def view(post: Post, version: str, deleted: bool) -> dict[str, Any]:
    edited = iso(post.edited_at) if post.edited_at else None
    one = {
        "id": int(post.id),
        "name": "Ketel",
        "body": post.text,
        "ap_id": address(post),
        "deleted": deleted,
        "removed": False,
    }
    creator = {"id": 7, "name": post.author, "bot_account": False}
    if version == "v3":
        return {
            "post": one | {"published": iso(post.at).removesuffix("Z"), "updated": edited},
            "creator": creator | {"actor_id": f"https://lemmy.example/u/{post.author}"},
            "community": {"id": 1, "actor_id": "https://lemmy.example/c/ketels"},
            "counts": {"upvotes": 4, "comments": 2, "score": -1},
        }
    return {
        "post": one
        | {"published_at": iso(post.at), "updated_at": edited, "upvotes": 4, "comments": 2, "score": -1},
        "creator": creator | {"ap_id": f"https://lemmy.example/u/{post.author}"},
        "community": {"id": 1, "ap_id": "https://lemmy.example/c/ketels"},
    }


def serve(world: World, request: Request) -> Reply:
    version = world.notes.get("version", "v4")
    if request.path != f"/api/{version}/post/list":
        return as_json({"error": "not_found"}, 404)
    everything = sorted(world.posts, key=lambda one: -one.number)
    found = [
        view(one, version, one.number in world.deleted)
        for one in everything
        if one.number >= world.first_kept
    ]
    limit = int(request.query["limit"])
    if version == "v3":
        assert (request.query["type_"], request.query["sort"]) == ("All", "New")
        start = (int(request.query["page"]) - 1) * limit
        return as_json({"posts": found[start : start + limit]})
    assert (request.query["type_"], request.query["sort"]) == ("all", "new")
    start = int(request.query.get("page_cursor", "P0").removeprefix("P"))
    after = start + limit
    return as_json(
        {"items": found[start:after], "next_page": f"P{after}" if found[after:] else None, "prev_page": None}
    )


NETWORK = Network(
    kind="lemmy",
    settings=lambda url: {"instances": [url], "lists": ["posts"]},
    serve=serve,
    shapes="Lemmy API (join-lemmy.org/api; LemmyNet/lemmy-js-client): v3 GetPosts, GetComments; v4 PagedResponse",
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=address,
    odd_cursors=(
        {"lanes": {"https://gone.example posts": {"next": "v4:P5"}}},
        {"lanes": 7},
        {"next": "v3:2"},
    ),
    not_here={
        "test_all_pages_are_read": "the first reading begins with the newest page: test_lemmy.py reads pages after it",
        "test_a_death_between_two_pages_loses_nothing": "the first reading begins with the newest page",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "the lists reach back to the first post",
        "test_another_instance_is_another_target": "each list of each instance has a cursor of its own: test_lanes.py",
    },
)
