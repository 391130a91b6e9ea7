"""The router that tries few routes chooses as the framework's own does, which tries all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from api.placed import PlacedRouter, word_of
from tests.api.world import HERE, Client, World
from tests.one_loop import OneLoop

STRANGE: Final = (
    "", "*", "/", "//", "/v1", "/v1/", "/v1//", "/v1/alerts/", "/alerts/x/y/z", "/nothing", "/v1/nothing", "/v1/v1/alerts",
    "/static", "/static/", "/static/none.css", "/\x00", "/V1/monitors", "/v1/monitors\n\n", "/*", "/v1/*",
)  # fmt: skip


def addresses(routes: Sequence[BaseRoute]) -> Iterator[str]:
    for route in routes:
        assert isinstance(route, Route | Mount)
        filled = route.path.replace("{", "").replace("}", "").replace(":path", "")
        yield from (filled, f"{filled}\n")
    yield from STRANGE


def chosen(routes: Sequence[BaseRoute], scope: Scope) -> tuple[BaseRoute | None, Match]:
    """The first route that answers; where none does, the first one that knows the address."""
    partly = None
    for route in routes:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return route, match
        if match is Match.PARTIAL and partly is None:
            partly = route
    return partly, Match.PARTIAL if partly else Match.NONE


@pytest.mark.slow("tries every address with every route")
def test_each_address_leads_to_the_same_route_as_when_all_are_tried(world: World) -> None:
    router, found = world.app.router, set[Match]()
    assert isinstance(router, PlacedRouter)
    for path in dict.fromkeys(addresses(router.routes)):
        for method in ("GET", "POST"):
            scope: Scope = {"type": "http", "method": method, "path": path}
            route, match = chosen(router.routes, scope)
            assert chosen(router.part(word_of(path)).routes, scope) == (route, match), (method, path)
            found.add(match)
    assert found == {Match.FULL, Match.PARTIAL, Match.NONE}


def test_few_routes_are_tried(world: World) -> None:
    router = world.app.router
    assert isinstance(router, PlacedRouter)
    tried = [len(router.part(word_of(path)).routes) for path in addresses(router.routes)]
    assert max(tried) < len(router.routes) / 6


def test_routes_may_be_added_and_taken_out_at_any_time() -> None:
    app = FastAPI(openapi_url=None)
    app.router = PlacedRouter(redirect_slashes=False)
    with OneLoop() as loop:
        client = Client(app, {}, HERE, loop)
        assert client.get("/a").status_code == 404
        app.router.routes.append(Route("/{word}", _any))
        assert (client.get("/a").text, client.get("/b").text) == ("any", "any")
        app.router.routes.insert(0, Route("/a", _a))
        assert (client.get("/a").text, client.get("/b").text) == ("a", "any")
        assert client.post("/a").status_code == 405
        app.router.routes.clear()
        assert (client.get("/a").status_code, client.get("/b").status_code) == (404, 404)


def test_addresses_that_nobody_knows_share_one_part(world: World) -> None:
    router = world.app.router
    assert isinstance(router, PlacedRouter)
    assert len({id(router.part(word_of(f"/v1/nothing{n}"))) for n in range(50)}) == 1


def _any(_: Request) -> PlainTextResponse:
    return PlainTextResponse("any")


def _a(_: Request) -> PlainTextResponse:
    return PlainTextResponse("a")
