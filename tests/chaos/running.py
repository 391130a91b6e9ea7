"""Tocsin on real engines for faults: brokers and a PostgreSQL, a proxy before the store, and a process for each seat.

A seat stands for a machine with a Tocsin on it. It has a folder of its own, roles, and a process that is started again when it
has ended, as a supervisor would do.
"""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from api.auth.keys import create_key
from ops.runtime import Runtime, open_runtime
from ops.transfer.apply import apply, plan
from ops.transfer.export import export
from tests.alerts.peers import HttpPeer
from tests.chaos.proxy import Proxy
from tests.engines.guard import GUARD
from tests.engines.kafka import Cluster, start_kafka
from tests.engines.postgres import Postgres, start_postgres
from tests.story.live import LOOPBACK, Door, Running, Tocsin
from tocsin.definitions.models import Role
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.store.port import Store

AGAIN_AFTER_S = 1.0
ENDED_BY_SIGNAL = 130
HOOK_SECRET = "whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ=="
SETTINGS = {
    "detection.tick_s": 1,
    "ingest.allowed_private_networks": LOOPBACK,
    "alerting.console": "false",
    "stream.partitions": 8,
}


@dataclass
class Seat:
    """One machine: its roles and the process that runs them, if one does."""

    name: str
    roles: tuple[str, ...]
    tocsin: Tocsin
    process: Running | None = None
    # Whether to start it again when it has ended.
    wanted: bool = True
    start_at: float = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.process.poll() is None


