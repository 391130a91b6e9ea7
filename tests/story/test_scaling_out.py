"""Several processes on the real engines: they share partitions and pass them on, one ticker judges a monitor, all APIs agree."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from processors.ticker import DetectionTicker
from processors.worker import StreamProcessor
from tests.alerts.peers import http_peer
from tests.chaos.known import FIRE, watching
from tests.chaos.proxy import Proxy
from tests.chaos.running import House, Seat
from tests.engines.kafka import Cluster
from tests.engines.postgres import Postgres
from tests.story.live import Door, post, talk, until
from tocsin.core.clock import SimulatedClock
from tocsin.core.mention import Mention
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.intake.handover import HandOver
from tocsin.reading import read_json_line
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def house(kafka: Cluster, postgres: Postgres, tmp_path: Path) -> Iterator[House]:
    """Seats on the run's own engines, which these tests leave intact."""
    with Proxy(postgres.port) as proxy:
        made = House(
            tmp_path,
            kafka,
            postgres,
            proxy,
            postgres.database(),
            prefix=f"scaling-{uuid.uuid4().hex[:8]}.",
        )
        try:
            yield made
        finally:
            made.end()


def hand_over(house: House, count: int, word: str = "ondrello", saying: str = "") -> None:
    now = datetime.now(UTC)
    items = talk(word, count, now - timedelta(seconds=30), now, random.randrange(10**6), saying=saying)
    with house.runtime() as runtime:
        way = HandOver(runtime.stream, partitions=8, max_mentions=5, clock=runtime.clock)
        way.hand_over([read_json_line(json.dumps(one).encode(), source="test") for one in items])


def has(house: House, *shares: int) -> bool:
    house.tend()
    return sorted(house.owners().values()) == sorted(shares)


def test_processors_share_partitions_and_pass_them_on_when_one_is_added_ended_or_killed(house: House) -> None:
    house.apply(watching("http://127.0.0.1:1/", house.folder, sources=False))
    one, two = house.seat("one", "processors"), house.seat("two", "processors")
    two.wanted = False
    until(lambda: has(house, 8), "one processor to take all partitions", within=60)
    # A backlog; another processor comes in the middle of it.
    hand_over(house, 3000)
    two.wanted = True
    until(lambda: has(house, 4, 4), "the second to take its share", within=60)
    hand_over(house, 200)
    until(lambda: stored(house) == 3200, "everything to be stored", within=60)

    print(f"handed over {passes_on(house, two, signal.SIGTERM):.1f} s after SIGTERM")
    two.wanted = True
    until(lambda: has(house, 4, 4), "the second to be back", within=60)
    print(f"handed over {passes_on(house, one, signal.SIGKILL):.1f} s after SIGKILL")
    hand_over(house, 200)
    until(lambda: stored(house) == 3400, "everything to be stored", within=60)
    assert sum(one["count"] for one in house.lines("tallies")) == 3400


def passes_on(house: House, seat: Seat, how: signal.Signals) -> float:
    """The seconds until the other processor has every partition."""
    began = time.monotonic()
    house.remove(seat, how)
    until(lambda: has(house, 8), "the other one to take over", within=60, every=0.2)
    return time.monotonic() - began


def stored(house: House) -> int:
    return house.count("mentions")["mentions"]


BRANDS = tuple(f"brand{number:02}" for number in range(8))


def a_minute(at: datetime, seed: int) -> list[Mention]:
    """A minute of talk about eight brands. From the third minute on, two of them are in a crisis."""
    chance = random.Random(seed)
    bad = at >= NOON + timedelta(minutes=3)
    items = []
    for number, brand in enumerate(BRANDS):
        crisis = bad and number < 2
        count = chance.randrange(15, 25) if crisis else chance.randrange(0, 4)
        saying = FIRE if crisis else ""
        items += talk(brand, count, at, at + timedelta(minutes=1), seed * 100 + number, saying=saying)
    return [read_json_line(json.dumps(one).encode(), source="test") for one in items]


