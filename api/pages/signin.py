"""Signing in: asking for a link by mail, spending it, signing out, and the language of a browser. A GET spends nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, BackgroundTasks, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from alerts.signin_mail import mail_links
from api.auth.ceremonies import RelyingParty, relying_party
from api.auth.cookies import clear_cookie, session_token, set_cookie
from api.auth.sessions import device_of, open_session, principal_of_session, sign_out
from api.defining import change_part
from api.pages.render import LANGUAGE_COOKIE, asked_language, page_context, render
from api.pages.wanted import take_wanted
from api.problems import Problem
from api.state import AppState, form_of, state_of, visitor_of
from tocsin.access.links import LinkRefused, find_signin_link, page_address, spend_signin_link
from tocsin.access.spoken import note
from tocsin.core.errors import NotFound, TocsinError
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import find, names, stored_definition
from tocsin.store import audit

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
# The end of a link's address, whole or cut short: one that is not whole is refused as a used one is.
Token = Annotated[str, Path()]
LONGEST_ADDRESS = 320
A_YEAR_S = 365 * 24 * 3600
# What cannot be followed: the page says what became of it, and shows the way to another.
SIGNIN_LINK, NOTICE_LINK = "signin link", "notice link"


@router.get("/signin")
def signin_help(request: Request) -> Response:
    """The page that says where a sign-in link comes from, with the form that mails one."""
    return signin_answer(request)


@router.post("/signin")
def ask_for_link(request: Request, background: BackgroundTasks) -> Response:
    """Mail a sign-in link to this address if somebody here has it. The answer and its time are the same for everybody."""
    state = state_of(request)
    address = form_of(request).get("email", "").strip()[:LONGEST_ADDRESS]
    require_patience(request)
    background.add_task(_mail, state, address)
    return signin_answer(request, mailed=True, background=background)


@router.get("/signin/{token}")
def signin_page(request: Request, token: Token) -> Response:
    """A page with one button: mail scanners that follow the link spend nothing."""
    state, person, refused = state_of(request), None, None
    with state.store.read() as conn:
        try:
            person, _ = person_of(conn, find_signin_link(conn, token, state.now()))
        except (NotFound, LinkRefused):
            refused = True
    if refused:
        return signin_answer(request, refused=SIGNIN_LINK)
    return signin_answer(request, token=token, person=person)


@router.post("/signin/{token}")
def use_signin_link(request: Request, token: Token) -> Response:
    """Spend the link, open a session, and go to the overview."""
    state, now = state_of(request), state_of(request).now()
    try:
        with state.store.write() as conn:
            return let_in(request, conn, spend_signin_link(conn, token, now), now, by="link")
    except (NotFound, LinkRefused):
        return signin_answer(request, refused=SIGNIN_LINK)


def let_in(request: Request, conn: Connection, person_id: str, now: datetime, by: str) -> Response:
    """Open a session for this person, as long as the form asks for, note by what, and lead on to the page that was wanted."""
    api, kept = state_of(request).settings.api, form_of(request).get("keep") == "1"
    hours = 24 * api.session_kept_days if kept else api.session_hours
    session = open_session(conn, person_id, now, hours, device_of(request.headers.get("user-agent", "")))
    language = asked_language(request, state_of(request).languages)
    if language is not None:
        note(conn, person_id, language)
    name, role = person_of(conn, person_id)
    audit.append(
        conn,
        at=now,
        actor=name or person_id,
        role=role.value,
        action="session.opened",
        object=person_id,
        detail={"by": by},
    )
    answer = RedirectResponse(_first_place(conn, session.token, now), 303)
    wanted = take_wanted(request, answer)
    if wanted is not None:
        answer.headers["location"] = wanted
    set_cookie(answer, request, session, api, now)
    return answer


def require_patience(request: Request) -> None:
    """Raise `Problem` where this address has knocked too often within a minute."""
    state = state_of(request)
    wait = state.knocks.wait_for(request.client.host if request.client else "unknown")
    if wait:
        detail = Sentence("too many sign-ins were asked for from here: try again in {wait} s", wait=wait)
        raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})


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


@router.post("/language")
def choose_language(request: Request) -> Response:
    """The page's language from now on: in this browser, and for the person who is signed in."""
    state, who, form = state_of(request), visitor_of(request), form_of(request)
    code = form.get("language", "")
    if code not in state.languages.codes:
        raise Problem(
            422,
            "wrong-input",
            Sentence("the page speaks: {choices}", choices=", ".join(state.languages.codes)),
        )
    if who is not None and who.kind == "person":
        with state.store.write() as conn:
            person = find(conn, Person, who.id)
            chosen = person.value.model_copy(update={"language": code})
            change_part(conn, who, chosen, person, state.now())
    answer = RedirectResponse(_own_path(form.get("back", "")), 303)
    answer.set_cookie(LANGUAGE_COOKIE, code, max_age=A_YEAR_S, path="/", httponly=True, samesite="lax")
    return answer


def person_of(conn: Connection, id: str) -> tuple[str, Role]:
    """Name and role of an active person; an empty name where there is none."""
    found = stored_definition(conn, "person", id)
    if found is None or found.ended or not found.body.get("active", True):
        return "", Role.VIEWER
    return found.name, Role(str(found.body.get("role", "viewer")))


def _first_place(conn: Connection, token: str, now: datetime) -> str:
    """Where a person lands who has just come in: an administrator in the set-up as long as nothing is watched."""
    who = principal_of_session(conn, token, now)
    is_empty = not names(conn, "monitor", most=1)
    return "/setup" if is_empty and who is not None and who.role is Role.ADMIN else "/"


def _own_path(path: str) -> str:
    """A path of this page, and nothing that leads elsewhere."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= 300
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def signin_answer(
    request: Request,
    *,
    token: str | None = None,
    person: str | None = None,
    refused: str | None = None,
    mailed: bool = False,
    bad_passkey: bool = False,
    background: BackgroundTasks | None = None,
) -> Response:
    """The page before which nobody is signed in. A link that is used up or not whole is 410, a bad passkey 403."""
    state = state_of(request)
    party = relying_party(state.settings.api.public_url)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
    answer = render(
        ctx,
        "signin.html",
        status=410 if refused else 403 if bad_passkey else 200,
        token=token,
        person=person,
        refused=refused,
        mailed=mailed,
        bad_passkey=bad_passkey,
        party=party if isinstance(party, RelyingParty) else None,
        by_mail=state.settings.smtp.host is not None,
        days=state.settings.api.session_kept_days,
    )
    answer.background = background
    return answer


def _mail(state: AppState, address: str) -> None:
    """Queue the mails, after the answer has left: how long this takes tells a stranger nothing."""
    if not address or state.settings.smtp.host is None:
        return
    try:
        with state.store.write() as conn:
            mail_links(conn, address, page_address(state.settings), state.now())
    except TocsinError as error:
        log.warning("a sign-in link could not be queued", kind=type(error).__name__)
