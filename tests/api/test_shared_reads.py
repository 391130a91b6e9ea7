"""Questions that come at once are answered in one go, by work that begins after they were asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from api.auth.callers import Credential
from api.auth.keys import PREFIX, revoke_key
from api.shared_reads import TURNS_AT_ONCE, SharedReads
from tests.api.world import World
from tocsin.core.errors import StoreUnavailable
from tocsin.definitions.models import Role

WAIT_S = 20.0


class Slow:
    """Answers twice the question, once it may. Notes what it was asked together."""

    def __init__(self) -> None:
        self.may, self.asked = threading.Event(), list[Sequence[int]]()

    def __call__(self, questions: Sequence[int]) -> dict[int, int]:
        self.asked.append(questions)
        assert self.may.wait(WAIT_S)
        return {one: 2 * one for one in questions}


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not met():
            await asyncio.sleep(0)


def test_what_is_asked_during_a_turn_waits_for_the_next_and_shares_it() -> None:
    async def story() -> None:
        slow = Slow()
        reads = SharedReads(slow)
        first = []
        for number in range(TURNS_AT_ONCE):
            first.append(asyncio.create_task(reads.ask(number)))
            await until(lambda: len(slow.asked) == len(first))
        later = [asyncio.create_task(reads.ask(10 + number % 3)) for number in range(50)]
        # Asked again while its turn is at work: that turn may have read what is old by now.
        later.append(asyncio.create_task(reads.ask(0)))
        await asyncio.sleep(0)
        slow.may.set()
        assert await asyncio.gather(*first) == [0, 2]
        assert await asyncio.gather(*later) == [2 * (10 + number % 3) for number in range(50)] + [0]
        assert slow.asked == [(0,), (1,), (10, 11, 12, 0)]

    asyncio.run(story())


def test_an_error_is_everybodys_and_ends_with_its_turn() -> None:
    away = [True]

    def answer(questions: Sequence[str]) -> dict[str, str]:
        if away[0]:
            raise StoreUnavailable("the store is away")
        return {one: one for one in questions}

    async def story() -> None:
        reads = SharedReads(answer)
        got = await asyncio.gather(reads.ask("a"), reads.ask("b"), return_exceptions=True)
        assert [type(one) for one in got] == [StoreUnavailable] * 2
        away[0] = False
        assert await reads.ask("a") == "a"

    asyncio.run(story())


def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    async def story() -> None:
        slow = Slow()
        reads = SharedReads(slow)
        goes, stays = asyncio.create_task(reads.ask(1)), asyncio.create_task(reads.ask(1))
        await until(lambda: slow.asked)
        goes.cancel()
        slow.may.set()
        assert await stays == 2
        with pytest.raises(asyncio.CancelledError):
            await goes

    asyncio.run(story())


def test_a_credential_does_not_show_its_token() -> None:
    assert "secret" not in repr(Credential("key", f"{PREFIX}secret"))


def test_a_key_that_is_revoked_is_nobodys_at_its_next_request(world: World) -> None:
    key = world.key(Role.VIEWER)
    assert key.get("/v1/alerts").status_code == 200
    with world.scene.write() as conn:
        revoke_key(conn, "key 0", world.now)
    assert key.get("/v1/alerts").status_code == 401
