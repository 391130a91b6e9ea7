"""Behind a reverse proxy: a process of its own on loopback, which says for whom it asks. Only a trusted one is believed."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.pages.reach import reach_faults
from api.server import serve
from tests.api.reverse_proxy import BEHIND
from tests.api.world import World
from tocsin.access.links import make_signin_link
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find
from tocsin.settings import Api, Settings

WAIT_S = 20.0
OURS = "tocsin.example"


@contextmanager
def proxied(world: World, **api: Any) -> Iterator[str]:
    """The proxy's address, before a service with these settings."""
    stop, ready, where = threading.Event(), threading.Event(), []
    settings = world.runtime.settings.model_copy(update={"api": Api(port=0, **api)})

    def told(address: str) -> None:
        where.append(urlsplit(address).netloc)
        ready.set()

    service = threading.Thread(target=serve, args=(replace(world.runtime, settings=settings), stop, told))
    service.start()
    assert ready.wait(WAIT_S)
    proxy = subprocess.Popen(
        [sys.executable, "-m", "tests.api.reverse_proxy", where[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert proxy.stdout is not None
        yield f"http://127.0.0.1:{int(proxy.stdout.readline())}"
    finally:
        proxy.communicate(timeout=WAIT_S)
        stop.set()
        service.join(WAIT_S)


def asks(address: str, peer: str, times: int, path: str = "/signin", **headers: str) -> list[int]:
    with httpx.Client(trust_env=False, headers={BEHIND: peer, **headers}) as client:
        return [client.get(address + path).status_code for _ in range(times)]


@pytest.mark.live
@pytest.mark.slow("a service and a proxy on sockets")
def test_callers_behind_a_trusted_proxy_are_told_apart_and_cannot_pretend(world: World) -> None:
    with proxied(world, trusted_proxies=("127.0.0.1",), requests_per_minute=3) as address:
        assert asks(address, "203.0.113.1", 4) == [200, 200, 200, 429]
        pretending = {"x-forwarded-for": "198.51.100.7"}
        assert asks(address, "203.0.113.1", 1, **pretending) == [429]
        assert asks(address, "203.0.113.2", 1) == [200]
        # What is open on this machine only is not open to those behind a proxy on this machine.
        assert asks(address, "203.0.113.3", 1, "/metrics", **{"x-forwarded-for": "127.0.0.1"}) == [401]


@pytest.mark.live
@pytest.mark.slow("a service and a proxy on sockets")
def test_where_everybody_is_trusted_a_caller_is_whoever_they_say_as_the_doctor_tells(world: World) -> None:
    (fault,) = reach_faults(Settings(api=Api(public_url=f"https://{OURS}", trusted_proxies=("*",))))
    assert "whoever reaches the port may claim any address" in fault.words and not fault.bad
    with proxied(world, trusted_proxies=("*",), requests_per_minute=1) as address:
        claimed = [{"x-forwarded-for": f"198.51.100.{n}"} for n in range(3)]
        assert [asks(address, "203.0.113.1", 1, **one) for one in claimed] == [[200], [200], [200]]
        assert asks(address, "203.0.113.1", 1, **claimed[0]) == [429]
        # What is open on this machine only stays so: this address is believed of nobody.
        assert asks(address, "203.0.113.3", 1, "/metrics", **{"x-forwarded-for": "127.0.0.1"}) == [401]


@pytest.mark.live
@pytest.mark.slow("a service and a proxy on sockets")
def test_nobody_is_believed_where_no_proxy_is_trusted(world: World) -> None:
    with proxied(world, requests_per_minute=3) as address:
        assert asks(address, "203.0.113.1", 3) == [200, 200, 200]
        assert asks(address, "203.0.113.2", 1) == [429]
        assert asks(address, "203.0.113.2", 1, "/metrics") == [401]
        signed_in, cookie = signs_in(world, address, "127.0.0.1", "http://127.0.0.1")
        # Nobody vouches for https here, so the cookie is one of http.
        assert (signed_in, cookie.partition("=")[0]) == (303, "tocsin_session")
        assert "secure" not in cookie.lower()


def signs_in(world: World, address: str, host: str, origin: str, **headers: str) -> tuple[int, str]:
    """Press the button of a sign-in link through the proxy: the status, and the cookie that comes."""
    with world.scene.write() as conn:
        token = make_signin_link(conn, find(conn, Person, "ada").id, world.now)
    sent = {BEHIND: "203.0.113.9", "host": host, "origin": origin, **headers}
    answer = httpx.post(f"{address}/signin/{token}", headers=sent, trust_env=False)
    return answer.status_code, answer.headers.get("set-cookie", "")


@pytest.mark.live
@pytest.mark.slow("a service and a proxy on sockets")
def test_through_a_proxy_only_our_name_and_our_origin_count_and_the_cookie_is_secure(world: World) -> None:
    ours, evil = f"https://{OURS}", "evil.example"
    with proxied(world, trusted_proxies=("127.0.0.1",), public_url=ours) as address:
        # A name in X-Forwarded-Host is nobody's word: it neither opens the door nor shuts it.
        assert signs_in(world, address, evil, ours, **{"x-forwarded-host": OURS}) == (421, "")
        assert signs_in(world, address, OURS, f"https://{evil}") == (403, "")
        claims = {
            "x-forwarded-host": evil,
            "x-forwarded-proto": "http",
            "forwarded": f"host={evil};proto=http",
        }
        status, cookie = signs_in(world, address, OURS, ours, **claims)
        assert status == 303 and cookie.startswith("__Host-tocsin_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        browser = {BEHIND: "203.0.113.9", "host": OURS, "cookie": cookie.partition(";")[0], **claims}
        with httpx.Client(trust_env=False, base_url=address, headers=browser) as client:
            shown = client.get("/me").text
            assert evil not in shown
            [csrf] = set(re.findall(r'name="csrf" value="([^"]+)"', shown))
            form = {"csrf": csrf, "timezone": "Europe/Istanbul", "language": "tr"}
            for origin, status in (
                (f"https://{evil}", 403),
                (f"http://{evil}", 403),
                ("null", 403),
                (ours, 303),
            ):
                answer = client.post("/me", data=form, headers={"origin": origin})
                assert answer.status_code == status, (origin, answer.text[:200])
                assert evil not in answer.headers.get("location", "")
            # The cookie of http, which another service of this host could set, opens nothing over https.
            plain = cookie.partition(";")[0].replace("__Host-", "")
            assert client.get("/v1/me", headers={"cookie": plain}).status_code == 401
