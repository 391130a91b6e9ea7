"""Passkeys on the page: registering, naming and taking out one's own, and signing in by one without typing a name.

The script asks for a challenge, lets the browser answer it, and sends the answer with the form. A refusal has the same words
whatever was wrong; the log says which check failed.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from api.auth.ceremonies import (
    PasskeyRefused,
    RelyingParty,
    answered,
    check_registration,
    check_signin,
    registration_options,
    relying_party,
    signin_options,
)
from api.auth.cookies import session_token
from api.auth.endings import end_passkeys
from api.auth.passkeys import (
    GOOD_FOR,
    Passkey,
    add_passkey,
    challenge_for,
    count_use,
    find_passkey,
    passkeys_of,
    rename_passkey,
    take_challenge,
)
from api.pages.channels import person_of
from api.pages.signin import let_in, require_patience, signin_answer
from api.pages.signin import person_of as active_person
from api.problems import Problem
from api.state import form_of, principal_of, state_of
from tocsin.access.links import new_token
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find
from tocsin.store import audit

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
COOKIE: Final = "tocsin_passkey"
PLACE: Final = "/signin/passkey"
LACKS: Final = {
    "no_url": "Passkeys are off: api.public_url is not set, and a passkey is made for one address.",
    "no_name": "Passkeys are off: api.public_url is an IP address, and a passkey is made for a host's name.",
    "no_tls": "Passkeys are off: api.public_url is http, and browsers keep passkeys for https alone.",
}
"""The reason why this installation has no passkeys. A test holds each to its translations."""

Id = Annotated[str, Path(min_length=1, max_length=64)]


@router.post("/me/passkeys/begin")
def begin_registration(request: Request) -> Response:
    """The passkey that the person's browser is asked to make."""
    state, who, party = state_of(request), person_of(request), _party(request)
    with state.store.write() as conn:
        challenge = challenge_for(conn, "register", session_token(request) or "", state.now())
        known, one = passkeys_of(conn, who.id), find(conn, Person, who.id)
    return _json(registration_options(party, who.id, one.value.email or one.name, challenge, known))


@router.post("/me/passkeys")
def register(request: Request) -> Response:
    """Keep the passkey that the browser made, where it holds."""
    state, who, form = state_of(request), person_of(request), form_of(request)
    party, now = _party(request), state.now()
    with state.store.write() as conn:
        challenge = take_challenge(conn, "register", session_token(request) or "", now)
    try:
        if challenge is None:
            raise PasskeyRefused("no challenge waits for this browser, or it expired")
        made = check_registration(party, challenge, form.get("credential", ""))
    except PasskeyRefused as error:
        log.warning("a new passkey was refused", person_id=who.id, reason=str(error))
        return _back("passkey_refused")
    try:
        with state.store.write() as conn:
            kept = add_passkey(
                conn, who.id, made.credential, made.public_key, made.sign_count, form.get("name", ""), now
            )
            _note(conn, request, "passkey.added", who.id, {"passkey": kept.id})
    except Conflict:
        return _back("passkey_known")
    return _back("passkey_kept")


@router.post("/me/passkeys/{id}/name")
def rename(request: Request, id: Id) -> Response:
    """Give one of one's own passkeys another name."""
    with state_of(request).store.write() as conn:
        rename_passkey(conn, person_of(request).id, id, form_of(request).get("name", ""))
    return _back("saved")


@router.post("/me/passkeys/{id}/remove")
def remove(request: Request, id: Id) -> Response:
    """Take one of one's own passkeys out: it opens nothing from now on."""
    who = person_of(request)
    with state_of(request).store.write() as conn:
        gone = [one for one in passkeys_of(conn, who.id) if one.id == id]
        if not end_passkeys(conn, gone, state_of(request).now(), who.label, who.role.value):
            raise NotFound(Sentence("you have no such passkey any more; load the page again"))
    return _back("removed")


@router.post("/people/{id}/passkeys/remove")
def remove_all(request: Request, id: str) -> Response:
    """Take all passkeys of a person out, as where a device was lost."""
    with state_of(request).store.write() as conn:
        one = find(conn, Person, id[:256])
        who = principal_of(request)
        end_passkeys(conn, passkeys_of(conn, one.id), state_of(request).now(), who.label, who.role.value)
    return RedirectResponse("/people?done=passkeys_gone", 303)


@router.post(PLACE + "/begin")
def begin_signin(request: Request) -> Response:
    """The challenge that a stranger's browser is asked to sign. A cookie binds it to that browser."""
    require_patience(request)
    state, party, browser = state_of(request), _party(request), new_token()
    with state.store.write() as conn:
        challenge = challenge_for(conn, "signin", browser, state.now())
    answer = _json(signin_options(party, challenge))
    answer.set_cookie(
        COOKIE,
        browser,
        max_age=int(GOOD_FOR.total_seconds()),
        path=PLACE,
        secure=party.origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post(PLACE)
def sign_in(request: Request) -> Response:
    """Open a session for whose passkey signed the challenge of this browser."""
    state, now = state_of(request), state_of(request).now()
    try:
        known, sign_count = _proven(request)
        with state.store.write() as conn:
            name, _ = active_person(conn, known.person_id)
            if not name:
                raise PasskeyRefused("its person may not sign in")
            if not count_use(conn, known, sign_count, now):
                raise PasskeyRefused("it was used or taken out meanwhile")
            return let_in(request, conn, known.person_id, now, by=f"passkey {known.id}")
    except PasskeyRefused as error:
        log.warning("a sign-in by passkey was refused", reason=str(error))
        return signin_answer(request, bad_passkey=True)


def _proven(request: Request) -> tuple[Passkey, int]:
    """The passkey that signed, with its new count. Raises `PasskeyRefused`; the challenge is spent in any case."""
    state, party = state_of(request), _party(request)
    with state.store.write() as conn:
        challenge = take_challenge(conn, "signin", request.cookies.get(COOKIE, ""), state.now())
    if challenge is None:
        raise PasskeyRefused("no challenge waits for this browser, or it expired")
    answer = form_of(request).get("credential", "")
    credential = answered(answer)["id"]
    with state.store.read() as conn:
        known = find_passkey(conn, credential)
    if known is None:
        raise PasskeyRefused("nobody has this passkey")
    return known, check_signin(party, challenge, answer, known)


def _party(request: Request) -> RelyingParty:
    found = relying_party(state_of(request).settings.api.public_url)
    if isinstance(found, RelyingParty):
        return found
    raise Problem(409, "no-passkeys", LACKS[found])


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _back(done: str) -> Response:
    return RedirectResponse(f"/me?done={done}#passkeys", 303)


def _note(conn: Connection, request: Request, action: str, object: str, detail: dict[str, Any]) -> None:
    who, now = principal_of(request), state_of(request).now()
    audit.append(
        conn, at=now, actor=who.label, role=who.role.value, action=action, object=object, detail=detail
    )
