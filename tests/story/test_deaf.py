"""An hour in which every network that is polled fails in turn: the ledger is right to the minute, and nothing is lost.

Streams keep time by the machine's clock, so they fail in tests of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.kinds import make_source
from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, Source
from tests.contracts.loopback import INGEST, Loopback, Network, Reply, World, posts
from tests.contracts.networks import Unlimited
from tests.ingest.house import NOON, House
from tests.ingest.house import house as house
from tests.ingest.networks import NETWORKS
from tocsin.core.mention import whole
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import source_kind
from tocsin.health import gaps
from tocsin.store import schema as s

MINUTE = timedelta(minutes=1)
POLLED = [one for one in NETWORKS.values() if not source_kind(one.kind).streams]
FAILS_FOR = 4 * MINUTE


@dataclass
class Noted:
    """A source as it is, asked every three minutes, with a note of each answer and each failure."""

    source: Source
    answers: list[tuple[datetime, bool]] = field(default_factory=list)
    interval: timedelta = 3 * MINUTE

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        try:
            fetched = self.source.fetch(cursor, now)
        except BudgetSpent:
            raise
        except FetchFailed:
            self.answers.append((now, False))
            raise
        self.answers.append((now, True))
        return fetched

    @property
    def outages(self) -> list[tuple[datetime, datetime]]:
        """From the last answer before a failure to the next answer."""
        found, heard, fails = [], None, False
        for at, answered in self.answers:
            if answered and fails and heard is not None:
                found.append((heard, at))
            heard, fails = (at, False) if answered else (heard, True)
        return found


@dataclass
class Stage:
    network: Network
    server: Loopback
    world: World
    source: Noted


@pytest.fixture
def stages(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stage]]:
    made: dict[str, Stage] = {}
    for network in POLLED:
        for name, value in network.environment.items():
            monkeypatch.setenv(name, value)
        server = Loopback()
        world = server.begin(network)
        world.clock, world.budget, world.posts = house.clock, Unlimited(), posts(2)
        settings = network.settings(world.url)
        definition = SourceDef.model_validate({"name": network.kind, "kind": network.kind} | settings)
        source = (
            network.make(definition, world)
            if network.make is not None
            else make_source(definition, INGEST, world.clock, world.budget)
        )
        house.define(network.kind, network.kind, **settings)
        made[network.kind] = Stage(network, server, world, Noted(source))
    yield made
    for one in made.values():
        one.source.source.close()
        one.server.close()


@pytest.mark.slow("plays an hour of every network")
def test_every_network_fails_in_turn_for_an_hour_and_the_ledger_is_right_to_the_minute(
    house: House, stages: dict[str, Stage]
) -> None:
    worker = house.worker(make=lambda definition: stages[definition.name].source)
    worker.collect_once()
    turn = (60 * MINUTE - FAILS_FOR) / len(stages)
    for minute in range(1, 80):
        now = house.clock.set(NOON + minute * MINUTE)
        for place, stage in enumerate(stages.values()):
            begins = NOON + MINUTE + place * turn
            away = begins <= now < begins + FAILS_FOR
            stage.world.fault = Reply(b"away", 503) if away else None
            if away:
                # Said while nobody hears it.
                stage.world.posts = posts(3)
        worker.collect_once()
        for kind, stage in stages.items():
            if stage.source.answers and not stage.source.answers[-1][1]:
                assert house.row(s.health, component=f"source:{kind}").state != "ok"
    with house.store.read() as conn:
        ledger = gaps.newest_gaps(conn, 1000)
    heard: dict[str, set[str]] = {}
    for mention in map(whole, house.streamed()):
        heard.setdefault(mention.source, set()).add(mention.id)
    for kind, stage in stages.items():
        mine = sorted(
            (one.starts_at, one.ends_at) for one in ledger if one.source == kind and one.cause == "failed"
        )
        assert stage.source.outages, f"{kind} has never failed"
        assert mine == stage.source.outages, kind
        assert not any(one.open for one in ledger if one.source == kind), kind
        assert {stage.network.id_of(post) for post in posts(3)} <= heard[kind], kind
