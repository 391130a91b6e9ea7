"""A Nostr relay on loopback, with pages of three stored notes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ingest.source import Source, SourceContext
from ingest.sources.nostr import DELETION, NOTE, NostrSettings, NostrSource
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World
from tests.ingest.talking import Following, Talk, Talker
from tocsin.definitions.models import SourceDef

AUTHOR = "a" * 64
PAGE = 3


def event_id(post: Post) -> str:
    """Made of the number alone: the contract asks for ids of posts whose words it does not know."""
    return hashlib.sha256(post.id.encode()).hexdigest()


class NostrRelay:
    def talk(self, world: World, request: Request) -> Talk | Reply:
        return _Subscriber()


class _Subscriber:
    def __init__(self) -> None:
        self._following = Following()
        self._live = False
        self._since = 0

    def news(self, world: World, said: Sequence[str]) -> list[bytes]:
        found: list[Any] = []
        for text in said:
            _, subscription, filters = json.loads(text)
            found += self._stored(world, subscription, filters)
        if self._live:
            found += [["EVENT", "tocsin", note(one)] for one in self._following.posts(world)]
            found += [["EVENT", "tocsin", deletion(one)] for one in self._following.deletions(world)]
        return [json.dumps(one).encode() for one in found]

    def _stored(self, world: World, subscription: str, filters: dict[str, Any]) -> list[Any]:
        self._since = filters["since"]
        until = filters.get("until", 2**40)
        stored = sorted(world.there, key=lambda one: one.at, reverse=True)
        page = [one for one in stored if self._since <= one.at.timestamp() <= until][:PAGE]
        if not self._live:
            self._live = True
            self._following.skip(world.posts)
        return [*(["EVENT", subscription, note(one)] for one in page), ["EOSE", subscription]]


def note(post: Post) -> dict[str, Any]:
    created = int(post.at.timestamp())
    return {"id": event_id(post), "pubkey": AUTHOR, "created_at": created, "kind": NOTE, "tags": [],
            "content": post.text, "sig": "0" * 128}  # fmt: skip


def deletion(number: int) -> dict[str, Any]:
    created = int(datetime(2026, 3, 1, 11, tzinfo=UTC).timestamp())
    return {"id": "d" * 64, "pubkey": AUTHOR, "created_at": created, "kind": DELETION,
            "tags": [["e", event_id(Post(number))]], "content": "", "sig": "0" * 128}  # fmt: skip


@cache
def talker() -> Talker:
    return Talker(NostrRelay())


def make(definition: SourceDef, world: World) -> Source:
    talker().begin(world)
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    settings = NostrSettings(relays=(f"ws://{talker().netloc}",), first_minutes=600)
    return NostrSource(
        context, settings, genuine=lambda event: True, signed=lambda event: True, settle=talker().settled
    )


NETWORK = Network(
    kind="nostr",
    settings=lambda url: {"relays": [f"ws{url.removeprefix('http')}"]},
    serve=lambda world, request: Reply(status=404),
    shapes="NIP-01, NIP-09, NIP-10, NIP-22, NIP-32, NIP-62 (github.com/nostr-protocol/nips)",
    page=PAGE,
    id_of=lambda post: f"{AUTHOR}:{event_id(post)}",
    make=make,
    odd_cursors=({"places": 7}, {"places": {"ws://other": {"at_s": 5}}}, {"places": {"a": {"at_s": "x"}}}),
    not_here={
        "test_a_death_between_two_pages_loses_nothing": "the cursor stays until all pages are there",
        "test_an_edit_is_brought_as_a_version": "notes cannot be edited",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "a relay does not say what it has no more",
        "test_another_instance_is_another_target": "a cursor holds a place for each relay",
        "test_a_spent_budget_is_waited_for_without_a_request": "relays state no common limit",
        "test_the_source_counts_against_the_budget_that_the_network_states": "relays state no common limit",
    },
)
