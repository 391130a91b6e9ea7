"""Drawing a page: the template engine, and what every page is given.

Autoescape is on and nothing switches it off: a mention's text is never markup. `_("...")` and `_n("one", "many", n)` speak the
reader's language; `w` has times, numbers and words (`api.pages.formatting`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection, select

from api.auth.principal import Principal
from api.pages import charts
from api.pages.formatting import (
    DISMISSALS,
    SEVERITIES,
    SHAPES,
    Words,
)
from api.pages.i18n import chosen, speech
from api.pages.models import Banner, banner
from api.pages.permission import may
from api.state import House, house_of, visitor_of
from tocsin.definitions.models import known_zone
from tocsin.store import schema as s

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


@dataclass(frozen=True, slots=True)
class Look:
    """One request as a page sees it."""

    request: Request
    house: House
    who: Principal | None
    words: Words
    banner: Banner


def look(request: Request, conn: Connection, reader: str | None = None) -> Look:
    """Who reads, how they are spoken to, and what every page must say: three small queries. `reader` is the id of the
    person whom a link was sent to: they need not be signed in to be spoken to in their own language and zone."""
    house, who = house_of(request), visitor_of(request)
    now = house.now()
    definition = _person(conn, reader or (who.id if who is not None and who.kind == "person" else None))
    zone = ZoneInfo(_zone(definition.get("timezone")))
    code = chosen(definition.get("language"), request.headers.get("accept-language"))
    return Look(request, house, who, Words(speech(code), zone, now), banner(conn, now))


def draw(
    seen: Look,
    template: str,
    *,
    status: int = 200,
    etag: bool = False,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> Response:
    """The page as HTML. With `etag` it can answer 304 to who has it already."""
    words = seen.words
    html = (
        environment()
        .get_template(template)
        .render(
            _=words.say,
            _n=words.count,
            w=words,
            who=seen.who,
            csrf=(seen.who.csrf if seen.who else None) or "",
            banner=seen.banner,
            may_release=seen.banner.held_since is not None and may(seen.who, "/outbox/release"),
            path=seen.request.url.path,
            now=words.now,
            charts=charts,
            severities=SEVERITIES,
            shapes=SHAPES,
            dismissals=DISMISSALS,
            asset=asset,
            local_only=seen.house.settings.api.public_url is None,
            **context,
        )
    )
    if etag and status == 200:
        # without the form tokens' and times' sake: the same bytes for the same reader, the same tag
        tag = f'"{hashlib.blake2b(html.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
        if tag in seen.request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        headers = {**(headers or {}), "ETag": tag}
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers)


@cache
def environment() -> Environment:
    """The template engine; a name that a template misspells is an error, not an empty place."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> str:
    """The address of a static file, with its content's hash, so that it can be kept for ever."""
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def _person(conn: Connection, id: str | None) -> dict[str, Any]:
    if id is None:
        return {}
    d = s.definitions
    found = conn.execute(
        select(d.c.definition).where(d.c.kind == "person", d.c.id == id)
    ).scalar_one_or_none()
    return found if isinstance(found, dict) else {}


def _zone(name: object) -> str:
    try:
        return known_zone(str(name or "UTC"))
    except ValueError:
        return "UTC"


Allowed = Callable[[str], bool]