def judged(url: str, folder: Path, tickers: int) -> dict[str, list[str]]:
    """The results of eleven minutes, judged by so many tickers that look at the same moments."""
    store, stream = open_store(url, folder), SqliteStream(folder / "stream.db", durable=False)
    stream.ensure_topic("mentions", 8)
    clock = SimulatedClock(NOON)
    settings = Settings.model_validate({"data": folder})
    with store.write() as conn:
        for brand in BRANDS:
            made = save(conn, Monitor(name=brand, query=brand), now=NOON, actor="test")
            conn.execute(s.definitions.update().where(s.definitions.c.id == made.id).values(id=brand))
    way = HandOver(stream, partitions=8, max_mentions=100, clock=clock)
    processor = StreamProcessor(store, stream, settings, clock)
    judges = [DetectionTicker(store, stream, settings, clock) for _ in range(tickers)]
    with ThreadPoolExecutor(tickers) as pool:
        for step in range(4 * 11):
            if step % 4 == 0:
                way.hand_over(a_minute(clock.now(), step))
                while processor.once(timedelta(0)) or processor.lag():
                    pass
            for done in [pool.submit(judge.once) for judge in judges]:
                done.result()
            clock.advance(timedelta(seconds=15))
    processor.close()
    tables = (s.readings, s.signals, s.detector_state, s.amendments)
    with store.read() as conn:
        found = {
            table.name: sorted(str(tuple(row)) for row in conn.execute(select(table))) for table in tables
        }
    stream.close()
    store.close()
    return found


def test_three_detectors_judge_as_one_does(postgres: Postgres, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "three", "embedded")]
    for folder in folders:
        folder.mkdir()
    single = judged(postgres.database(), folders[0], 1)
    assert judged(postgres.database(), folders[1], 3) == single
    assert judged("sqlite", folders[2], 1) == single
    assert len(single["readings"]) >= 8 * 2
    assert single["signals"]


class Listener:
    """Hears `/v1/events` of one API in a thread of its own."""

    def __init__(self, door: Door) -> None:
        self.heard: list[dict[str, Any]] = []
        self._door = door
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        headers = {"Authorization": f"Bearer {self._door.token}"}
        with (
            httpx.Client(timeout=60, trust_env=False) as client,
            client.stream("GET", f"{self._door.url}/v1/events", headers=headers) as answer,
        ):
            name = ""
            for line in answer.iter_lines():
                key, _, value = line.partition(": ")
                name = value if key == "event" else name
                if key == "data":
                    self.heard.append({"event": name, **json.loads(value)})


def test_two_apis_serve_the_same_and_two_alerts_workers_page_once(house: House) -> None:
    with http_peer() as hook:
        house.apply(watching(hook.url, house.folder, sources=False))
        apis = [house.seat("api-1", "api"), house.seat("api-2", "api")]
        house.seat("work-1", "processors", "alerts")
        house.seat("work-2", "alerts")
        house.tend()
        here, there = house.door(*apis)
        until(lambda: ready(house, here, there), "both APIs to answer", within=90)
        listeners = [Listener(here), Listener(there)]
        pushed = [post(str(n), f"ondrello {FIRE}", author={"id": str(n)}) for n in range(30)]
        here.push_until_taken(pushed[:15])
        there.push_until_taken(pushed[15:])

        (alert,) = until(
            lambda: there.get("/v1/alerts", monitor="Ondrello", status="firing")["items"],
            "the alert",
            within=90,
        )
        until(lambda: hook.requests, "the page to arrive", within=60)
        assert here.ask("POST", f"/v1/alerts/{alert['id']}/acknowledge").status_code == 200
        assert there.get(f"/v1/alerts/{alert['id']}")["status"] == "acknowledged"
        until(
            lambda: all("alert.acknowledge" in {one["event"] for one in who.heard} for who in listeners),
            "both to tell of it",
        )
        told = [[one["id"] for one in who.heard if one["event"].startswith("alert.")] for who in listeners]
        assert set(told[0]) & set(told[1])
        until(lambda: not house.notices_left(), "every notice to end")
        sent = [one["id"] for one in house.lines("notices") if one["status"] == "sent"]
        assert sorted(headers["webhook-id"] for headers, _ in hook.requests) == sorted(sent)


def ready(house: House, *doors: Door) -> bool:
    house.tend()
    return all(door.ask("GET", "/readyz").status_code == 200 for door in doors)
