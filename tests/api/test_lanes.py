"""Places of reads: one caller's reads wait for each other, and nobody's write waits for them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx

from api.lanes import READS_OF_ONE, Lanes
from tests.api.world import BASE, Client, World
from tocsin.definitions.models import Role


async def waits(lanes: Lanes, caller: str) -> bool:
    """Whether a read of this caller has to wait."""
    try:
        async with asyncio.timeout(0.02), lanes.read(caller):
            return False
    except TimeoutError:
        return True


def test_one_caller_has_few_places_and_waits_for_its_own() -> None:
    async def story() -> None:
        lanes = Lanes(most=3, each=2)
        async with AsyncExitStack() as at_work:
            await at_work.enter_async_context(lanes.read("a"))
            await at_work.enter_async_context(lanes.read("a"))
            assert await waits(lanes, "a")
            assert not await waits(lanes, "b")
            await at_work.enter_async_context(lanes.read("b"))
            assert await waits(lanes, "c")
        assert not await waits(lanes, "a")
        assert (lanes._callers, lanes._inside) == ({}, {})

    asyncio.run(story())


def test_a_client_that_reads_its_answer_slowly_holds_no_place() -> None:
    async def story() -> None:
        lanes = Lanes(most=1, each=1)

        async def send(message: object) -> None:
            assert not await waits(lanes, "a")
            assert not await waits(lanes, "b")

        async with lanes.read("a") as watching:
            assert await waits(lanes, "b")
            await watching(send)({"type": "http.response.start"})
        assert lanes._all._value == 1

    asyncio.run(story())


def test_a_caller_with_many_reads_delays_no_write_and_no_other_caller(world: World) -> None:
    one, other = world.key(Role.COMMUNITY_MANAGER), world.key(Role.VIEWER)
    caller = f"key:{one.get('/v1/me').json()['id']}"
    lanes, sent = world.app.state.tocsin.lanes, []

    async def ask(method: str, path: str, who: Client, **body: str) -> int:
        transport = httpx.ASGITransport(world.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=who.headers) as client:
            return (await client.request(method, path, json=body)).status_code

    async def story() -> None:
        async with AsyncExitStack() as at_work:
            for _ in range(READS_OF_ONE):
                await at_work.enter_async_context(lanes.read(caller))
            late = [
                asyncio.create_task(ask("GET", "/v1/alerts", one)),
                asyncio.create_task(ask("POST", "/v1/monitors/preview", one, query="velora")),
            ]
            assert await ask("POST", "/v1/monitors", one, name="Velora", query="velora") == 201
            assert await ask("GET", "/healthz", one) == 200
            assert await ask("GET", "/v1/alerts", other) == 200
            assert not any(task.done() for task in late)
        sent.extend(await asyncio.gather(*late))

    world.runner.run(story())
    assert sent == [200, 200]
