"""Rendering: the template engine, and what every template is given.

Autoescape is on and nothing switches it off: a mention's text is never markup. `_("...")` and `_n("one", "many", n)` speak the
reader's language; `fmt` writes times, numbers and words (`api.pages.formatting`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection

from api.auth.principal import Principal
from api.pages import charts
from api.pages.field_values import NAMES_OF_LANGUAGES, field_value
from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from api.pages.lessons import lesson_of
from api.pages.models import Banner, banner
from api.pages.permission import permitted
from api.pages.readiness import NotReady
from api.pages.terms import DISMISSALS, SEVERITIES, SHAPES
from api.pages.wanted import cookie_of
from api.state import AppState, state_of, visitor_of
from tocsin.definitions.models import known_zone
from tocsin.definitions.repository import stored_definition
from tocsin.health.disk import disk_trouble

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
LANGUAGE_COOKIE = "tocsin_language"


@dataclass(frozen=True, slots=True)
class PageContext:
    """What a page knows of its request."""

    request: Request
    state: AppState
    who: Principal | None
    fmt: Formatter
    banner: Banner
    # Whether the reader is one of us: signed in, or the person whom a link was sent to.
    known: bool = False


def page_context(request: Request, conn: Connection, reader: str | None = None) -> PageContext:
    """The reader, their language and zone, and the banner: three small queries.

    `reader` is the id of the person whom a link was sent to: also without signing in they read their own language and zone.
    """
    state, who = state_of(request), visitor_of(request)
    now = state.now()
    definition = _person(conn, reader or (who.id if who is not None and who.kind == "person" else None))
    zone = ZoneInfo(_zone(definition.get("timezone")))
    # A person's own choice, else this browser's, else what the browser asks for.
    chosen = definition.get("language") or chosen_language(request)
    language = state.languages.choose(chosen, request.headers.get("accept-language"))

    def look(conn: Connection, now: datetime, stamp: Hashable) -> NotReady:
        return state.readiness.look(conn, state.settings, now, stamp)

    said = banner(conn, now, look, disk_trouble(state.settings), state.settings.stream.url)
    known = who is not None or reader is not None
    return PageContext(request, state, who, Formatter(language, zone, now), said, known)


def chosen_language(request: Request) -> str | None:
    """The language that was chosen in this browser."""
    return cookie_of(request, LANGUAGE_COOKIE)


def asked_language(request: Request, languages: Languages) -> str | None:
    """The language that this browser has chosen or asks for; None where it says nothing."""
    chosen, asked = chosen_language(request), request.headers.get("accept-language")
    return languages.choose(chosen, asked).code if chosen or asked else None


def render(
    ctx: PageContext,
    template: str,
    *,
    status: int = 200,
    etag: bool = False,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> Response:
    """The page as HTML. With `etag`, a client that has it already gets 304."""
    fmt = ctx.fmt
    html = (
        environment()
        .get_template(template)
        .render(
            _=fmt.translate,
            _n=fmt.plural,
            fmt=fmt,
            who=ctx.who,
            known=ctx.known,
            csrf=(ctx.who.csrf if ctx.who else None) or "",
            banner=ctx.banner,
            may_release=ctx.banner.held_since is not None and permitted(ctx.who, "/outbox/release"),
            path=ctx.request.url.path,
            posted=ctx.request.method == "POST",
            now=fmt.now,
            charts=charts,
            field_value=partial(field_value, fmt),
            lesson=lesson_of if ctx.banner.mode == "demo" else _no_lesson,
            severities=SEVERITIES,
            shapes=SHAPES,
            dismissals=DISMISSALS,
            asset_url=asset_url,
            languages=[(code, NAMES_OF_LANGUAGES.get(code, code)) for code in ctx.state.languages.codes],
            local_only=ctx.state.settings.api.public_url is None,
            **context,
        )
    )
    if etag and status == 200:
        # The tag is of the page as it was written for this reader: the same bytes have the same tag.
        tag = f'"{hashlib.blake2b(html.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
        if tag in ctx.request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        headers = {**(headers or {}), "ETag": tag}
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers)


def _no_lesson(_: object) -> None:
    """Outside the demo an alert teaches nothing but itself."""


@cache
def environment() -> Environment:
    """The template engine; a name that a template misspells is an error, not an empty place."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        # An upgrade under a running server must not mix its new templates with the old code.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset_url(name: str) -> str:
    """The address of a static file, with its content's hash, so that it can be kept for ever."""
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def _person(conn: Connection, id: str | None) -> dict[str, Any]:
    if id is None:
        return {}
    found = stored_definition(conn, "person", id)
    return dict(found.body) if found is not None else {}


def _zone(name: object) -> str:
    try:
        return known_zone(str(name or "UTC"))
    except ValueError:
        return "UTC"
