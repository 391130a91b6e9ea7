"""The running service: server-sent events, an end within seconds, and a port that is taken."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from api.auth.keys import revoke_key
from api.auth.sessions import sign_out
from api.listening import listen
from api.live import MAX_CLIENTS_OF_ONE, Hub
from api.routes import events
from api.server import serve
from tests.api.world import World
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import Role
from tocsin.settings import Api, Settings
from tocsin.store import schema as s

# The longest wait, never the usual one.
WAIT_S = 20.0


@contextmanager
def running(world: World) -> Iterator[tuple[str, threading.Event]]:
    """The service on a free port. It ends with the block, within its grace period."""
    stop, ready, address = threading.Event(), threading.Event(), []
    runtime = replace(world.runtime, settings=Settings(data=world.runtime.settings.data, api=Api(port=0)))

    def told(where: str) -> None:
        address.append(where)
        ready.set()

    thread = threading.Thread(target=serve, args=(runtime, stop, told))
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        yield address[0], stop
    finally:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


class Reader:
    """Reads events off the connection. It is made once the stream has begun, so that it misses no later event."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()
        assert [next(self._lines), next(self._lines)] == ["retry: 3000", ""]

    def next(self) -> dict[str, Any]:
        event: dict[str, Any] = {}
        for line in self._lines:
            if not line and event.get("id"):
                return event
            name, _, value = line.partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
        raise AssertionError("the stream ended")


def test_what_happens_to_an_alert_is_told_as_it_happens_and_again_from_where_one_was(world: World) -> None:
    key = world.key(Role.VIEWER).headers
    with running(world) as (base, _):
        with httpx.stream("GET", f"{base}/v1/events", headers=key, timeout=WAIT_S) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            reader = Reader(answer)
            world.scene.over()
            opened = reader.next()
            assert opened["event"] == "alert.open"
            assert opened["data"]["data"]["monitor"] == "Lumo"
            later = reader.next()
            assert int(later["id"]) > int(opened["id"])
        again = {**key, "Last-Event-ID": opened["id"]}
        with httpx.stream("GET", f"{base}/v1/events", headers=again, timeout=WAIT_S) as answer:
            assert Reader(answer).next() == later


@pytest.mark.parametrize("last", ["1", "999999", "not a number"])
def test_an_id_that_has_expired_or_never_was_resets_the_client(world: World, last: str) -> None:
    world.scene.over()
    world.scene.wait(minutes=3)
    world.scene.over()
    with world.scene.write() as conn:
        conn.execute(delete(s.alert_events).where(s.alert_events.c.seq < 3))
    key = {**world.key(Role.VIEWER).headers, "Last-Event-ID": last}
    with (
        running(world) as (base, _),
        httpx.stream("GET", f"{base}/v1/events", headers=key, timeout=WAIT_S) as answer,
    ):
        event = Reader(answer).next()
        assert event["event"] == "reset"
        assert int(event["id"]) > 3


def test_events_are_for_those_who_may_read(world: World) -> None:
    with running(world) as (base, _):
        assert httpx.get(f"{base}/v1/events").status_code == 401
        push = world.key(Role.ADMIN, "push").headers
        assert httpx.get(f"{base}/v1/events", headers=push).status_code == 403


@pytest.mark.slow("asks for many answers")
@pytest.mark.parametrize("waits", [True, False], ids=["while nothing happens", "before the next event"])
def test_a_revoked_key_is_told_nothing_more(
    world: World, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PING_S", 0.2 if waits else WAIT_S)
    key = world.key(Role.VIEWER).headers
    with (
        running(world) as (base, _),
        httpx.stream("GET", f"{base}/v1/events", headers=key, timeout=WAIT_S) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
        with world.scene.write() as conn:
            revoke_key(conn, "key 0", world.now)
        if not waits:
            world.scene.over()
        assert [line for line in lines if line and not line.startswith(":")] == []


def test_a_session_that_is_over_ends_its_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PING_S", 0.2)
    browser, session = world.session("ada")
    with (
        running(world) as (base, _),
        httpx.stream("GET", f"{base}/v1/events", headers=browser.headers, timeout=WAIT_S) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
        with world.scene.write() as conn:
            sign_out(conn, session.token, world.now)
        assert [line for line in lines if line and not line.startswith(":")] == []


def test_one_caller_leaves_places_to_the_others(world: World) -> None:
    one, other = world.key(Role.VIEWER), world.key(Role.VIEWER)
    caller = f"key:{one.get('/v1/me').json()['id']}"
    for _ in range(MAX_CLIENTS_OF_ONE):
        world.app.state.tocsin.hub.enter(caller)
    refused = one.get("/v1/events")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "30"
    assert not world.app.state.tocsin.hub.has_all(f"key:{other.get('/v1/me').json()['id']}")
    world.app.state.tocsin.hub.leave(caller)
    assert not world.app.state.tocsin.hub.has_all(caller)


def test_waiting_clients_are_let_go_at_the_end(world: World) -> None:
    key = world.key(Role.VIEWER).headers
    with running(world) as (base, stop):
        client = httpx.Client(timeout=WAIT_S)
        with client.stream("GET", f"{base}/v1/events", headers=key) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 3000"
            ended: list[bool] = []
            reading = threading.Thread(target=lambda: ended.append(list(lines) is not None))
            reading.start()
            stop.set()
            reading.join(WAIT_S)
    assert ended == [True]
    client.close()


def test_the_places_for_event_clients_are_limited() -> None:
    hub = Hub(lambda: 0, most=2)
    hub.enter()
    assert not hub.full
    hub.enter()
    assert hub.full
    hub.leave()
    assert not hub.full
    hub.stop()
    assert hub.full


def test_events_go_on_after_an_error_that_nobody_expected() -> None:
    answers: list[int | Exception] = [KeyError("a mistake of ours"), 7]

    def newest() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def waits() -> bool:
        hub = Hub(newest, every_s=0.01)
        hub.enter()
        try:
            return await hub.wait_for_newer(0, 4.0)
        finally:
            hub.stop()

    assert asyncio.run(waits())


def test_the_server_says_neither_its_name_nor_more_than_it_must(world: World) -> None:
    with running(world) as (base, _):
        answer = httpx.get(f"{base}/healthz")
        assert "server" not in answer.headers
        forwarded = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
        assert httpx.get(f"{base}/metrics", headers=forwarded).status_code == 401


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongInput, match=rf"port {port} on 127\.0\.0\.1 is in use.*api\.port"):
            listen(Api(port=port))


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(WrongInput, match=r"api\.host"):
        listen(Api(host="no.such.host.invalid"))
    with pytest.raises(WrongInput, match=r"192\.0\.2\.1"):
        listen(Api(host="192.0.2.1", port=0))


def test_last_uses_of_keys_are_stored_now_and_then_not_by_a_get(world: World) -> None:
    key = world.key(Role.VIEWER)
    with running(world) as (base, _):
        assert httpx.get(f"{base}/v1/me", headers=key.headers).status_code == 200
        with world.scene.store.read() as conn:
            assert conn.execute(s.api_keys.select()).one().last_used_at is None
    with world.scene.store.read() as conn:
        assert conn.execute(s.api_keys.select()).one().last_used_at == world.now
