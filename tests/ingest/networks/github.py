"""The REST API of GitHub on loopback: the issues of one repository by the time of their last change, with ETags and 304."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from ingest.sources.github import BUDGET, PAGE_SIZE, VERSION
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json
from tocsin.core.clock import iso

REPOSITORY = "acme/kettle"


def issue(post: Post) -> dict[str, Any]:
    return {
        "id": 9_000_000 + post.number,
        "node_id": f"I_{post.id}",
        "number": int(post.id),
        "title": "Ketel",
        "body": post.text,
        "state": "open",
        "html_url": f"https://github.com/{REPOSITORY}/issues/{post.id}",
        "user": {"login": post.author, "id": 7, "type": "User"},
        "labels": [{"id": 1, "name": "bug"}],
        "comments": 2,
        "reactions": {"total_count": 3, "+1": 2},
        "created_at": iso(post.at),
        "updated_at": iso(post.edited_at or post.at),
    }


def serve(world: World, request: Request) -> Reply:
    if request.path != f"/repos/{REPOSITORY}/issues":
        return as_json({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404)
    assert request.headers["x-github-api-version"] == VERSION
    assert (request.query["sort"], request.query["direction"]) == ("updated", "asc")
    assert (request.query["state"], request.query["per_page"]) == ("all", str(PAGE_SIZE))
    since, page = datetime.fromisoformat(request.query["since"]), int(request.query["page"])
    found = sorted(map(issue, world.there), key=lambda one: str(one["updated_at"]))
    found = [one for one in found if datetime.fromisoformat(one["updated_at"]) >= since]
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    tag = f'W/"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        world.notes["unchanged"] = world.notes.get("unchanged", 0) + 1
        return Reply(status=304, headers={"etag": tag})
    more = (
        {"link": f'<{world.url}{request.path}?page={page + 1}>; rel="next"'}
        if found[page * PAGE_SIZE :]
        else {}
    )
    return as_json(shown, etag=tag, **more)


NETWORK = Network(
    kind="github",
    settings=lambda url: {
        "site": url,
        "repositories": [REPOSITORY],
        "lists": ["issues"],
        "look_back_hours": 2160,
    },
    serve=serve,
    shapes="GitHub REST API 2022-11-28 (docs.github.com/rest): issues, issue comments, rate limits; GraphQL API: discussions",
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=lambda post: f"{REPOSITORY}#{post.id}",
    odd_cursors=(
        {"lanes": {f"{REPOSITORY} issues": {"since": 5}}},
        {"lanes": {f"{REPOSITORY} issues": {"tag": 'W/"of another question"'}}},
        {"lanes": {f"{REPOSITORY} issues": []}},
    ),
    not_here={
        "test_a_deletion_is_told": "a deleted issue is left out of the lists, and nothing says so",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "the lists reach back to the first issue",
    },
)