@dataclass
class House:
    """Everything of one run."""

    folder: Path
    kafka: Cluster
    postgres: Postgres
    proxy: Proxy
    # The store's URL past the proxy.
    direct: str
    # The receiver of every channel of everybody.
    hook: HttpPeer = field(default_factory=HttpPeer)
    # The prefix of its topics and groups.
    prefix: str = ""
    seats: dict[str, Seat] = field(default_factory=dict)
    # Processes that ended without a fault of the schedule.
    by_itself: list[str] = field(default_factory=list)
    _store: Store | None = None

    @property
    def through(self) -> str:
        """The store's URL through the proxy."""
        return self.postgres.url(self.direct.rpartition("/")[2], self.proxy.port)

    def seat(self, name: str, *roles: str, settings: Mapping[str, Any] | None = None) -> Seat:
        """Add a seat with these roles. `tend` starts it."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        urls = {"stream.url": self.kafka.url, "stream.topic_prefix": self.prefix, "store.url": self.through}
        tocsin = Tocsin(folder, {**SETTINGS, **urls, **(settings or {})})
        tocsin.environment["HOOK_SECRET"] = HOOK_SECRET
        self.seats[name] = Seat(name, roles, tocsin)
        return self.seats[name]

    def of(self, role: str) -> list[Seat]:
        """The running seats with this role."""
        return [one for one in self.seats.values() if role in one.roles and one.alive]

    def tend(self) -> None:
        """Start every wanted seat that does not run."""
        now = time.monotonic()
        for seat in self.seats.values():
            if seat.alive or not seat.wanted:
                continue
            if seat.process is not None:
                status = seat.process.process.returncode
                if status not in (-signal.SIGKILL, 0, ENDED_BY_SIGNAL):
                    last = [line for line in seat.process.said().splitlines() if line.strip()][-1:]
                    self.by_itself.append(f"{seat.name}: exit {status}: {' '.join(last)[:200]}")
                seat.process, seat.start_at = None, now + AGAIN_AFTER_S
            if now >= seat.start_at:
                seat.process = seat.tocsin.start("run", *seat.roles)

    def send(self, seat: Seat, what: signal.Signals) -> None:
        if seat.process is not None and seat.process.process.poll() is None:
            seat.process.process.send_signal(what)

    def remove(self, seat: Seat, what: signal.Signals = signal.SIGTERM) -> None:
        """End the seat's process and do not start it again."""
        seat.wanted = False
        self.send(seat, what)

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """A runtime on the store past the proxy."""
        desk = self.folder / "desk"
        desk.mkdir(exist_ok=True)
        config = desk / "tocsin.toml"
        config.write_text(f'[stream]\ntopic_prefix = "{self.prefix}"\n', encoding="utf-8")
        with open_runtime(config, desk, store=self.direct, stream=self.kafka.url) as runtime:
            yield runtime

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to the store past the proxy. The connections are kept, because the store is read many times a second."""
        if self._store is None:
            self._store = open_store(self.direct, self.folder)
        with self._store.read() as conn:
            yield conn

    def apply(self, document: Mapping[str, Any]) -> None:
        with self.runtime() as runtime, runtime.store.write() as conn:
            apply(conn, plan(conn, document), runtime.clock.now(), "test")

    def door(self, *seats: Seat) -> list[Door]:
        """The APIs of these seats, with the key of one admin."""
        with self.runtime() as runtime, runtime.store.write() as conn:
            _, token = create_key(conn, name="test", role=Role.ADMIN, now=runtime.clock.now())
        return [Door(seat.tocsin.url, token) for seat in seats]

    def export(self, kind: str) -> list[bytes]:
        with self.reading() as conn:
            return list(export(conn, kind))

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(one) for one in self.export(kind)]

    def count(self, *tables: str) -> dict[str, int]:
        with self.reading() as conn:
            return {
                name: conn.execute(select(func.count()).select_from(getattr(s, name))).scalar_one()
                for name in tables
            }

    def owners(self) -> Counter[str]:
        """How many partitions each processor has, by its name in the store."""
        o = s.offsets.c
        with self.reading() as conn:
            return Counter(conn.execute(select(o.owner).where(o.topic == "mentions")).scalars())

    def offsets(self) -> dict[int, tuple[int, str]]:
        """The next offset and the owner of each partition."""
        o = s.offsets.c
        with self.reading() as conn:
            rows = conn.execute(select(o.partition, o.offset, o.owner).where(o.topic == "mentions"))
            return {row.partition: (row.offset, row.owner) for row in rows}

    def notices_left(self) -> int:
        """The number of notices that have not ended."""
        n = s.notices.c
        with self.reading() as conn:
            return conn.execute(
                select(func.count()).where(n.status.in_(("queued", "attempting")))
            ).scalar_one()

    def said(self) -> str:
        """The logs of every process of the run."""
        return "\n".join(
            f"== {seat.name} ==\n{running.said()}"
            for seat in self.seats.values()
            for running in seat.tocsin.started
        )

    def end(self) -> None:
        """End every process that was started."""
        if self._store is not None:
            self._store.close()
        for seat in self.seats.values():
            seat.wanted = False
            for running in seat.tocsin.started:
                if running.process.poll() is None:
                    running.process.send_signal(signal.SIGCONT)
                    running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 12
        for seat in self.seats.values():
            for running in seat.tocsin.started:
                try:
                    running.process.wait(max(0.1, deadline - time.monotonic()))
                except Exception:  # noqa: BLE001  # whatever keeps it from ending, it must be gone
                    running.process.kill()
                    running.process.wait()
                GUARD.forget(running.process.pid)


@dataclass(frozen=True)
class Engines:
    """A Kafka and a PostgreSQL that tests may kill, freeze and cut off."""

    kafka: Cluster
    postgres: Postgres

    def put_right(self) -> None:
        """Make both engines run and answer, whatever was done to them."""
        if not self.postgres.running:
            self.postgres.start()
        for broker in self.kafka.brokers:
            broker.thaw()
            if not broker.running:
                broker.start()
            broker.wait()


@contextmanager
def some_engines(brokers: int = 1) -> Iterator[Engines]:
    """Fresh engines, as long as the block lasts."""
    with start_postgres({"fsync": "off"}) as postgres, start_kafka(brokers) as kafka:
        yield Engines(kafka, postgres)


@contextmanager
def a_house(
    folder: Path, engines: Engines, layout: Mapping[str, Sequence[str]] | None = None
) -> Iterator[House]:
    """A house on these engines: the seats of `layout` (not started yet), a database, topics and a proxy.

    At the end of the block the processes end, and the engines are put right.
    """
    with ExitStack() as stack:
        stack.callback(engines.put_right)
        proxy = stack.enter_context(Proxy(engines.postgres.port))
        prefix = f"house-{uuid.uuid4().hex[:8]}."
        database = engines.postgres.database()
        house = House(folder, engines.kafka, engines.postgres, proxy, database, prefix=prefix)
        stack.callback(house.end)
        for name, roles in (layout or {}).items():
            house.seat(name, *roles)
        yield house
