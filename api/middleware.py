"""Middleware as plain ASGI: request ids and headers, the Host's name, the time of a request.

Host names are checked against a list because loopback is not enough: a page anywhere can point its own name at 127.0.0.1
(DNS rebinding) and then talk to us as if it were ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
import traceback
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import INTERNAL, Problem, outside
from tocsin.core.sentences import Sentence
from tocsin.settings import Api

log = structlog.get_logger(__name__)

REQUEST_TIME_S = 30.0
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\s]+?)\.?(?::\d*)?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
# Referrer-Policy is same-origin, not no-referrer: with the latter browsers send `Origin: null` on our own forms, and the
# check of the origin could not tell them from a stranger's.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Outermost:
    """Gives each request an id, sets the headers of its answer, counts it, and answers 500 to an error that nobody caught."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in scope["state"].get("rate", {}).items():
                    headers[name] = value
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
            await send(message)

        try:
            await self.app(scope, receive, dressed)
        except Exception as error:  # the last resort: the log gets it, the client gets an id
            log.error(
                "request failed",
                request_id=request_id,
                method=scope["method"],
                kind=type(error).__name__,
                # Not the error's words: they may hold a post's.
                where="".join(traceback.format_tb(error.__traceback__)),
            )
            if status:
                raise
            await outside(Problem(500, "internal", INTERNAL), scope)(scope, receive, dressed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.request(scope["method"], route, status, time.perf_counter() - started)


class HostCheck:
    """Answers only to names that are ours; anything else is 421. `settings` gives those in force now."""

    def __init__(self, app: ASGIApp, settings: Callable[[], Api]) -> None:
        self.app = app
        self.settings = settings
        self._names: tuple[Api, frozenset[str]] | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """The names that are ours now."""
        api = self.settings()
        if self._names is None or self._names[0] is not api:
            self._names = (api, allowed_hosts(api))
        return self._names[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _take_absolute_form(scope)
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or host_name(hosts[0]) not in self.allowed:
                problem = Problem(
                    421,
                    "unknown-host",
                    Sentence(
                        "this name is not one of ours: set api.public_url, or add it to api.allowed_hosts"
                    ),
                )
                await outside(problem, scope)(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)


def _take_absolute_form(scope: Scope) -> None:
    """Read a request line with a whole address (`GET http://host/path`), as proxies send it: its host is the one that counts."""
    scheme, found, rest = scope["path"].partition("://")
    if not found or scheme.lower() not in ("http", "https"):
        return
    host, _, path = rest.partition("/")
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [*others, (b"host", host.encode("latin-1", "replace"))]
    scope["path"] = f"/{path}"
    scope["raw_path"] = b"/" + scope["raw_path"].partition(b"://")[2].partition(b"/")[2]


class TimeBound:
    """A request that takes longer than `seconds` is 503. Event streams are meant to last and have no limit."""

    def __init__(self, app: ASGIApp, seconds: float = REQUEST_TIME_S) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False
        try:
            async with asyncio.timeout(self.seconds) as bound:

                async def watched(message: Message) -> None:
                    nonlocal begun
                    if message["type"] == "http.response.start":
                        begun = True
                        if (
                            Headers(raw=message["headers"])
                            .get("content-type", "")
                            .startswith("text/event-stream")
                        ):
                            bound.reschedule(None)
                    await send(message)

                await self.app(scope, receive, watched)
        except TimeoutError:
            if begun or not bound.expired():
                raise
            problem = Problem(
                503,
                "too-slow",
                Sentence("this took longer than {seconds} s", seconds=f"{self.seconds:g}"),
                headers={"Retry-After": "5"},
            )
            await outside(problem, scope)(scope, receive, send)


def allowed_hosts(settings: Api) -> frozenset[str]:
    """All names that this service answers to, with the address it listens on when that is a single one."""
    names = set(LOOPBACK_NAMES) | {host_name(name) for name in settings.allowed_hosts}
    if settings.public_url:
        names.add(host_name(urlsplit(settings.public_url).netloc.rpartition("@")[2]))
    try:
        address = ipaddress.ip_address(settings.host)
        if not address.is_unspecified:
            names.add(f"[{address}]" if address.version == 6 else str(address))
    except ValueError:
        names.add(host_name(settings.host))
    return frozenset(names - {""})


def host_name(host: str) -> str:
    """The name in a Host header or a URL's netloc, without its port, in lower case; IPv6 keeps its brackets. Empty for anything
    else, such as an address with a user in it.
    """
    found = _HOST.fullmatch(host.strip().lower())
    return found[1] if found else ""
