"""A Discourse forum on loopback: its latest posts, 50 a page, below the id in `before`."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlsplit

from ingest.sources.discourse import BUDGET
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tocsin.core.clock import iso

PAGE = 50


def raw_post(post: Post, deleted: bool = False) -> dict[str, Any]:
    return {
        "id": int(post.id),
        "username": post.author,
        "name": "Ayşe",
        "user_id": 7,
        "created_at": iso(post.at),
        "updated_at": iso(post.edited_at or post.at),
        "version": 2 if post.edited_at else 1,
        "cooked": post.text if "<" in post.text else f"<p>{escape(post.text)}</p>",
        "raw": post.text,
        "post_number": 2,
        "topic_id": 9,
        "topic_slug": "de-ketel",
        "topic_title": "De ketel",
        "reply_count": 1,
        "reads": 20,
        "actions_summary": [{"id": 2, "count": 3}],
        "user_deleted": deleted,
        "hidden": False,
        "deleted_at": None,
    }


def serve(world: World, request: Request) -> Reply:
    if request.path != "/posts.json":
        return as_json(
            {"errors": ["The requested URL or resource could not be found."], "error_type": "not_found"}, 404
        )
    everything = sorted(world.posts, key=lambda one: -one.number)
    found = [
        raw_post(one, one.number in world.deleted) for one in everything if one.number >= world.first_kept
    ]
    before = int(request.query.get("before", "999999999"))
    # Versions until 3.4 gave the post of that id too, and only posts of the fifty ids up to it.
    old = world.notes.get("old")
    found = [one for one in found if (one["id"] <= before if old else one["id"] < before)]
    if old and found:
        found = [one for one in found if one["id"] > min(before, found[0]["id"]) - PAGE]
    return as_json({"latest_posts": found[:PAGE]})


def id_of(post: Post) -> str:
    return f"{HOST['netloc']}/{post.id}"


# Where the forum of this run is: the ids of mentions begin with it.
HOST = {"netloc": "forum.example"}


def settings(url: str) -> dict[str, Any]:
    HOST["netloc"] = urlsplit(url).netloc
    return {"forums": [url]}


NETWORK = Network(
    kind="discourse",
    settings=settings,
    serve=serve,
    shapes="Discourse API (docs.discourse.org): latest posts; discourse/discourse: PostsController#latest, PostSerializer",
    page=PAGE,
    budget=BUDGET,
    id_of=id_of,
    html=True,
    odd_cursors=({"lanes": {"https://gone.example posts": {"next": "5"}}}, {"lanes": {"x": 7}}),
    not_here={
        "test_all_pages_are_read": "the first reading begins with the newest page: test_discourse.py reads pages after it",
        "test_a_death_between_two_pages_loses_nothing": "the first reading begins with the newest page",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "the list reaches back to the first post",
        "test_another_instance_is_another_target": "each forum has a cursor of its own: test_lanes.py",
    },
)
