"""X's API v2 on loopback: recent search by ids, and the lookup of posts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ingest.sources.x import BUDGET
from ingest.sources.x_api import PAGE_SIZE, id_at
from tests.contracts.loopback import Network, Post, Reply, Request, World, as_json, posts
from tests.contracts.sources import NOW

TOKEN = "made-up-bearer"
SECONDS_OF_8_DAYS = 8 * 86_400


def id_of(post: Post) -> str:
    """The id holds the time of the post with this number."""
    return str(id_at(NOW - timedelta(hours=2) + timedelta(seconds=post.number)) + 7)


def version_of(post: Post) -> str:
    return str(id_at(post.edited_at) + 9) if post.edited_at else id_of(post)


def tweet(post: Post) -> dict[str, Any]:
    return {
        "id": version_of(post),
        "edit_history_tweet_ids": sorted({id_of(post), version_of(post)}),
        "text": post.text,
        "created_at": (post.edited_at or post.at).isoformat(),
        "lang": "nl",
        "author_id": "77",
        "conversation_id": "5",
        "referenced_tweets": [{"type": "replied_to", "id": "5"}, {"type": "quoted", "id": "6"}],
        "public_metrics": {"like_count": 1, "retweet_count": 2, "reply_count": 3, "impression_count": 4},
        "entities": {"hashtags": [{"tag": "ketel"}], "urls": [{"expanded_url": "https://ex.example/1"}]},
    }


USER = {
    "id": "77",
    "name": "Ayşe",
    "username": "ayse",
    "verified": False,
    "public_metrics": {"followers_count": 12},
}


def serve(world: World, request: Request, token: str = TOKEN) -> Reply:
    request = replace(request, path=request.path.removeprefix("/api"))
    if request.path.startswith("/files/"):
        return file(world, request)
    if request.headers.get("authorization") != f"Bearer {token}":
        return as_json({"title": "Unauthorized"}, 401)
    if request.path.startswith("/2/compliance/jobs"):
        return job(world, request)
    if request.path == "/2/tweets":
        there = {id_of(one) for one in world.there}
        asked = request.query["ids"].split(",")
        kind = "https://api.twitter.com/2/problems/resource-not-found"
        errors = [
            {"resource_id": id, "resource_type": "tweet", "type": kind} for id in asked if id not in there
        ]
        return as_json({"data": [{"id": id} for id in asked if id in there], "errors": errors})
    since, until = int(request.query["since_id"]), int(request.query.get("until_id", 2**63))
    if since < id_at(world.clock.now() - timedelta(days=7)):
        return as_json({"errors": [{"message": "'since_id' must be a tweet id created after"}]}, 400)
    found = sorted(
        (one for one in world.there if since < int(version_of(one)) < until),
        key=lambda one: -int(version_of(one)),
    )
    page = found[: int(request.query["max_results"])]
    meta: dict[str, Any] = {"result_count": len(page)}
    if len(found) > len(page):
        meta["next_token"] = "more"
    return as_json(
        {"meta": meta}
        | ({"data": [tweet(one) for one in page], "includes": {"users": [USER]}} if page else {})
    )


def job(world: World, request: Request) -> Reply:
    """Batch compliance: one job at a time, which is made, then worked on, then complete."""
    jobs: dict[str, list[str]] = world.notes.setdefault("jobs", {})
    if request.method == "POST":
        if any(states for states in jobs.values()):
            return as_json({"errors": [{"message": "You already have a concurrent job"}]}, 403)
        id = str(17 + len(jobs))
        jobs[id] = list(world.notes.get("states", ("in_progress", "complete")))
        places = {f"{one}_url": f"{world.url}/files/{one}/{id}?signed=1" for one in ("upload", "download")}
        made = {
            "id": id,
            "type": "tweets",
            "name": "tocsin",
            "status": "created",
            "created_at": NOW.isoformat(),
        }
        return as_json({"data": made | places})
    id = request.path.rpartition("/")[2]
    status = jobs[id].pop(0) if jobs[id] else "complete"
    told = {"id": id, "type": "tweets", "status": status}
    return as_json({"data": told | {"download_url": f"{world.url}/files/download/{id}?signed=1"}})


def file(world: World, request: Request) -> Reply:
    """The store of files, which wants no token: the ids that are handed over, and those of them that are gone."""
    world.notes.setdefault("shown", []).append(request.headers.get("authorization"))
    id = request.path.rpartition("/")[2]
    if request.method == "PUT":
        world.notes[f"ids {id}"] = request.body.decode().split()
        return Reply()
    there = {id_of(one) for one in world.there}
    gone = [one for one in world.notes[f"ids {id}"] if one not in there]
    lines = [{"id": one, "action": "delete", "reason": world.notes.get("reason", "deleted")} for one in gone]
    body = "\r\n".join([*map(json.dumps, lines), *world.notes.get("odd lines", ())])
    return Reply(body.encode(), headers={"content-type": "application/octet-stream"})


def grow_old(world: World) -> None:
    world.clock.advance(timedelta(days=8))
    world.posts = posts(2, first=SECONDS_OF_8_DAYS)


NETWORK = Network(
    kind="x",
    settings=lambda url: {"query": "ketel", "token": "env:X_TOKEN", "site": url},
    serve=serve,
    shapes="X API v2 (docs.x.com/x-api): GET /2/tweets/search/recent, GET /2/tweets, batch compliance, Post and User objects",
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=id_of,
    environment={"X_TOKEN": TOKEN},
    grow_old=grow_old,
    odd_cursors=({"recent": ["x"]}, {"since": -1}, {"paid": 10**9, "day": 3}, {"job": "../x"}),
    not_here={"test_a_deletion_is_told": "posts are looked up after a day; tests/ingest/test_x.py"},
)
