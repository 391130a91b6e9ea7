"""The service in one process, over real engines and a movable clock, with clients as on the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, insert, select

from api.app import create_app
from api.auth.cookies import COOKIE
from api.auth.keys import create_key
from api.auth.sessions import Session, open_session
from api.routes.status import PARTS
from processors.understand.signature import copied_part
from tests.alerts.scene import Scene
from tests.one_loop import OneLoop
from tocsin.core.clock import Clock, minute_of
from tocsin.core.facets import FACETS
from tocsin.core.sketch import hash64, signed64, sketch
from tocsin.definitions.models import Role
from tocsin.settings import Api, Settings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.words import words_of
from tocsin.stream.port import ALERT_EVENTS, MENTIONS, SIGNALS, Stream
from tocsin.stream.sqlite import SqliteStream

STRANGER_ADDRESS = ("203.0.113.9", 40000)
HERE = ("127.0.0.1", 40000)
BASE = "http://127.0.0.1:8085"


@dataclass(frozen=True)
class TestRuntime:
    __test__ = False

    settings: Settings
    store: Store
    stream: Stream
    clock: Clock
    origins: Mapping[str, str] = field(default_factory=dict)


class Client:
    """A plain, synchronous client of the app. It keeps headers, and no cookies."""

    def __init__(
        self, app: FastAPI, headers: Mapping[str, str], address: tuple[str, int], runner: OneLoop
    ) -> None:
        self._app = app
        self.headers = dict(headers)
        self._address = address
        self._runner = runner

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        given["headers"] = {**self.headers, **given.get("headers", {})}
        return self._runner.run(self._ask(method, path, given))

    async def _ask(self, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=self._address)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, path, **given)

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)

    def put(self, path: str, **given: Any) -> httpx.Response:
        return self.request("PUT", path, **given)

    def delete(self, path: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", path, **given)

    def etag(self, path: str) -> dict[str, str]:
        """The header that a change of the resource at `path` needs."""
        return {"If-Match": self.get(path).headers["etag"]}


class World:
    """A scene (people, a monitor, alerts where the test makes some) with the API before it."""

    def __init__(self, folder: Path, **api: Any) -> None:
        self.scene = Scene(folder)
        self.stream = SqliteStream(folder / "stream.db", durable=False)
        for topic in (MENTIONS, SIGNALS, ALERT_EVENTS):
            self.stream.ensure_topic(topic, 2)
        settings = Settings(data=folder, api=Api(**{"requests_per_minute": 1_000_000, **api}))
        self.runtime = TestRuntime(settings, self.scene.store, self.stream, self.scene.clock)
        self.app = create_app(self.runtime)
        if _described:
            self.app.openapi_schema = _described[0]
        self.runner = OneLoop()

    def close(self) -> None:
        if self.app.openapi_schema and not _described:
            _described.append(self.app.openapi_schema)
        self.runner.close()
        self.stream.close()
        self.scene.store.close()

    @property
    def now(self) -> datetime:
        return self.scene.now

    @property
    def description(self) -> dict[str, Any]:
        """The OpenAPI description, for reading. It is the same of every app and takes half a second: made once a process."""
        return _description(self.app)

    @property
    def stranger(self) -> Client:
        return Client(self.app, {}, STRANGER_ADDRESS, self.runner)

    def key(
        self,
        role: Role | str,
        *scopes: str,
        source: str | None = None,
        address: tuple[str, int] = STRANGER_ADDRESS,
    ) -> Client:
        """A client with a fresh key."""
        with self.scene.write() as conn:
            count = conn.execute(select(func.count()).select_from(s.api_keys)).scalar_one()
            name = f"key {count}"
            _, token = create_key(
                conn, name=name, role=Role(role), now=self.now, scopes=scopes, source=source
            )
        return Client(self.app, {"Authorization": f"Bearer {token}"}, address, self.runner)

    def session(self, person: str, hours: int = 12) -> tuple[Client, Session]:
        """A browser in which this person is signed in."""
        d = s.definitions
        with self.scene.write() as conn:
            person_id = conn.execute(
                select(d.c.id).where(d.c.kind == "person", d.c.name == person)
            ).scalar_one()
            session = open_session(conn, person_id, self.now, hours)
        headers = {"Cookie": f"{COOKIE}={session.token}", "Origin": BASE, "Sec-Fetch-Site": "same-origin"}
        return Client(self.app, headers, STRANGER_ADDRESS, self.runner), session

    def rows(self) -> dict[str, int]:
        """The number of rows of each table."""
        with self.scene.store.read() as conn:
            return {
                table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
                for table in s.metadata.sorted_tables
            }

    def store_mention(self, id: str, text: str, at: datetime, label: str = "neutral", **fields: Any) -> None:
        """Store a mention as the processors would, matched by the scene's monitor and tallied."""
        author = fields.get("author_id", f"author of {id}")
        signature, gist = copied_part(text)
        row = {
            "source": "forum",
            "id": id,
            "created_at": at,
            "hash": "0" * 16,
            "text": text,
            "network": "forum",
            "lang": "en",
            "author_id": author,
            "followers": 10,
            "truncated": False,
            "label": label,
            "score_e4": {"negative": -5000, "positive": 5000}.get(label, 0),
            "confidence_e4": 7000,
            "signature": signature,
            "repost": False,
            "triggers": [],
            "words": words_of(fields.get("title"), text),
        } | fields
        monitor, minute = self.scene.monitor, minute_of(at)
        shared = ("source", "id", "created_at", "label", "network", "lang", "signature", "repost", "triggers")
        match = {name: row.get(name) for name in (*shared, *FACETS)} | {
            "monitor_id": monitor,
            "minute": minute,
            "partition": 0,
        }
        hashed = hash64(author)
        counts = {name: int(name == label) for name in ("negative", "neutral", "positive", "unscored")}
        tally = {
            "monitor_id": monitor,
            "minute": minute,
            "partition": 0,
            "count": 1,
            "reach": 10,
            "reposts": 0,
            **counts,
        }
        key = {name: tally[name] for name in ("monitor_id", "minute", "partition")}
        with self.scene.write() as conn:
            self.scene.store.insert_new(conn, s.mentions, [row])
            match |= {"reach": 10, "author": signed64(hashed), "gist": gist}
            self.scene.store.insert_new(conn, s.matches, [match])
            seen = {
                "source": row["source"],
                "id": id,
                "created_at": at,
                "rank_at": at,
                "hash": "0" * 16,
                "matched": True,
            }
            conn.execute(insert(s.seen).values(**seen))
            columns = ("count", "reach", *counts)
            self.scene.store.add(conn, s.tallies, [tally | {"authors": sketch([hashed])}], columns)
            part = {
                **key,
                "dimension": "network",
                "value": row["network"],
                "count": 1,
                "negative": counts["negative"],
            }
            self.scene.store.add(conn, s.tally_parts, [part], ("count", "negative"))

    def every_part_runs(self) -> None:
        """Write reports as if ingest, processors, detection, alerts and the auditor had just made them."""
        with self.scene.write() as conn:
            rows = [{"component": name, "at": self.now, "state": "ok", "detail": {}} for name in PARTS]
            self.scene.store.put(conn, s.health, rows)

    def with_settings(self, **changes: Any) -> FastAPI:
        """Another app over the same engines, with other settings."""
        settings = self.runtime.settings.model_copy(update=changes)
        return create_app(replace(self.runtime, settings=settings))


def mention(id: str, at: datetime, text: str = "Lumo is down again", **fields: Any) -> dict[str, Any]:
    """A mention as somebody would push it."""
    return {"id": id, "text": text, "created_at": at.isoformat(), **fields}


MINUTES = timedelta(minutes=1)

_described: list[dict[str, Any]] = []


def _description(app: FastAPI) -> dict[str, Any]:
    if not _described:
        _described.append(app.openapi())
    return _described[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()
