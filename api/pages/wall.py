"""`/wall`: the state of everything on a screen that hangs on a wall, big, renewed by itself and without a script.

It is read with a session, or at an address with a token of the scope `wall`. It has no link and no button: whoever walks by can
do nothing. Whatever keeps an alert from being heard, or from waking somebody, stands at the top, and then nothing is called
calm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from api.auth.keys import principal_of_address
from api.pages.formatting import Formatter
from api.pages.holding import Holds
from api.pages.models import Overview, overview
from api.pages.render import PageContext, page_context, render
from api.routes.feeds import Token
from api.state import AppState, state_of
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import known_zone

router = APIRouter(include_in_schema=False)

RENEWED_S = 15
"""The browser asks again after so many seconds."""
SHOWN = 8
"""Alerts on the wall; how many more there are is said."""

Lang = Annotated[str, Query(max_length=35)]
Tz = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Wall:
    """The content of the wall."""

    overview: Overview
    holding: tuple[Holds, ...]

    @property
    def unheard(self) -> list[str]:
        """The sources that are not heard, by name."""
        return [one.name for one in self.overview.sources if one.state not in ("ok", "off")]


@router.get("/wall")
def wall_of_a_reader(request: Request, lang: Lang = "", tz: Tz = "") -> Response:
    """The wall for who is signed in."""
    state = state_of(request)
    with state.store.read() as conn:
        return _shown(request, conn, state, lang, tz)


@router.get("/wall/{token}")
def wall_by_token(request: Request, token: Token, lang: Lang = "", tz: Tz = "") -> Response:
    """The wall for a screen that cannot sign in. 404 for a token that nobody has."""
    state = state_of(request)
    with state.store.read() as conn:
        who = principal_of_address(conn, token, "wall")
        state.last_uses[who.id] = state.now()
        return _shown(request, conn, state, lang, tz)


def look(conn: Connection, now: datetime, blind_after: timedelta, holds: tuple[Holds, ...]) -> Wall:
    """The content of the wall now."""
    return Wall(overview(conn, now, blind_after), holds)


def _shown(request: Request, conn: Connection, state: AppState, lang: str, tz: str) -> Response:
    ctx = _in_words(page_context(request, conn), lang, tz)
    holds = state.held_times.now(conn, state.now(), ctx.banner.stamp)
    seen = look(conn, state.now(), timedelta(minutes=state.settings.alerting.blind_after_minutes), holds)
    return render(
        ctx,
        "wall.html",
        etag=True,
        headers={"Refresh": str(RENEWED_S)},
        wall=seen,
        o=seen.overview,
        shown=SHOWN,
    )


def _in_words(ctx: PageContext, lang: str, tz: str) -> PageContext:
    """The context in the language and zone that the address asks for: a screen has no person who chose them."""
    try:
        zone = ZoneInfo(known_zone(tz)) if tz else ctx.fmt.zone
    except ValueError as error:
        raise WrongInput(*error.args) from None
    language = ctx.state.languages.choose(lang, None) if lang else ctx.fmt.language
    return replace(ctx, fmt=Formatter(language, zone, ctx.fmt.now))
