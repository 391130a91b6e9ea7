"""An instance of Mastodon on loopback: its timelines as for `mastodon`, and its streams over a websocket."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from ingest.source import Source, SourceContext
from ingest.sources.mastodon import BUDGET, PAGE_SIZE
from ingest.sources.mastodon_stream import MastodonStreamSettings, MastodonStreamSource
from ingest.streaming import Inbox
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World, as_json
from tests.ingest.networks.mastodon import count_anew, status, status_id, uri
from tests.ingest.networks.mastodon import serve as serve_timelines
from tests.ingest.talking import Following, Talk, Talker
from tocsin.core.clock import iso
from tocsin.definitions.models import SourceDef

TOKEN = "streams-secret-token"


class Streams:
    def talk(self, world: World, request: Request) -> Talk | Reply:
        if request.path != "/api/v1/streaming":
            return Reply(status=404)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return as_json({"error": "Access token is not valid"}, 401)
        return _Stream()


class _Stream:
    def __init__(self) -> None:
        self._following = Following()
        self._subscribed = False

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        if any(json.loads(one) == {"type": "subscribe", "stream": "public"} for one in said):
            self._subscribed = True
            self._following.skip(world.posts)
        if not self._subscribed:
            return []
        posts = [_event("status.update" if one.edited_at else "update", shown(one, world))
                 for one in self._following.posts(world)]  # fmt: skip
        gone = [_event("delete", str(status_id(Post(n), world))) for n in self._following.deletions(world)]
        return posts + gone


def shown(post: Post, world: World) -> str:
    edited = iso(post.edited_at) if post.edited_at else None
    return json.dumps(status(post, world) | {"edited_at": edited})


def _event(event: str, payload: str) -> bytes:
    return json.dumps({"stream": ["public"], "event": event, "payload": payload}).encode()


def serve(world: World, request: Request) -> Reply:
    if request.path == "/api/v2/instance":
        said: dict[str, Any] = {"configuration": {"urls": {"streaming": f"ws://{talker().netloc}"}}}
        return as_json(said)
    return serve_timelines(world, request)


@cache
def talker() -> Talker:
    return Talker(Streams())


def make(definition: SourceDef, world: World) -> Source:
    talker().begin(world)
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    settings = MastodonStreamSettings.model_validate(definition.settings)

    def settle(inbox: Inbox, fresh: bool) -> None:
        ends = time.monotonic() + 10
        while source.caught_up is None and inbox.end is None and time.monotonic() < ends:
            time.sleep(0.0005)
        talker().settled(inbox, fresh, pages=source.caught_up or 0)

    source = MastodonStreamSource(context, settings, settle=settle)
    return source


def grow_old(world: World) -> None:
    count_anew(world)
    talker().restart()


NETWORK = Network(
    kind="mastodon_stream",
    settings=lambda url: {"instance": url, "token": "env:STREAMS_TOKEN", "first_minutes": 600},
    serve=serve,
    shapes=(
        "Mastodon API (docs.joinmastodon.org): streaming, timelines, entities Status, Account and Instance, rate limits"
    ),
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=uri,
    html=True,
    environment={"STREAMS_TOKEN": TOKEN},
    make=make,
    grow_old=grow_old,
    odd_cursors=({"ids": {"public": 7}}, {"ids": {"#gone": "5"}}, {"ids": []}),
    not_here={
        "test_a_death_between_two_pages_loses_nothing": "a fetch brings all pages that have come",
        "test_the_source_counts_against_the_budget_that_the_network_states": "it asks two hosts, one of them for a websocket",
    },
)
