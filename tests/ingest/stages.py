"""A source of every kind that can fail, each with its fake, for plays on the simulated clock: networks, a mailbox, a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.kinds import make_source
from ingest.source import Source, SourceContext
from ingest.sources.kafka_topic import KafkaTopicSettings, KafkaTopicSource
from tests.contracts.loopback import INGEST, Loopback, Network, Post, Reply
from tests.contracts.networks import Unlimited
from tests.ingest.fake_imap import PASSWORD, FakeImap, letter
from tests.ingest.fake_topic import FakeTopic
from tests.ingest.networks import NETWORKS
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import SourceDef

# What a fake keeps of the past, as networks do.
KEPT = 50
ENVIRONMENT = {name: value for one in NETWORKS.values() for name, value in one.environment.items()} | {
    "MAIL_PASSWORD": PASSWORD
}
"""The secrets that the settings of all stages refer to."""


@dataclass
class Stage:
    """A source with its fake. `fail` takes the fake away or brings it back; `offer` gives the posts that there are now."""

    kind: str
    source: Source
    settings: dict[str, Any]
    fail: Callable[[bool], None]
    offer: Callable[[Sequence[Post]], None]
    id_of: Callable[[Post], str]
    end: Callable[[], None]

    def close(self) -> None:
        self.source.close()
        self.end()


def of_network(network: Network, clock: SimulatedClock) -> Stage:
    """A source of a network over HTTP, a websocket or a stream of events."""
    server = Loopback()
    world = server.begin(network)
    world.clock, world.budget = clock, Unlimited()
    settings = network.settings(world.url)
    definition = SourceDef.model_validate({"name": network.kind, "kind": network.kind} | settings)
    source = (
        network.make(definition, world)
        if network.make is not None
        else make_source(definition, INGEST, world.clock, world.budget)
    )

    def fail(away: bool) -> None:
        world.fault = (world.fault or Reply(b"away", 503)) if away else None
        world.requests.clear()

    def offer(posts: Sequence[Post]) -> None:
        world.posts = list(posts)

    return Stage(network.kind, source, settings, fail, offer, network.id_of, server.close)


def of_mailbox(clock: SimulatedClock) -> Stage:
    """A letter for each post, in a mailbox that says by itself what comes."""
    server = FakeImap()
    mailbox, settings = server.mailbox, server.settings()
    source = make_source(SourceDef.model_validate({"name": "imap", "kind": "imap"} | settings), INGEST, clock)

    def offer(posts: Sequence[Post]) -> None:
        for post in posts:
            if post.number > max(mailbox.letters, default=0):
                mailbox.letters[post.number] = (clock.now(), letter(f"{post.number}@klant.example"))
        mailbox.letters = dict(list(mailbox.letters.items())[-KEPT:])
        mailbox.commands.clear()

    def fail(away: bool) -> None:
        if not away:
            mailbox.fault = None
        elif mailbox.fault is None:
            mailbox.leave()
            mailbox.connections.clear()

    return Stage(
        "imap",
        source,
        settings,
        fail,
        offer,
        lambda post: f"{post.number}@klant.example",
        server.server_close,
    )


def of_topic(clock: SimulatedClock) -> Stage:
    """A record for each post, in memory; `test_kafka_topic.py` reads a real topic."""
    topic, last = FakeTopic(), 0
    fields = {"id": "$key", "text": "text", "created_at": "$timestamp"}
    settings: dict[str, Any] = {
        "servers": ["broker.example:9092"],
        "topic": "posts",
        "fields": fields,
        "first": "earliest",
    }
    context = SourceContext("kafka", INGEST, clock)
    source = KafkaTopicSource(context, KafkaTopicSettings.model_validate(settings), topic.connect)

    def offer(posts: Sequence[Post]) -> None:
        nonlocal last
        for post in posts:
            if post.number > last:
                topic.add(b'{"text": "De ketel lekt"}', key=post.id.encode())
                last = post.number
        topic.forget(0, max(0, len(topic.records[0]) - KEPT))

    def fail(away: bool) -> None:
        topic.away = away

    return Stage("kafka", source, settings, fail, offer, lambda post: post.id, lambda: None)


def stages_of(clock: SimulatedClock) -> dict[str, Stage]:
    """A stage of each kind, by kind. `ENVIRONMENT` must stand in the environment."""
    made = [*(of_network(one, clock) for one in NETWORKS.values()), of_mailbox(clock), of_topic(clock)]
    return {one.kind: one for one in made}
