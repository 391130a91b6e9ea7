"""The fake of a network: the posts of a `World`, the `Network` that speaks its protocol, and the loopback server that carries it.

`tests/contracts/networks.py` says how a connector uses them.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ingest.budget import Budget, HostBudget
from ingest.source import Source
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import SourceDef
from tocsin.settings import Ingest

from .sources import NOW

INGEST = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": 5})


# -- the world -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Post:
    """A post as the network has it. `number` orders the posts, the newest last; a fake makes the network's own id of it."""

    number: int
    text: str = "De ketel lekt alweer"
    at: datetime = NOW - timedelta(hours=1)
    edited_at: datetime | None = None
    author: str = "ayse"

    @property
    def id(self) -> str:
        return str(1000 + self.number)


def posts(count: int, first: int = 1) -> list[Post]:
    """So many posts, a second apart, beginning with this number."""
    start = NOW - timedelta(hours=2)
    return [
        Post(n, f"De ketel lekt alweer ({n})", start + timedelta(seconds=n))
        for n in range(first, first + count)
    ]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    # Names in small letters.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer of the network. `cut` ends the connection in the middle of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: bool = False


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A reply of JSON; `x_poll="5"` is the header `x-poll`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(json.dumps(value).encode(), status, {"content-type": "application/json"} | named)


@dataclass
class World:
    """What the network has, and what it was asked. `fault` is the answer to everything, while it is there."""

    posts: list[Post] = field(default_factory=list)
    # The numbers of posts that were deleted, the newest deletion last.
    deleted: list[int] = field(default_factory=list)
    # Posts of smaller numbers are out of the network's reach.
    first_kept: int = 0
    fault: Reply | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(NOW))
    budget: HostBudget = field(default_factory=HostBudget)
    # Whatever a fake wants to remember between requests.
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def there(self) -> list[Post]:
        """The posts that can be had, in the order of their numbers."""
        kept = [one for one in self.posts if one.number >= self.first_kept and one.number not in self.deleted]
        return sorted(kept, key=lambda one: one.number)

    def edit(self, number: int, text: str, at: datetime) -> None:
        self.posts = [
            replace(one, text=text, edited_at=at) if one.number == number else one for one in self.posts
        ]

    def delete(self, number: int) -> None:
        self.deleted.append(number)


def forget_all(world: World) -> None:
    """The source was away for long: the network has other posts now, and older ones cannot be had."""
    world.posts = posts(3, first=5000)
    world.first_kept = 5000


@dataclass(frozen=True)
class Network:
    """A connector's fake, and what the tests must know of the network."""

    kind: str
    # The settings of a source that asks the fake at this address.
    settings: Callable[[str], dict[str, Any]]
    serve: Callable[[World, Request], Reply]
    # The documentation that the shapes of the answers come from, by name; `docs/coverage.md` names it too.
    shapes: str
    # The most posts of one answer, as the fake cuts them; None: there are no pages.
    page: int | None = None
    # The limit that the network states, and that the connector keeps to.
    budget: Budget | None = None
    # The identity of the mention that is made of a post.
    id_of: Callable[[Post], str] = lambda post: post.id
    # Texts come as HTML.
    html: bool = False
    # The variables of the environment that the settings refer to, with made-up secrets in them.
    environment: Mapping[str, str] = field(default_factory=dict)
    # Makes that a cursor from before is too old.
    grow_old: Callable[[World], None] = forget_all
    # Cursors as another version or a person may have written them.
    odd_cursors: tuple[dict[str, Any], ...] = ()
    # The names of tests here that do not apply, each with the reason.
    not_here: Mapping[str, str] = field(default_factory=dict)
    make: Callable[[SourceDef, World], Source] | None = None
    # Fetches without news after which a stream is believed to have no more; polls say so at once.
    patience: int = 1


# -- the loopback server ---------------------------------------------------------------------------------


class Loopback:
    """A web server on loopback, in a thread. It answers for one `World` after the other, and lives as long as the test run."""

    def __init__(self) -> None:
        self.serve: Callable[[World, Request], Reply] = lambda world, request: Reply(status=404)
        self.world = World()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                parts = urlsplit(self.path)
                request = Request(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                loopback.world.requests.append(request)
                self.give(loopback.world.fault or loopback.serve(loopback.world, request))

            def give(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body) + 100 * reply.cut))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def handle(self) -> None:
                # The client has closed the connection.
                with contextlib.suppress(OSError):
                    super().handle()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        ).start()

    def begin(self, network: Network) -> World:
        """A fresh world, in which the network answers."""
        self.world = World(url=self.url)
        self.serve = network.serve
        return self.world

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()
