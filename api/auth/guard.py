"""The guard before every route: it identifies the caller, limits the rate, checks origin and CSRF token, and asks the rules.

It wraps the route itself (`install_guard`), so nothing of a request is read or parsed before it is allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.callers import credential_of
from api.auth.principal import Principal
from api.auth.rules import RULES, AccessRule, not_for
from api.auth.sessions import csrf_matches
from api.placed import PREFIX
from api.problems import Problem, field_error
from api.state import AppState, state_of
from tocsin.core.errors import StoreUnavailable
from tocsin.core.sentences import Sentence
from tocsin.definitions.references import closest

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 256 * 1024
MAX_FORM_FIELDS = 200
LONGEST_NAME = 100


# What a reader of a replay may post: who they are, and their language.
TO_LOOK_AT = frozenset({"/signin", "/signin/{token}", "/signout", "/language"})


class Guard:
    """Passes a request on to `app` if `rules` (by method) allows its caller, and puts the principal into the request's state.

    `path` is the route's template. Each open route has a rate of its own, so that one does not use up the others'. `takes` says
    which query parameters the route has; None: any.
    """

    def __init__(
        self, app: ASGIApp, rules: Mapping[str, AccessRule], path: str = "", takes: Dependant | None = None
    ) -> None:
        self.app = app
        self.rules = rules
        self.path = path
        self.takes = takes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise Problem(403, "not-allowed", Sentence("only HTTP is spoken here"))
        request = Request(scope, receive)
        state = state_of(request)
        rule = self.rules.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if rule is None:
            raise Problem(
                403, "no-rule", Sentence("nobody may do this: the route has no rule in api/auth/rules.py")
            )
        principal = await self._principal(request, state, rule)
        _limit_rate(state, principal, request, self.path if rule.anonymous == "allowed" else "")
        scope["state"]["principal"] = principal
        if scope["method"] not in SAFE:
            receive = await _check_origin_and_form(request, receive, principal, state, rule)
        if not allows(rule, principal, request):
            raise _refusal(rule, principal)
        if state.only_read and scope["method"] not in SAFE and self.path not in TO_LOOK_AT:
            raise Problem(
                403, "only-read", Sentence("this is a replay: it can be looked at, and nothing in it changes")
            )
        # Programs that read a feed or call a webhook may add parameters of their own to its address.
        if self.takes is not None and scope["query_string"] and rule.anonymous != "allowed":
            _check_parameters(request, self.takes)
        if not _is_read(rule, scope["method"]):
            await self.app(scope, receive, send)
            return
        async with state.lanes.read(_caller(principal, request)) as watching:
            await self.app(scope, receive, watching(send))

    async def _principal(self, request: Request, state: AppState, rule: AccessRule) -> Principal | None:
        try:
            return await identify(request, state)
        except StoreUnavailable:
            if rule.anonymous == "allowed":
                # Health must answer without a store.
                return None
            raise


def install_guard(app: FastAPI, rules: Mapping[tuple[str, str], AccessRule] = RULES) -> None:
    """Put a guard before every route of the app. Called once, when all routes are there."""
    guarded: list[BaseRoute] = []
    for route in app.router.routes:
        assert isinstance(route, Route | Mount), f"unknown kind of route: {route!r}"
        # A copy: routers are made once and shared by every app of the process, a guard is this app's own. `copy.copy` goes
        # the way of pickle, which takes three times as long.
        mine = type(route).__new__(type(route))
        vars(mine).update(vars(route))
        found = {m: rules[m, mine.path] for m in methods_of(mine) if (m, mine.path) in rules}
        takes = mine.dependant if isinstance(mine, APIRoute) and mine.path.startswith(f"/{PREFIX}/") else None
        mine.app = Guard(mine.app, found, mine.path, takes)
        guarded.append(mine)
    app.router.routes[:] = guarded


def methods_of(route: BaseRoute) -> list[str]:
    """The methods that need a rule: HEAD goes with GET, a mount serves GET."""
    if isinstance(route, Mount):
        return ["GET"]
    assert isinstance(route, Route), f"unknown kind of route: {route!r}"
    return sorted((route.methods or {"GET"}) - {"HEAD"})


def allows(rule: AccessRule, principal: Principal | None, request: Request | None = None) -> bool:
    """Whether the rule lets this principal (None: a stranger) through."""
    if rule.anonymous == "allowed":
        return True
    if principal is None:
        return rule.anonymous == "loopback" and request is not None and from_loopback(request)
    if principal.role not in rule.roles:
        return False
    return principal.scopes is None or rule.scope in principal.scopes


def from_loopback(request: Request) -> bool:
    """Whether the request comes from this machine; one that came through a proxy does not."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def is_same_origin(request: Request, public_url: str | None = None) -> bool:
    """Whether a browser says that this request comes from our own page. A request that says nothing is not a browser's.

    A proxy may have rewritten the Host, so the origin of `public_url` is ours too.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    if origin == "null":
        return site == "same-origin"
    given = urlsplit(origin)
    public = urlsplit(public_url or "")
    if public.netloc and (given.scheme, given.netloc.lower()) == (public.scheme, public.netloc.lower()):
        return True
    return given.netloc.lower() == request.headers.get("host", "").lower()


async def identify(request: Request, state: AppState) -> Principal | None:
    """The caller whose key or session the request brings, as the store knows it now; None for a stranger."""
    credential = credential_of(request)
    if credential is None:
        return None
    who = await state.callers.ask(credential)
    if who is not None and who.kind == "key":
        state.last_uses[who.id] = state.now()
    return who


def _is_read(rule: AccessRule, method: str) -> bool:
    """Whether a request reads what is stored. What is open to everybody, such as health, must answer at once."""
    return rule.anonymous != "allowed" and (method in SAFE or rule.scope == "read")


def _caller(principal: Principal | None, request: Request) -> str:
    if principal is not None:
        return f"{principal.kind}:{principal.id}"
    return f"address:{request.client.host if request.client else 'unknown'}"


def _limit_rate(state: AppState, principal: Principal | None, request: Request, open_path: str) -> None:
    caller = f"{_caller(principal, request)} {open_path}"
    wait = state.limiter.wait_for(caller)
    request.scope["state"]["rate"] = state.limiter.headers_for(caller)
    if wait:
        most = state.settings.api.requests_per_minute
        detail = Sentence("more than {n} requests a minute: try again in {wait} s", n=most, wait=wait)
        raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})


def _check_parameters(request: Request, takes: Dependant) -> None:
    """Refuse a query parameter that the route does not have: a mistyped filter would list everything, and a change is not tried.
    A read without parameters has no filter, and answers the same whatever a program adds to its address.
    """
    known = set(_parameters(takes))
    if not known and request.method in SAFE:
        return
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is None:
        return
    name = repr(unknown[:LONGEST_NAME])
    said = (
        Sentence("there is no query parameter {name}{known}", name=name, known=closest(unknown, known))
        if known
        else Sentence("there is no query parameter {name}; this address takes none", name=name)
    )
    raise Problem(422, "wrong-input", said, errors=[field_error(unknown[:LONGEST_NAME], said)])


def _parameters(takes: Dependant) -> Iterator[str]:
    """The names of the query parameters of a route and of what it depends on."""
    yield from (one.alias for one in takes.query_params)
    for part in takes.dependencies:
        yield from _parameters(part)


async def _check_origin_and_form(
    request: Request, receive: Receive, principal: Principal | None, state: AppState, rule: AccessRule
) -> Receive:
    """Refuse what another site makes a browser send. A form is read, kept in the request's state, and can be read again."""
    if principal is not None and principal.kind == "key":
        return receive
    if not is_same_origin(request, state.settings.api.public_url):
        detail = Sentence("this came from another site's page; open Tocsin's own page and try again")
        raise Problem(403, "other-origin", detail)
    form: list[tuple[str, str]] = []
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        body = await _read_bounded(receive)
        try:
            form = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            raise Problem(
                422,
                "wrong-input",
                Sentence("a form is UTF-8 with at most {n} fields", n=MAX_FORM_FIELDS),
            ) from None
        receive = _replayed(body, receive)
    request.scope["state"]["form"] = dict(form)
    # On an open route the link itself is the secret.
    if principal is not None and rule.anonymous != "allowed":
        given = request.headers.get("x-csrf-token") or dict(form).get("csrf")
        if not csrf_matches(principal, given):
            raise Problem(
                403, "csrf", Sentence("the form is not from this session; load the page again and repeat it")
            )
    return receive


async def _read_bounded(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", Sentence("the request ended before its body did"))
        body += message.get("body", b"")
        if len(body) > MAX_FORM_BYTES:
            raise Problem(
                413,
                "too-large",
                Sentence("a form may have {n} bytes", n=MAX_FORM_BYTES),
            )
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, rest: Receive) -> Receive:
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            return await rest()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _refusal(rule: AccessRule, principal: Principal | None) -> Problem:
    if principal is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="tocsin"'}
        detail = Sentence(
            "sign in (tocsin signin prints a link), or send an API key as Authorization: Bearer tcs_..."
        )
        return Problem(401, "unknown-caller", detail, headers=challenge)
    if principal.role not in rule.roles:
        return Problem(403, "not-allowed", not_for(principal.role, rule))
    return Problem(403, "not-allowed", Sentence("this key lacks the scope {scope}", scope=repr(rule.scope)))
