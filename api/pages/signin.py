"""Signing in by a link, signing out, and the button behind a notice's link. A GET spends nothing, the POST spends the link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from alerts.actions import acknowledge
from alerts.actor import Actor
from alerts.apply import act
from api.auth.cookies import clear_cookie, session_token, set_cookie
from api.auth.principal import Principal
from api.auth.sessions import sign_in, sign_out
from api.pages.card import card
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.state import state_of
from api.turns import turn_of
from tocsin.access.links import (
    LinkRefused,
    find_action_link,
    find_signin_link,
    spend_action_link,
)
from tocsin.core.errors import IllegalTransition, NotAllowed, NotFound
from tocsin.definitions.models import Role
from tocsin.definitions.repository import stored_definition

router = APIRouter(include_in_schema=False)
ACKNOWLEDGE = "/alerts/{id}/acknowledge"
Token = Annotated[str, Path(min_length=20, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get("/signin")
def signin_help(request: Request) -> Response:
    """The page that says where a sign-in link comes from."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
    return render(ctx, "signin.html", token=None, person=None, refused=None)


@router.get("/signin/{token}")
def signin_page(request: Request, token: Token) -> Response:
    """A page with one button: mail scanners that follow the link spend nothing."""
    state, person, refused = state_of(request), None, None
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        try:
            person, _ = _person(conn, find_signin_link(conn, token, state.now()))
        except (NotFound, LinkRefused) as error:
            refused = str(error)
    status = 200 if refused is None else 410
    return render(
        ctx, "signin.html", status=status, token=None if refused else token, person=person, refused=refused
    )


@router.post("/signin/{token}")
def use_signin_link(request: Request, token: Token) -> Response:
    """Spend the link, open a session, and go to the overview."""
    state = state_of(request)
    now = state.now()
    try:
        with state.store.write() as conn:
            session = sign_in(conn, token, now, state.settings.api.session_hours)
    except (NotFound, LinkRefused) as error:
        with state.store.read() as conn:
            ctx = page_context(request, conn)
        return render(ctx, "signin.html", status=410, token=None, person=None, refused=str(error))
    answer = RedirectResponse("/", 303)
    set_cookie(answer, request, session, state.settings.api, now)
    return answer


@router.post("/signout")
def signout(request: Request) -> Response:
    """End the session, everywhere."""
    state, token = state_of(request), session_token(request)
    if token:
        with state.store.write() as conn:
            sign_out(conn, token, state.now())
    answer = RedirectResponse("/signin", 303)
    clear_cookie(answer)
    return answer


@router.get("/links/{token}")
def notice_link(request: Request, token: Token) -> Response:
    """The alert's card without signing in, and one button, as far as the link's person may see and press it today."""
    state = state_of(request)
    with state.store.read() as conn:
        link = find_action_link(conn, token)
        reader = _reader(conn, link.person_id)
        ctx = page_context(request, conn, link.person_id)
        about = card(conn, link.alert_id, state.now(), brief=True)
    translate, refused, may = ctx.fmt.translate, None, permitted(reader, ACKNOWLEDGE)
    usable = (
        may
        and link.usable(state.now())
        and link.action == "acknowledge"
        and about.alert.status in ("firing", "snoozed")
    )
    if not may:
        refused = translate("Your role may not acknowledge any more. Sign in to see the alert.")
    elif link.spent_at is not None:
        refused = translate("This link was used already. Sign in to do more.")
    elif not link.usable(state.now()):
        refused = translate("This link has expired. Sign in to act on the alert.")
    return render(
        ctx,
        "link.html",
        card=about,
        token=token,
        person=reader.name,
        usable=usable,
        refused=refused,
        done=None,
    )


@router.post("/links/{token}")
def use_notice_link(request: Request, token: Token) -> Response:
    """Acknowledge as the person whom the notice went to, once."""
    state, now, done, refused = state_of(request), state_of(request).now(), None, None
    try:
        with state.store.write() as conn:
            link = spend_action_link(conn, token, now)
            reader = _reader(conn, link.person_id)
            if link.action != "acknowledge" or not permitted(reader, ACKNOWLEDGE):
                raise NotAllowed(
                    f"the role {reader.role.value} may not acknowledge; sign in to see the alert"
                )
            act(
                turn_of(state, conn, Actor(reader.id, reader.name, reader.role.value)),
                acknowledge,
                link.alert_id,
            )
        done = "Acknowledged. It is yours now."
    except (LinkRefused, IllegalTransition, NotAllowed) as error:
        refused = str(error)
    with state.store.read() as conn:
        link = find_action_link(conn, token)
        reader = _reader(conn, link.person_id)
        ctx = page_context(request, conn, link.person_id)
        about = card(conn, link.alert_id, now, brief=True)
    if done:
        done = ctx.fmt.translate("Acknowledged. It is yours now.")
    return render(
        ctx,
        "link.html",
        status=200 if done else 410,
        card=about,
        token=token,
        person=reader.name,
        usable=False,
        refused=refused,
        done=done,
    )


def _reader(conn: Connection, person_id: str) -> Principal:
    """The person whom a notice's link was sent to, with today's role. Raises `NotAllowed` for one who left."""
    name, role = _person(conn, person_id)
    if not name:
        raise NotAllowed("the person of this link is no longer active; sign in to see the alert")
    return Principal("person", person_id, name, Role(role))


def _person(conn: Connection, id: str) -> tuple[str, str]:
    """Name and role of an active person; empty where there is none."""
    found = stored_definition(conn, "person", id)
    if found is None or found.ended or not found.body.get("active", True):
        return "", ""
    return found.name, str(found.body.get("role", "viewer"))
