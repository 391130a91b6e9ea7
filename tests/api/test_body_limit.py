"""Bounds on the bodies that are on their way at once: strangers cannot fill the memory, nor keep others from being heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.body_limit import MAX_SIGNS, SMALL_BODY_BYTES, STRANGERS_BYTES, UNCOUNTED_BYTES, BodyLimit
from tests.api.test_push import signed
from tests.api.world import HERE, Client, World
from tocsin.definitions.models import Role

MIB = 1024 * 1024
HOOK, PUSH = "/v1/mentions/hook/vendor", "/v1/mentions"


class Doors:
    """The limit before an app that reads each body whole. Bodies are sent in part and stay unfinished until the end."""

    def __init__(self, most: int = 8 * MIB) -> None:
        self.limit = BodyLimit(self._read, most)
        self.held: list[asyncio.Task[list[Message]]] = []

    @staticmethod
    async def _read(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await Response(str(len(body)))(scope, receive, send)

    async def send(self, path: str, size: int, *, address: str = "203.0.113.9", whole: bool = True) -> int:
        """The status of the answer to a body of `size` bytes; 0 where it is unfinished and still waited for."""
        task = asyncio.create_task(self._ask(path, size, address, whole))
        done, _ = await asyncio.wait({task}, timeout=None if whole else 0.01)
        if not done:
            self.held.append(task)
            return 0
        return int(task.result()[0]["status"])

    async def _ask(self, path: str, size: int, address: str, whole: bool) -> list[Message]:
        parts, sent = [min(65536, size - at) for at in range(0, size, 65536)], []

        async def receive() -> Message:
            if not parts and not whole:
                await asyncio.Event().wait()
            part = parts.pop(0) if parts else 0
            return {"type": "http.request", "body": b" " * part, "more_body": bool(parts) or not whole}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [],
            "client": (address, 1),
            "state": {"request_id": "1"},
        }
        await self.limit(scope, receive, send)
        return sent

    async def let_go(self) -> None:
        for task in self.held:
            task.cancel()
        await asyncio.gather(*self.held, return_exceptions=True)
        self.held.clear()


def run(story: Callable[[Doors], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        doors = Doors()
        try:
            await story(doors)
        finally:
            await doors.let_go()
        assert (doors.limit.known.held, doors.limit.strangers.held) == ({}, {})

    asyncio.run(told())


def test_sixty_unfinished_bodies_of_strangers_hold_no_more_than_their_room() -> None:
    async def story(doors: Doors) -> None:
        answers = [
            await doors.send(HOOK, MIB - 65536, address=f"203.0.113.{index}", whole=False)
            for index in range(60)
        ]
        assert set(answers) == {0, 503}
        assert doors.limit.strangers.held.total() <= STRANGERS_BYTES
        assert await doors.send(PUSH, 8 * MIB) == 200
        assert await doors.send("/links/token", UNCOUNTED_BYTES) == 200
        await doors.let_go()
        assert await doors.send(HOOK, MIB) == 200

    run(story)


def test_one_address_leaves_room_for_the_others() -> None:
    async def story(doors: Doors) -> None:
        answers = [await doors.send(HOOK, MIB - 65536, whole=False) for _ in range(20)]
        assert answers[-1] == 503
        assert await doors.send(HOOK, MIB, address="198.51.100.7") == 200

    run(story)


def test_known_callers_have_a_room_too_and_a_small_body_needs_none() -> None:
    async def story(doors: Doors) -> None:
        answers = [await doors.send(PUSH, 8 * MIB - 65536, whole=False) for _ in range(10)]
        assert answers[:8] == [0] * 8
        assert answers[-1] == 503
        assert await doors.send("/v1/alerts/a1/acknowledge", UNCOUNTED_BYTES) == 200

    run(story)


def test_only_mentions_may_be_large() -> None:
    async def story(doors: Doors) -> None:
        assert await doors.send(PUSH, SMALL_BODY_BYTES + 1) == 200
        assert await doors.send("/v1/dead-letters/dl_1/replay", SMALL_BODY_BYTES + 1) == 200
        for path in (HOOK, "/v1/monitors", "/signin/token"):
            assert await doors.send(path, SMALL_BODY_BYTES) == 200
            assert await doors.send(path, SMALL_BODY_BYTES + 1) == 413

    run(story)


def test_a_webhook_that_no_body_makes_right_is_refused_before_its_body_is_read(world: World) -> None:
    read: list[int] = []

    async def chunks() -> Any:
        read.append(1)
        yield b" "

    right = signed(b" ", world.now)
    for wrong in ({}, right | {"webhook-timestamp": "1"}, right | {"webhook-signature": "v2,eA=="}):
        answer = world.stranger.post(HOOK, content=chunks(), headers=wrong)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:tocsin:problem:bad-signature"
    assert read == []


def test_a_large_body_to_a_small_route_is_refused_by_the_length_that_it_says(world: World) -> None:
    key = Client(world.app, world.key(Role.ADMIN).headers, HERE, world.runner)
    answer = key.post("/v1/monitors", content=b"[]", headers={"Content-Length": str(SMALL_BODY_BYTES + 1)})
    assert answer.status_code == 413
    assert str(SMALL_BODY_BYTES) in answer.json()["detail"]


FLOODS = {
    "/v1/people": '{"name": "q", "channels": [%s{}]}',
    "/v1/policies": '{"name": "q", "steps": [%s{}]}',
    "/v1/monitors": '{"name": "q", "query": "x", "accounts": [%s{}]}',
}


@pytest.mark.parametrize("path", FLOODS)
def test_a_definition_of_very_many_values_is_refused_before_any_is_judged(world: World, path: str) -> None:
    answer = world.key(Role.ADMIN).post(path, content=FLOODS[path] % ("{}," * MAX_SIGNS))
    assert (answer.status_code, answer.json()["detail"]) == (413, "a body may hold 20,000 values here")


def test_a_push_may_hold_more_values_than_a_definition(world: World) -> None:
    item = {
        "id": "1",
        "text": "x" + "," * MAX_SIGNS,
        "created_at": world.now.isoformat(),
        "n": [1] * MAX_SIGNS,
    }
    assert world.key(Role.ADMIN, "push").post(PUSH, json=[item]).json()["accepted"] == 1
