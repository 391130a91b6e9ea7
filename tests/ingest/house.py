"""A movable clock, engines in a temporary folder, and a small web server on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingest.worker import IngestWorker
from tests.stores import embedded_at
from tocsin.core.clock import SimulatedClock
from tocsin.core.mention import Mention, decode_mentions
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import delete, save
from tocsin.settings import Settings
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def line(id: object, text: str = "De ketel lekt", at: str = "2026-03-01T11:59:00Z", **fields: Any) -> bytes:
    return json.dumps({"id": str(id), "text": text, "created_at": at} | fields).encode() + b"\n"


@dataclass
class House:
    """Everything that ingest works with."""

    store: SqliteStore
    stream: SqliteStream
    clock: SimulatedClock
    settings: Settings
    folder: Path

    def worker(self, **options: Any) -> IngestWorker:
        return IngestWorker(self.store, self.stream, self.settings, self.clock, **options)

    def define(self, name: str, kind: str, **settings: Any) -> None:
        value = SourceDef.model_validate({"name": name, "kind": kind} | settings)
        with self.store.write() as conn:
            save(conn, value, now=self.clock.now(), actor="test")

    def remove(self, name: str) -> None:
        with self.store.write() as conn:
            delete(conn, SourceDef, name, now=self.clock.now(), actor="test")

    def row(self, table: Any, **where: Any) -> Any:
        query = table.select().filter_by(**where)
        with self.store.read() as conn:
            return conn.execute(query).one_or_none()

    def rows(self, table: Any) -> list[Any]:
        with self.store.read() as conn:
            return list(conn.execute(table.select()))

    def streamed(self) -> list[Mention]:
        """Every mention on the stream, ordered by id."""
        consumer = self.stream.consumer(MENTIONS, "test", "me")
        consumer.poll(timedelta(0))
        for partition in range(self.stream.partitions(MENTIONS)):
            consumer.seek(partition, 0)
        found: list[Mention] = []
        while records := consumer.poll(timedelta(0)).records:
            for record in records:
                found += decode_mentions(record.value)
        consumer.close()
        return sorted(found, key=lambda one: (len(one.id), one.id))

    def ids(self) -> list[str]:
        return [mention.id for mention in self.streamed()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = embedded_at(tmp_path / "store.db")
    stream = SqliteStream(tmp_path / "stream.db", durable=False)
    settings = Settings.model_validate(
        {
            "data": tmp_path,
            "ingest": {
                "allowed_private_networks": ["127.0.0.0/8"],
                "fetch_timeout_s": 5,
                "feed_max_bytes": 200_000,
            },
        }
    )
    yield House(store, stream, SimulatedClock(NOON), settings, tmp_path)
    stream.close()
    store.close()


@dataclass
class Site:
    """The web server: its next answers, and the requests that it got."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/rss+xml"})
    body: bytes = b""
    # Seconds between single bytes.
    drip_s: float = 0.0
    requests: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    answer = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer.requests.append({key.lower(): value for key, value in self.headers.items()})
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.end_headers()
            try:
                if answer.drip_s:
                    for byte in answer.body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(answer.drip_s)
                else:
                    self.wfile.write(answer.body)
            except OSError:
                pass  # the client has closed the connection

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    answer.url = f"http://127.0.0.1:{server.server_port}/feed"
    yield answer
    server.shutdown()
    server.server_close()
