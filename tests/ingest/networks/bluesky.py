"""A Jetstream of version 2 on loopback that tells of a world: its posts, edits and deletions become events."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from websockets.http11 import Request as Handshake
from websockets.sync.server import serve

from ingest.source import Source, SourceContext
from ingest.sources.bluesky import BlueskySettings, BlueskySource
from ingest.sources.bluesky_events import POSTS
from ingest.streaming import Inbox
from tests.contracts.loopback import INGEST, Network, Post, Reply, Request, World, forget_all
from tests.ingest.fake_jetstream import DID, Jetstream
from tests.ingest.talking import MOST_TOLD
from tocsin.definitions.models import SourceDef


@dataclass
class Teller:
    """An instance that follows a world. One serves all tests, one after the other."""

    world: World
    instance: Jetstream
    told: Counter[int] = field(default_factory=Counter)
    edits: set[tuple[int, str]] = field(default_factory=set)
    deleted: int = 0
    first_kept: int = 0

    def follow(self) -> None:
        """Let the instance see what has happened in the world since."""
        world, instance = self.world, self.instance
        if world.first_kept != self.first_kept:
            self.first_kept = world.first_kept
            instance.forget(instance.first_seq + len(instance.events) + 1000)
        instance.now = world.clock.now()
        seen: Counter[int] = Counter()
        for post in world.posts:
            seen[post.number] += 1
            if post.number in world.deleted and not self.told[post.number]:
                continue
            if seen[post.number] > self.told[post.number]:
                self.told[post.number] += 1
                instance.post(post.id, post.text, createdAt=post.at.isoformat())
            elif post.edited_at is not None and (post.number, post.text) not in self.edits:
                self.edits.add((post.number, post.text))
                record = {"text": post.text, "createdAt": post.at.isoformat()}
                instance.commit(post.id, "update", at=post.edited_at, record=record)
        for number in world.deleted[self.deleted :]:
            instance.commit(str(1000 + number), "delete")
        self.deleted = len(world.deleted)
        if len(self.told) > MOST_TOLD:
            there = {post.number for post in world.posts}
            self.told = Counter({number: count for number, count in self.told.items() if number in there})
            self.edits = {one for one in self.edits if one[0] in there}
            instance.keep(MOST_TOLD)
        if instance.fault is not world.fault:
            instance.break_(world.fault)

    def settled(self, inbox: Inbox, fresh: bool) -> None:
        self.follow()
        self.instance.settled(inbox)

    def note(self, handshake: Handshake) -> None:
        self.follow()
        headers = {name.lower(): value for name, value in handshake.headers.raw_items()}
        self.world.requests.append(Request("GET", handshake.path, {}, headers, b""))


class Line:
    """One websocket server on loopback, which talks for the newest teller."""

    def __init__(self) -> None:
        self.teller = Teller(World(), Jetstream(World().clock.now()))
        self._server = serve(
            lambda socket: self.teller.instance.talk(socket),
            "127.0.0.1",
            0,
            process_request=lambda socket, request: self.teller.instance.answer(socket, request),
            compression=None,
            close_timeout=1,
            ping_interval=None,
        )
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def begin(self, world: World) -> Teller:
        """The teller of this world, the same one each time."""
        if self.teller.world is not world:
            with self.teller.instance.changed:
                self.teller.instance.stopping = True
                self.teller.instance.changed.notify_all()
            self.teller = Teller(world, Jetstream(world.clock.now()))
            self.teller.instance.on_request = self.teller.note
        return self.teller


_LINES: list[Line] = []


def make(definition: SourceDef, world: World) -> Source:
    """The server is started once, when it is needed."""
    line = _LINES[0] if _LINES else Line()
    _LINES[:] = [line]
    teller = line.begin(world)
    teller.follow()
    context = SourceContext(definition.name, INGEST, world.clock, world.budget)
    return BlueskySource(context, BlueskySettings(instances=(line.url,)), settle=teller.settled)


def grow_old(world: World) -> None:
    forget_all(world)
    world.clock.advance(timedelta(days=2))


def no_http(world: World, request: Request) -> Reply:
    return Reply(status=404)


def id_of(post: Post) -> str:
    return f"at://{DID}/{POSTS}/{post.id}"


NETWORK = Network(
    kind="bluesky",
    settings=lambda url: {},
    serve=no_http,
    shapes=(
        "the lexicon network.bsky.jetstream.subscribeEvents and docs/README.md, sections 5.1 and 5.2, of "
        "bluesky-social/jetstream; the lexicon app.bsky.feed.post"
    ),
    id_of=id_of,
    make=make,
    grow_old=grow_old,
    odd_cursors=(
        {"instance": "ws://127.0.0.1:1", "seq": 5, "at_us": 1},
        {"seq": 7},
        {"at_us": 2**52},
        {"instance": 7},
    ),
    not_here={
        "test_all_pages_are_read": "a stream has no pages",
        "test_a_death_between_two_pages_loses_nothing": "a stream has no pages",
        "test_another_instance_is_another_target": "a cursor is good for every instance, by its time",
        "test_a_spent_budget_is_waited_for_without_a_request": "Jetstream states no limit",
        "test_the_source_counts_against_the_budget_that_the_network_states": "Jetstream states no limit",
    },
)
