"""Asking over HTTP: bounded, polite, and silent about tokens whatever goes wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingest.budget import Budget, HostBudget
from ingest.source import BudgetSpent, FetchFailed, SourceContext
from ingest.web import Answer, Web, user_agent
from tests.contracts.loopback import INGEST, Loopback, Network, Reply, World
from tests.contracts.loopback import loopback as loopback
from tests.ingest.house import NOON
from tocsin.core.clock import SimulatedClock, iso
from tocsin.settings import Ingest

TOKEN = "s3cr3t-token"
PLAIN = Reply(b'{"a": 1}')
ECHO = Network("feed", lambda url: {}, lambda world, request: world.fault or PLAIN, "none")


@pytest.fixture
def world(loopback: Loopback) -> Iterator[World]:
    world = loopback.begin(ECHO)
    world.clock = SimulatedClock(NOON)
    return world


def web(world: World, budget: Budget | None = None, **ingest: Any) -> Web:
    settings = Ingest.model_validate(INGEST.model_dump() | ingest)
    return Web(SourceContext("s", settings, world.clock, world.budget), budget)


def failure(world: World, reply: Reply, **options: Any) -> FetchFailed:
    world.fault = reply
    with pytest.raises(FetchFailed) as caught:
        web(world).get(f"{world.url}/x", params={"key": TOKEN}, headers={"authorization": TOKEN}, **options)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_an_answer_has_its_parts(world: World) -> None:
    answer = web(world, contact="me@example.org").get(f"{world.url}/x", params={"q": "ş", "n": 2})
    assert (answer.status, answer.json(), answer.text()) == (200, {"a": 1}, '{"a": 1}')
    assert answer.headers["content-type"] == "application/json"
    (request,) = world.requests
    assert (request.method, request.path, request.query) == ("GET", "/x", {"q": "ş", "n": "2"})
    assert request.headers["user-agent"] == user_agent("me@example.org")
    assert "me@example.org" in user_agent("me@example.org")


def test_a_form_and_json_can_be_posted(world: World) -> None:
    web(world).post(f"{world.url}/token", form={"grant": "x"})
    web(world).post(f"{world.url}/rules", json={"add": []})
    assert [one.body for one in world.requests] == [b"grant=x", b'{"add":[]}']


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 429, 451, 500, 503, 599, 302])
def test_a_refusal_is_a_plain_sentence_with_the_status(world: World, status: int) -> None:
    reply = Reply(TOKEN.encode(), status, {"x-echo": TOKEN})
    error = failure(world, reply)
    assert error.status == status
    assert str(error).startswith(f"127.0.0.1:{world.url.rsplit(':', 1)[1]} answered {status}")
    world.fault = reply
    assert web(world).get(f"{world.url}/x", expected=(status,)).status == status


def test_an_answer_that_is_packed_is_unpacked_within_the_limit(world: World) -> None:
    small, packed = b'{"a": "' + b"x" * 500 + b'"}', {"content-encoding": "gzip"}
    for body, encoding in (
        (gzip.compress(small), "gzip"),
        (zlib.compress(small), "deflate"),
    ):
        world.fault = Reply(body, headers={"content-encoding": encoding})
        assert web(world).get(world.url).body == small
    bomb = gzip.compress(b"0" * 20_000_000)
    assert "longer than 1000 bytes" in str(
        failure(world, replace(PLAIN, body=bomb[:900], headers=packed), most_bytes=1000)
    )
    assert "damaged" in str(failure(world, Reply(b"no gzip", headers=packed)))
    assert "ends early" in str(failure(world, Reply(gzip.compress(small)[:-12], headers=packed)))
    assert "zstd packed" in str(failure(world, Reply(small, headers={"content-encoding": "zstd"})))


def test_a_token_that_no_header_can_carry_is_not_shown(world: World) -> None:
    for headers in ({"authorization": f"{TOKEN}\nx: y"}, {"authorization": f"{TOKEN}ş"}):
        with pytest.raises(FetchFailed, match="characters that no request may have") as caught:
            web(world).get(world.url, headers=headers)
        assert TOKEN not in str(caught.value)
    with pytest.raises(FetchFailed, match="no web address"):
        web(world).get(f"ftp://{TOKEN}@host/")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b"9" * 5000])
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises(FetchFailed, match="is not read"):
        Answer(200, {}, body, "the host").json()


def test_json_with_half_a_character_is_read() -> None:
    assert Answer(200, {}, rb'["\ud83d"]', "the host").json() == ["\ud83d"]


def test_a_source_asks_no_more_than_the_host_takes(world: World) -> None:
    asking = web(world, Budget(2, per_s=60))
    asking.get(world.url)
    asking.get(world.url)
    with pytest.raises(BudgetSpent, match="takes no more requests of ours for 60 s") as caught:
        asking.get(world.url)
    assert caught.value.retry_after == timedelta(minutes=1)
    assert len(world.requests) == 2
    world.clock.advance(timedelta(minutes=1))
    asking.get(world.url)


@pytest.mark.parametrize(
    "reset",
    [iso(NOON + timedelta(minutes=5)), str(int((NOON + timedelta(minutes=5)).timestamp())), "300", "300.0"],
)
def test_the_requests_that_a_network_says_are_left_are_believed(world: World, reset: str) -> None:
    world.fault = replace(PLAIN, headers={"x-ratelimit-remaining": "1", "x-ratelimit-reset": reset})
    web(world).get(world.url)
    assert world.budget.states(NOON)[0].left == 1
    world.fault = replace(PLAIN, headers={"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": reset})
    web(world).get(world.url)
    with pytest.raises(BudgetSpent) as caught:
        web(world).get(world.url)
    assert caught.value.retry_after == timedelta(minutes=5)


@pytest.mark.parametrize("odd", ["", "soon", "-1", "nan", "inf", "9" * 400, "99999-01-01T00:00:00Z"])
def test_limits_that_make_no_sense_are_passed_over(world: World, odd: str) -> None:
    world.fault = replace(PLAIN, headers={"x-ratelimit-remaining": odd, "x-ratelimit-reset": odd})
    web(world).get(world.url)
    world.fault = replace(PLAIN, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": odd})
    web(world).get(world.url)
    world.budget = HostBudget()
    web(world).get(world.url)
