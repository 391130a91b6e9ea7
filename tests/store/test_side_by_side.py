"""Several processes over one store: any number of alerts workers, tickers and APIs give the same result as one.

Each of them has a store object of its own, as in a process of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from alerts.outbox.deliver import deliver_due
from alerts.worker import AlertsWorker
from api.app import create_app
from processors.ticker import DetectionTicker
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import Scene, write_signal
from tests.api.world import STRANGER_ADDRESS, Client, TestRuntime, World
from tests.contracts.store import in_threads
from tests.one_loop import OneLoop
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.clock import minute_of
from tocsin.core.errors import OutcomeUnknown
from tocsin.core.signal_kinds import VOLUME
from tocsin.definitions.models import Monitor, Role
from tocsin.settings import Settings
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}
SIGNALS = 12


@pytest.fixture
def open_again(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """A function that opens the scene's store once more."""
    made: list[Store] = []

    def again() -> Store:
        made.append(store_at(tmp_path / "store.db"))
        return made[-1]

    yield again
    for store in made:
        store.close()


@pytest.mark.slow("two workers beside each other, many times")
def test_two_alerts_workers_page_once_for_each_decision(
    tmp_path: Path, open_again: Callable[[], Store]
) -> None:
    scene = Scene(tmp_path)
    monitors = [scene.define(Monitor(name=f"Lumo {n}", query=f"lumo{n}")) for n in range(SIGNALS)]
    with scene.write() as conn:
        for monitor in monitors:
            write_signal(conn, monitor, scene.now, "over", VOLUME, {}, ESCALATE)
    phone = Phone()

    def work(store: Store) -> None:
        worker = AlertsWorker(store, Settings(), scene.clock, OneForAll(phone))
        while worker.work() or worker.deliver(None):
            pass

    # Ada is paged, and a quarter of an hour later ben.
    for _ in range(3):
        in_threads(*(partial(work, open_again()) for _ in range(3)))
        scene.clock.advance(timedelta(minutes=11))
    told = Counter(notice.id for notice in phone.got)
    assert set(told.values()) == {1}
    sent = [notice.id for notice in scene.notices() if notice.status == "sent"]
    assert sorted(told) == sorted(sent) and len(sent) == 2 * SIGNALS
    assert len({alert.fingerprint for alert in scene.alerts()}) == len(scene.alerts()) == SIGNALS
    with scene.store.read() as conn:
        assert audit.verify(conn).broken_at is None
        events = conn.execute(select(func.count(), func.max(s.alert_events.c.seq))).one()
    assert events[0] == events[1]


class LosesAnswers:
    """A store whose transactions beside others end without an answer. `kept` says whether their changes were kept."""

    def __init__(self, store: Store, kept: bool) -> None:
        self._store, self._kept, self.left = store, kept, 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        lost = not alone and self.left > 0
        self.left -= lost
        with self._store.write(alone=alone) as conn:
            yield conn
            if lost and not self._kept:
                raise OutcomeUnknown("the answer was lost")
        if lost:
            raise OutcomeUnknown("the answer was lost")


@pytest.mark.parametrize("kept", [True, False])
def test_a_notice_whose_taking_lost_its_answer_leaves_once(tmp_path: Path, kept: bool) -> None:
    scene, phone = Scene(tmp_path), Phone()
    scene.over(**ESCALATE)
    store = LosesAnswers(scene.store, kept)
    for _ in range(3):
        deliver_due(store, scene.clock, OneForAll(phone), "w")
    assert store.left == 0
    assert set(Counter(notice.id for notice in phone.got).values()) == {1}
    assert {status for _, _, status in scene.paged()} == {"sent"}


@pytest.mark.slow("fills and carries stores")
def test_tickers_side_by_side_judge_each_window_once(tmp_path: Path, open_again: Callable[[], Store]) -> None:
    scene = Scene(tmp_path)
    for n in range(20):
        scene.define(Monitor(name=f"Lumo {n}", query=f"lumo{n}"))
    with scene.store.read() as conn:
        ids = list(
            conn.execute(select(s.definitions.c.id).where(s.definitions.c.kind == "monitor")).scalars()
        )
    zeros = dict.fromkeys(("negative", "positive", "unscored", "reach", "reposts", "triggered"), 0)
    first = minute_of(scene.now) - 30
    rows = [
        {
            "monitor_id": id,
            "minute": first + m,
            "partition": 0,
            "count": 2,
            "neutral": 2,
            "authors": b"",
            **zeros,
        }
        for id in ids
        for m in range(30)
    ]
    with scene.write() as conn:
        scene.store.add(conn, s.tallies, rows, ["count"])
    stream = SqliteStream(tmp_path / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    tickers = [DetectionTicker(open_again(), stream, Settings(), scene.clock) for _ in range(3)]
    for _ in range(8):
        in_threads(*(partial(_look, ticker) for ticker in tickers))
        scene.clock.advance(timedelta(seconds=61))
    with scene.store.read() as conn:
        judged = Counter(
            (row.monitor_id, row.window_start)
            for row in conn.execute(select(s.readings).where(s.readings.c.kind == VOLUME))
        )
    assert set(judged.values()) == {1} and len({monitor for monitor, _ in judged}) == len(ids)
    stream.close()


def _look(ticker: DetectionTicker) -> None:
    ticker.once()


@pytest.mark.slow("fills and carries stores")
def test_two_apis_name_the_same_first_and_make_one_thing_of_one_key(
    tmp_path: Path, open_again: Callable[[], Store]
) -> None:
    world = World(tmp_path)
    world.scene.over(**ESCALATE)
    alert, headers = world.scene.alert().id, world.key(Role.ADMIN).headers
    answers: list[Any] = []
    once = {"Idempotency-Key": "made-once"}

    def ask(store: Store) -> None:
        app = create_app(TestRuntime(world.runtime.settings, store, world.stream, world.scene.clock))
        with OneLoop() as runner:
            client = Client(app, headers, STRANGER_ADDRESS, runner)
            told = client.post(f"/v1/alerts/{alert}/acknowledge", json={})
            made = client.post("/v1/monitors", json={"name": "Rivers", "query": "river"}, headers=once)
            answers.append(
                (told.status_code, told.json()["acknowledged_by"], made.status_code, made.json()["id"])
            )

    in_threads(*(partial(ask, open_again()) for _ in range(4)))
    assert len(set(answers)) == 1 and answers[0][0] == 200 and answers[0][2] in (200, 201), answers
    assert world.scene.timeline(world.scene.alert()).count("acknowledge") == 1
    with world.scene.store.read() as conn:
        assert audit.verify(conn).broken_at is None
        versions = conn.execute(
            select(s.definition_versions.c.version).where(s.definition_versions.c.id == answers[0][3])
        )
        assert list(versions.scalars()) == [1]
    world.close()
