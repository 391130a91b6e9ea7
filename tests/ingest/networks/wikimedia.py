"""Wikimedia EventStreams on loopback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from ingest.source import Source, SourceContext
from ingest.sources.wikimedia import CHANGES, HIDDEN, WikimediaSettings, WikimediaSource
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World, forget_all
from tests.ingest.talking import Following, Talk, Talker
from tocsin.definitions.models import SourceDef


class Wiki:
    """Each post is an edit; an event's id is the number of posts and deletions before and with it."""

    def talk(self, world: World, request: Request) -> Talk | Reply:
        if request.path != f"/v2/stream/{CHANGES},{HIDDEN}":
            return Reply(status=404)
        last = request.headers.get("last-event-id", "")
        if last and not last.startswith("["):
            return Reply(b"bad id", 400)
        if last:
            return _Reader(json.loads(last)[0]["offset"], world)
        since = datetime.fromisoformat(request.query["since"])
        return _Reader(-1 if since < world.clock.now() else len(world.posts), world)


class _Reader:
    def __init__(self, last: int, world: World) -> None:
        self._following = Following()
        self._following.skip([post for post in world.posts if post.number <= last])

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        found = [_event(post.number, edit(post)) for post in self._following.posts(world)]
        gone = [_event(number, hidden(number)) for number in self._following.deletions(world)]
        return found + gone


def _event(number: int, event: dict[str, object]) -> bytes:
    id = json.dumps([{"topic": "eqiad.mediawiki.recentchange", "partition": 0, "offset": number}])
    return f"event: message\nid: {id}\ndata: {json.dumps(event)}\n\n".encode()


def edit(post: Post) -> dict[str, object]:
    return {
        "$schema": "/mediawiki/recentchange/1.0.0",
        "meta": {"stream": "mediawiki.recentchange", "domain": "nl.wikipedia.org", "id": post.id},
        "type": "edit",
        "namespace": 0,
        "title": "Ketel",
        "comment": post.text,
        "timestamp": int(post.at.timestamp()),
        "user": post.author,
        "bot": False,
        "server_url": "https://nl.wikipedia.org",
        "server_name": "nl.wikipedia.org",
        "wiki": "nlwiki",
        "revision": {"old": 1, "new": int(post.id)},
    }


def hidden(number: int) -> dict[str, object]:
    meta = {"stream": HIDDEN, "domain": "nl.wikipedia.org", "dt": "2026-03-01T11:59:00Z"}
    return {"meta": meta, "database": "nlwiki", "rev_id": 1000 + number, "visibility": {"text": False}}


@cache
def talker() -> Talker:
    return Talker(Wiki())


def make(definition: SourceDef, world: World) -> Source:
    talker().begin(world)
    settings = dict(definition.settings)
    settings["url"] = str(settings["url"]).replace(world.url, f"http://{talker().netloc}")
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return WikimediaSource(context, WikimediaSettings.model_validate(settings), settle=talker().settled)


def grow_old(world: World) -> None:
    forget_all(world)
    world.clock.advance(timedelta(days=8))
    world.posts = [Post(one.number, one.text, world.clock.now()) for one in world.posts]
    talker().restart()


NETWORK = Network(
    kind="wikimedia",
    settings=lambda url: {"url": f"{url}/v2/stream", "first_minutes": 600},
    serve=lambda world, request: Reply(status=404),
    shapes="the schema mediawiki/recentchange/1.0.0; EventStreams on wikitech.wikimedia.org; the HTML standard, 9.2",
    id_of=lambda post: f"nlwiki:{post.id}",
    make=make,
    grow_old=grow_old,
    odd_cursors=({"id": "not json", "at_s": 1_772_360_000}, {"id": 7}, {"at_s": 2**35}, {"id": "[]"}),
    not_here={
        "test_all_pages_are_read": "a stream has no pages",
        "test_a_death_between_two_pages_loses_nothing": "a stream has no pages",
        "test_an_edit_is_brought_as_a_version": "an edit of a page is a change of its own",
        "test_a_spent_budget_is_waited_for_without_a_request": "Wikimedia states no limit",
        "test_the_source_counts_against_the_budget_that_the_network_states": "Wikimedia states no limit",
    },
)
