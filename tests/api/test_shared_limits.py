"""A rate limit holds once over several API processes on one store, and no request writes anything for it."""

from __future__ import annotations

from fastapi import FastAPI

from api.app import create_app
from api.auth.limits import RateLimiter
from api.auth.shared_limits import FORGOTTEN_AFTER, PREFIX, SharedLimits
from tests.api.world import STRANGER_ADDRESS, Client, World
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role
from tocsin.store import meta

LIMIT = 20


def process(world: World) -> tuple[FastAPI, Client]:
    """One more API process on the world's store, whose clock of limits stands still, and a stranger at its door."""
    app = create_app(world.runtime)
    state = app.state.tocsin
    state.limiter = RateLimiter(LIMIT, lambda: 0.0)
    state.shared_limits = SharedLimits(state.limiter, state.store, world.runtime.clock)
    return app, Client(app, {}, STRANGER_ADDRESS, world.runner)


def exchange(*apps: FastAPI) -> None:
    for app in apps:
        app.state.tocsin.shared_limits.exchange()


def allowed(client: Client, times: int) -> int:
    return sum(client.get("/v1/me").status_code != 429 for _ in range(times))


def test_a_caller_gets_the_limit_once_over_all_processes(world: World) -> None:
    (one, at_one), (two, at_two) = process(world), process(world)
    at_one.headers = at_two.headers = world.key(Role.VIEWER).headers
    assert allowed(at_one, 15) == 15
    exchange(one, two)
    assert allowed(at_two, 15) == 5
    exchange(two, one, two)
    assert (allowed(at_one, 1), allowed(at_two, 1)) == (0, 0)
    # Told once, taken once.
    exchange(one, two, one, two)
    ((_, bucket),) = two.state.tocsin.limiter._buckets.items()
    assert bucket.left == 0


def test_strangers_who_knock_at_every_door_are_locked_out_of_all(world: World) -> None:
    (one, at_one), (two, at_two) = process(world), process(world)
    assert allowed(at_one, LIMIT + 5) == LIMIT
    exchange(one, two)
    assert allowed(at_two, 3) == 0


def test_who_asks_little_is_told_to_nobody_and_costs_no_write(world: World) -> None:
    one, at_one = process(world)
    exchange(one)
    with world.scene.store.read() as conn:
        assert meta.starting_with(conn, PREFIX) == []
    limiter = RateLimiter(6000, lambda: 0.0)
    assert [limiter.wait_for("a") for _ in range(40)] == [0] * 40
    assert limiter.spent(0.1, 5.0) == {}
    assert allowed(at_one, 1) == 1


def test_what_a_process_told_long_ago_is_not_held_against_anybody_and_goes(world: World) -> None:
    one, at_one = process(world)
    assert allowed(at_one, LIMIT) == LIMIT
    exchange(one)
    world.scene.clock.advance(FORGOTTEN_AFTER * 2)
    two, at_two = process(world)
    exchange(two)
    assert allowed(at_two, 2) == 2
    exchange(two)
    with world.scene.store.read() as conn:
        assert len(meta.starting_with(conn, PREFIX)) == 1
