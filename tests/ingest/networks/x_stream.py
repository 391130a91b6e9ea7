"""X's filtered stream on loopback, with its rules, the recent search as for `x`, and one of the compliance streams."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from ingest.source import Source, SourceContext
from ingest.sources.x_api import PAGE_SIZE, XApi
from ingest.sources.x_compliance import XCompliance
from ingest.sources.x_posts import XStreamSettings
from ingest.sources.x_stream import BUDGET, XStreamSource
from ingest.streaming import Inbox, Streaming
from ingest.together import Together
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World, as_json
from tests.ingest.networks.x import USER, id_of, tweet, version_of
from tests.ingest.networks.x import grow_old as search_grows_old
from tests.ingest.networks.x import serve as serve_search
from tests.ingest.talking import Following, Talk, Talker
from tocsin.core.clock import iso
from tocsin.definitions.models import SourceDef

TOKEN = "made-up-stream-bearer"
ALIVE = b"\r\n"


def is_welcome(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {TOKEN}"


class Posts:
    """The stream says what no search has told, if there is a rule: the ids of the world's posts are of the past."""

    def talk(self, world: World, request: Request) -> Talk | Reply:
        if request.path != "/2/tweets/search/stream":
            return serve(world, request)
        if not is_welcome(request):
            return as_json({"title": "Unauthorized"}, 401)
        return _Stream(world)


class _Stream:
    def __init__(self, world: World) -> None:
        self._following = Following()
        told = world.notes.setdefault("told", set())
        self._following.skip([one for one in world.posts if version_of(one) in told])

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        found = self._following.posts(world)
        rules = [{"id": one["id"], "tag": one["tag"]} for one in world.notes.get("rules", ())]
        return [_line(shown(one, rules)) for one in found] if rules else []


def shown(post: Post, rules: list[dict[str, str]]) -> dict[str, Any]:
    return {"data": tweet(post), "includes": {"users": [USER]}, "matching_rules": rules}


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\r\n"


class Compliance:
    """Each deletion of the world is one of a post."""

    def talk(self, world: World, request: Request) -> Talk | Reply:
        if request.path != "/2/tweets/compliance/stream" or request.query["partition"] != "1":
            return Reply(status=404)
        if not is_welcome(request):
            return as_json({"title": "Unauthorized"}, 401)
        # A time that is played again and has an end.
        return Reply(ALIVE) if "end_time" in request.query else _Deletions()


class _Deletions:
    def __init__(self) -> None:
        self._following = Following()

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        at = iso(world.clock.now())
        gone = [(one, id_of(Post(one))) for one in self._following.deletions(world)]
        told = [{"tweet": {"id": id, "author_id": "77"}, "event_at": at} for _, id in gone]
        return [_line({"data": {"delete": one}}) for one in told]


def serve(world: World, request: Request) -> Reply:
    """The API without its streams."""
    if not is_welcome(request):
        return as_json({"title": "Unauthorized"}, 401)
    if request.path == "/2/tweets/search/stream/rules":
        return rules(world, request)
    world.notes.setdefault("told", set())
    reply = serve_search(world, request, TOKEN)
    found = json.loads(reply.body)
    world.notes["told"] |= {one["id"] for one in found.get("data", ())}
    return reply


def rules(world: World, request: Request) -> Reply:
    """The rules of the project, as X keeps them; a rule with `bad` in it is none."""
    there: list[dict[str, str]] = world.notes.setdefault("rules", [])
    if request.method == "GET":
        return as_json({"data": there, "meta": {"result_count": len(there)}})
    asked = json.loads(request.body)
    gone = asked.get("delete", {}).get("ids", ())
    there[:] = [one for one in there if one["id"] not in gone]
    wrong = [one for one in asked.get("add", ()) if "bad" in one["value"]]
    if wrong:
        kind = "https://api.twitter.com/2/problems/invalid-rules"
        errors = [{"value": one["value"], "details": ["no such operator"], "type": kind} for one in wrong]
        return as_json({"meta": {"summary": {"created": 0}}, "errors": errors})
    new = []
    for one in asked.get("add", ()):
        world.notes["rule"] = world.notes.get("rule", 100) + 1
        new.append({"id": str(world.notes["rule"]), **one})
    there += new
    return as_json({"data": new, "meta": {"summary": {"created": len(new), "deleted": len(gone)}}}, 201)


@cache
def talkers() -> tuple[Talker, Talker]:
    """The servers of the posts and of the deletions."""
    return Talker(Posts(), "application/json"), Talker(Compliance(), "application/json")


def make(definition: SourceDef, world: World) -> Source:
    posts, deletions = talkers()
    for one in talkers():
        one.begin(world)
    context = SourceContext(
        definition.name, INGEST, world.clock, world.budget, lambda: world.notes.get("queries", ())
    )
    settings = XStreamSettings.model_validate(definition.settings)

    def settle(inbox: Inbox, fresh: bool) -> None:
        ends = time.monotonic() + 10
        while source.caught_up is None and inbox.end is None and time.monotonic() < ends:
            time.sleep(0.0005)
        posts.settled(inbox, fresh, pages=source.caught_up or 0)

    api = XApi(context, settings.site, settings.token, BUDGET)
    address = f"http://{deletions.netloc}"
    gone = XCompliance(context, api, "tweets", 1, lambda id: source.has_brought(id), address)
    compliance = Together({"tweets/1": Streaming(context, gone, settle=deletions.settled)})
    source = XStreamSource(context, settings, f"http://{posts.netloc}", compliance, settle=settle)
    return source


def grow_old(world: World) -> None:
    search_grows_old(world)
    for one in talkers():
        one.restart()


NETWORK = Network(
    kind="x_stream",
    settings=lambda url: {
        "rules": ["ketel"],
        "token": "env:X_STREAM_TOKEN",
        "site": url,
        "first_minutes": 600,
    },
    serve=serve,
    shapes=(
        "X API v2 (docs.x.com/x-api): filtered stream and its rules, GET /2/tweets/search/recent, compliance streams, "
        "recovery, Post and User objects"
    ),
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=id_of,
    environment={"X_STREAM_TOKEN": TOKEN},
    make=make,
    grow_old=grow_old,
    odd_cursors=(
        {"posts": []},
        {"posts": {"heard_s": "x"}},
        {"compliance": 7, "recent": ["x"]},
        {"paid": -1},
    ),
    not_here={
        "test_a_death_between_two_pages_loses_nothing": "a fetch brings all pages that have come",
        "test_the_source_counts_against_the_budget_that_the_network_states": "it asks two hosts, one of them for a stream",
    },
)
