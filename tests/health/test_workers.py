"""Every worker survives an unexpected error: it goes on, counts the error, and its health says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.auditor import Auditor
from alerts.relay import Relay
from alerts.worker import AlertsWorker
from ingest.worker import IngestWorker
from processors.ticker import DetectionTicker
from processors.worker import StreamProcessor
from tests.alerts.scene import Scene
from tocsin.health.roles import PARTS
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.stream.port import ALERT_EVENTS, MENTIONS, SIGNALS
from tocsin.stream.sqlite import SqliteStream


class Bug(Exception):
    """An unexpected error: a bug of ours."""


class House:
    """A store, a stream and a clock that workers run on."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder)
        self.stream = SqliteStream(folder / "stream.db", durable=False)
        for topic in (MENTIONS, SIGNALS, ALERT_EVENTS):
            self.stream.ensure_topic(topic, 1)
        self.settings = Settings.model_validate({"data": folder})

    def health(self, part: str) -> Any:
        with self.scene.store.read() as conn:
            return conn.execute(select(s.health).where(s.health.c.component == part)).one_or_none()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.stream.close()
    made.scene.store.close()


def raising(*_: object, **__: object) -> Any:
    raise Bug("a mistake of ours")


def processor(house: House) -> tuple[Any, str]:
    return StreamProcessor(house.scene.store, house.stream, house.settings, house.scene.clock), "_turn"


def detection(house: House) -> tuple[Any, str]:
    return DetectionTicker(house.scene.store, house.stream, house.settings, house.scene.clock), "once"


def relay(house: House) -> tuple[Any, str]:
    return Relay(house.scene.store, house.stream, house.scene.clock), "publish"


def alerts(house: House) -> tuple[Any, str]:
    return AlertsWorker(house.scene.store, house.settings, house.scene.clock, {}), "work"


def auditor(house: House) -> tuple[Any, str]:
    return Auditor(house.scene.store, house.settings, house.scene.clock), "check"


def ingest(house: House) -> tuple[Any, str]:
    return IngestWorker(house.scene.store, house.stream, house.settings, house.scene.clock), "_turn"


WORKERS: dict[str, Callable[[House], tuple[Any, str]]] = {
    "ingest": ingest,
    "processors": processor,
    "detection": detection,
    "alerts": alerts,
    "relay": relay,
    "auditor": auditor,
}


def test_every_part_that_reports_is_tried_here() -> None:
    assert set(WORKERS) == set(PARTS)


@pytest.mark.parametrize("part", WORKERS)
def test_an_unexpected_error_is_counted_shown_and_survived(part: str, house: House) -> None:
    worker, method = WORKERS[part](house)
    works = getattr(worker, method)
    setattr(worker, method, raising)
    rounds = one_round(worker)
    assert rounds() > 0
    assert rounds() > 0
    assert worker._loop.unexpected == 2
    row = house.health(part)
    assert row.state == "failed"
    assert "Bug: a mistake of ours" in row.detail["reason"]

    setattr(worker, method, works)
    house.scene.clock.advance(timedelta(minutes=1))
    rounds()
    assert worker._loop.trouble is None
    house.scene.clock.advance(timedelta(minutes=1))
    rounds()
    row = house.health(part)
    # The auditor is not ok while it has findings.
    assert row.state == "ok" or part == "auditor"
    assert row.detail.get("unexpected_errors", 2) == 2


def one_round(worker: Any) -> Callable[[], float]:
    """A function that does one round of the worker's own loop. It returns the seconds that the loop would wait."""
    if isinstance(worker, IngestWorker):

        def collects() -> float:
            worker._turn()
            return 0.0

        return lambda: worker._loop.round(collects)
    if isinstance(worker, AlertsWorker):
        return lambda: worker._loop.round(lambda: float(worker.work()))
    return lambda: worker._loop.round(worker._round)
