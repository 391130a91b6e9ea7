"""An hour in which every network fails in turn, polled or streaming, a mailbox and a topic too.

The ledger is right to the minute, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, Source
from tests.contracts.loopback import posts
from tests.ingest.house import NOON, House
from tests.ingest.house import house as house
from tests.ingest.stages import ENVIRONMENT, Stage, stages_of
from tocsin.core.mention import whole
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.health import gaps
from tocsin.store import schema as s

MINUTE = timedelta(minutes=1)
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


@pytest.fixture
def stages(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stage]]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = stages_of(house.clock)
    for kind, stage in made.items():
        stage.offer(posts(2))
        house.define(kind, kind, **stage.settings)
    yield made
    for stage in made.values():
        stage.close()


def test_every_kind_that_can_fail_is_here(stages: dict[str, Stage]) -> None:
    assert set(stages) == set(SOURCE_KINDS) - {"file", "push"}


@pytest.mark.slow("plays an hour of every network")
def test_every_network_fails_in_turn_for_an_hour_and_the_ledger_is_right_to_the_minute(
    house: House, stages: dict[str, Stage]
) -> None:
    noted = {kind: Noted(stage.source) for kind, stage in stages.items()}
    worker = house.worker(make=lambda definition: noted[definition.name])
    worker.collect_once()
    turn = (60 * MINUTE - FAILS_FOR) / len(stages)
    for minute in range(1, 80):
        now = house.clock.set(NOON + minute * MINUTE)
        for place, stage in enumerate(stages.values()):
            begins = NOON + MINUTE + place * turn
            away = begins <= now < begins + FAILS_FOR
            stage.fail(away)
            if away:
                # Said while nobody hears it.
                stage.offer(posts(3))
        worker.collect_once()
        for kind, source in noted.items():
            if source.answers and not source.answers[-1][1]:
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
        assert noted[kind].outages, f"{kind} has never failed"
        assert mine == noted[kind].outages, kind
        assert not any(one.open for one in ledger if one.source == kind), kind
        assert {stage.id_of(post) for post in posts(3)} <= heard[kind], kind
