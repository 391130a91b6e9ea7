"""The search of Hacker News on loopback: `search_by_date`, newest first, by numeric filters on the time."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from ingest.sources.hackernews import BUDGET
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tocsin.core.clock import iso

PAGE = 3


def hit(post: Post) -> dict[str, Any]:
    return {
        "objectID": post.id,
        "created_at": iso(post.at),
        "created_at_i": int(post.at.timestamp()),
        "author": post.author,
        "comment_text": post.text if "<" in post.text else escape(post.text),
        "story_id": 900,
        "story_title": "Ask HN: ketels?",
        "parent_id": 901,
        "points": None,
        "num_comments": None,
        "_tags": ["comment", f"author_{post.author}", "story_900"],
    }


def serve(world: World, request: Request) -> Reply:
    if request.path != "/api/v1/search_by_date":
        return as_json({"message": "Not Found", "status": 404}, 404)
    assert request.query["tags"] == "(story,comment,poll)"
    found = [hit(post) for post in world.there]
    for sign, bound in re.findall(r"created_at_i(>|<=)(\d+)", request.query["numericFilters"]):
        limit = int(bound)
        found = [
            one
            for one in found
            if (one["created_at_i"] > limit if sign == ">" else one["created_at_i"] <= limit)
        ]
    found.sort(key=lambda one: (-one["created_at_i"], -int(one["objectID"])))
    pages = -(-len(found) // PAGE)
    return as_json(
        {"hits": found[:PAGE], "nbHits": len(found), "page": 0, "nbPages": pages, "hitsPerPage": PAGE}
    )


NETWORK = Network(
    kind="hackernews",
    settings=lambda url: {"site": url, "look_back_hours": 2160},
    serve=serve,
    shapes="HN Search API (hn.algolia.com/api): search_by_date, numericFilters",
    page=PAGE,
    budget=BUDGET,
    html=True,
    odd_cursors=({"next": "5"}, {"since": "soon"}, {"known": {"x": 5}}, {"pages": 3}),
    not_here={
        "test_a_deletion_is_told": "a deleted post leaves the index, and nothing says so",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "the index reaches back to the first post",
    },
)
