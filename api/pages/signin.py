"""Signing in by a link, signing out, and the one button behind a notice's link. Looking spends nothing; the POST does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, select

from alerts.actions import acknowledge
from alerts.actor import Actor
from api.auth.sessions import (
    clear_cookie,
    set_cookie,
    sign_in,
    sign_out,
    token_of,
)
from api.pages.card import card
from api.pages.render import draw, look
from api.state import house_of
from tocsin.access.links import (
    LinkRefused,
    look_at_action_link,
    look_at_signin_link,
    spend_action_link,
)
from tocsin.core.errors import IllegalTransition, NotAllowed, NotFound
from tocsin.store import schema as s

router = APIRouter(include_in_schema=False)
Token = Annotated[str, Path(min_length=20, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get("/signin")
def how_to_sign_in(request: Request) -> Response:
    """Where a link comes from."""
    with house_of(request).store.read() as conn:
        seen = look(request, conn)
    return draw(seen, "signin.html", token=None, person=None, refused=None)


@router.get("/signin/{token}")
def before_signing_in(request: Request, token: Token) -> Response:
    """One button; mail scanners that follow the link spend nothing."""
    house, person, refused = house_of(request), None, None
    with house.store.read() as conn:
        seen = look(request, conn)
        try:
            person, _ = _person(conn, look_at_signin_link(conn, token, house.now()))
        except (NotFound, LinkRefused) as error:
            refused = str(error)
    status = 200 if refused is None else 410
    return draw(
        seen, "signin.html", status=status, token=None if refused else token, person=person, refused=refused
    )


@router.post("/signin/{token}")
def signing_in(request: Request, token: Token) -> Response:
    """Spend the link, open a session, and go to the overview."""
    house = house_of(request)
    now = house.now()
    try:
        with house.store.write() as conn:
            session = sign_in(conn, token, now, house.settings.api.session_hours)
    except (NotFound, LinkRefused) as error:
        with house.store.read() as conn:
            seen = look(request, conn)
        return draw(seen, "signin.html", status=410, token=None, person=None, refused=str(error))
    answer = RedirectResponse("/", 303)
    set_cookie(answer, request, session, house.settings.api, now)
    return answer


@router.post("/signout")
def signing_out(request: Request) -> Response:
    """End the session, everywhere."""
    house, token = house_of(request), token_of(request)
    if token:
        with house.store.write() as conn:
            sign_out(conn, token, house.now())
    answer = RedirectResponse("/signin", 303)
    clear_cookie(answer)
    return answer


@router.get("/links/{token}")
def notice_link(request: Request, token: Token) -> Response:
    """The alert's card without signing in, and one button."""
    house = house_of(request)
    with house.store.read() as conn:
        link = look_at_action_link(conn, token)
        seen = look(request, conn, link.person_id)
        about = card(conn, link.alert_id, house.now(), brief=True)
        person, _ = _person(conn, link.person_id)
    say, refused = seen.words.say, None
    usable = (
        link.usable(house.now())
        and link.action == "acknowledge"
        and about.alert.status in ("firing", "snoozed")
    )
    if link.spent_at is not None:
        refused = say("This link was used already. Sign in to do more.")
    elif not link.usable(house.now()):
        refused = say("This link has expired. Sign in to act on the alert.")
    return draw(
        seen, "link.html", card=about, token=token, person=person, usable=usable, refused=refused, done=None
    )


@router.post("/links/{token}")
def pressing_the_button(request: Request, token: Token) -> Response:
    """Acknowledge as the person whom the notice went to, once."""
    house, now, done, refused = house_of(request), house_of(request).now(), None, None
    try:
        with house.store.write() as conn:
            link = spend_action_link(conn, token, now)
            person, role = _person(conn, link.person_id)
            if not person or link.action != "acknowledge":
                raise NotAllowed("this link's person is no longer active; sign in to act on the alert")
            acknowledge(conn, link.alert_id, Actor(link.person_id, person, role), now)
        done = "Acknowledged. It is yours now."
    except (LinkRefused, IllegalTransition, NotAllowed) as error:
        refused = str(error)
    with house.store.read() as conn:
        link = look_at_action_link(conn, token)
        seen = look(request, conn, link.person_id)
        about = card(conn, link.alert_id, now, brief=True)
        person, _ = _person(conn, link.person_id)
    if done:
        done = seen.words.say("Acknowledged. It is yours now.")
    return draw(
        seen,
        "link.html",
        status=200 if done else 410,
        card=about,
        token=token,
        person=person,
        usable=False,
        refused=refused,
        done=done,
    )


def _person(conn: Connection, id: str) -> tuple[str, str]:
    """Name and role of an active person; empty where there is none."""
    d = s.definitions
    row = conn.execute(
        select(d.c.name, d.c.definition).where(d.c.kind == "person", d.c.id == id, d.c.deleted_at.is_(None))
    ).one_or_none()
    if row is None or not row.definition.get("active", True):
        return "", ""
    return row.name, str(row.definition.get("role", "viewer"))
