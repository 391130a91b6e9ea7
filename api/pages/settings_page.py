"""The settings: where everything that is defined has its form, how people reach the page, what is in force; keys and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from api.auth.cookies import session_token
from api.auth.endings import end_one_session, revoke
from api.auth.keys import check_scopes, create_key, list_keys
from api.auth.principal import Principal
from api.auth.rules import IN_ADDRESSES, SCOPES
from api.auth.sessions import current_session, open_sessions
from api.pages.channels import person_of
from api.pages.flash import flash_of
from api.pages.formatting import UNKNOWN, Formatter
from api.pages.permission import sees
from api.pages.reach import heartbeat_faults, reach_faults
from api.pages.render import page_context, render
from api.reaching import arrival_of
from api.state import form_of, principal_of, state_of
from processors.rescoring import under_way
from tocsin.access.links import page_address
from tocsin.core.errors import Conflict, NotFound, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Role
from tocsin.settings import known_settings, masked
from tocsin.store import audit

router = APIRouter(include_in_schema=False)
PLACES: Final = (
    "setup",
    "monitors",
    "sources/new",
    "people",
    "policies",
    "schedules",
    "silences",
    "expected-events",
    "imports",
    "retention",
    "erasures",
    "keys",
    "sessions",
)
"""What the page of settings leads to, as far as the reader may look there."""

FAULTS: Final = {
    "name": "A name is one line of characters that can be seen.",
    "taken": "There is one of that name already.",
    "role": "Choose one of these.",
}


@router.get("/settings")
def settings(request: Request) -> Response:
    """The way to every form; for administrators also how people reach the page, and the settings in force with their origin."""
    state, who = state_of(request), principal_of(request)
    with state.store.read() as conn:
        ctx, walk = page_context(request, conn), under_way(conn)
    is_admin = who.role is Role.ADMIN
    api = state.settings.api
    return render(
        ctx,
        "settings.html",
        walk=walk,
        places=[one for one in PLACES if sees(who, f"/{one}")],
        reach=list(reach_faults(state.settings, arrival_of(request))) if is_admin else None,
        outside=list(heartbeat_faults(state.settings)),
        public_url=api.public_url,
        proxies=api.trusted_proxies,
        mail_host=state.settings.smtp.host,
        settings=_in_force(request) if is_admin else (),
    )


@router.get("/keys")
def keys(request: Request) -> Response:
    """The keys of programs, with the form of a new one; `for` ticks what it is for."""
    wanted = request.query_params.get("for", "")
    return _keys(request, {f"scope.{wanted}": "1"} if wanted in IN_ADDRESSES else None)


@router.post("/keys")
def make_key(request: Request) -> Response:
    """Make a key and show it, this once. Only a person does: a key makes no keys."""
    state, who, typed = state_of(request), person_of(request), form_of(request)
    scopes = [one for one in SCOPES if typed.get(f"scope.{one}") == "1"]
    role = typed.get("role", "")
    if role not in set(Role):
        return _keys(request, typed, {"role": "role"}, status=422)
    try:
        check_scopes(Role(role), scopes)
    except WrongInput as error:
        return _keys(request, typed, {"scopes": error.said}, status=422)
    try:
        with state.store.write() as conn:
            name, now = typed.get("name", "").strip(), state.now()
            id, token = create_key(conn, name=name, role=Role(role), now=now, scopes=scopes)
            _note(conn, who, "key.made", id, request, {"role": role, "scopes": scopes})
    except Conflict:
        return _keys(request, typed, {"name": "taken"}, status=409)
    except WrongInput:
        return _keys(request, typed, {"name": "name"}, status=422)
    return _keys(request, token=token, addresses=_addresses(request, token, scopes))


@router.post("/keys/{id}/end")
def end_key(request: Request, id: str) -> Response:
    """End a key at once."""
    state = state_of(request)
    with state.store.write() as conn:
        who = principal_of(request)
        revoke(conn, id[:256], state.now(), who.label, who.role.value)
    return RedirectResponse("/keys?done=key_ended", 303)


@router.get("/sessions")
def sessions(request: Request) -> Response:
    """Every browser in which somebody is signed in."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        found = open_sessions(conn, state.now())
    here = current_session(session_token(request) or "")
    return render(ctx, "sessions.html", sessions=found, here=here, flash=flash_of(request, ctx.fmt)[0])


@router.post("/sessions/{id}/end")
def end_any(request: Request, id: str) -> Response:
    """Sign a browser out, its event streams included."""
    state, now = state_of(request), state_of(request).now()
    with state.store.write() as conn:
        found = next((one for one in open_sessions(conn, now) if one["id"] == id), None)
        if found is None:
            raise NotFound(Sentence("no open session has this id"))
        who = principal_of(request)
        end_one_session(conn, found, now, who.label, who.role.value)
    return RedirectResponse("/sessions?done=ended", 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _in_force(request: Request) -> list[tuple[str, str, str]]:
    """Every setting as `section.name`, its value with secrets masked, and where it came from (empty: the default)."""
    state = state_of(request)
    found = []
    for key in known_settings():
        section, _, name = key.rpartition(".")
        value = getattr(getattr(state.settings, section) if section else state.settings, name)
        found.append((key, _written(masked(key, value)), state.origins.get(key, "")))
    return found


def _written(value: object) -> str:
    """A value as a file of settings has it, without quotes; a dash where nothing is set."""
    if value is None or value in ("", (), {}):
        return UNKNOWN
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_written, value)) if isinstance(value, tuple | list) else str(value)


def _keys(
    request: Request,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    token: str | None = None,
    status: int = 200,
    addresses: Sequence[str] = (),
) -> Response:
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        found = list_keys(conn)
    return render(
        ctx,
        "keys.html",
        status=status,
        keys=found,
        token=token,
        addresses=addresses,
        typed=typed or {},
        faults={one: _said(ctx.fmt, key) for one, key in (faults or {}).items()},
        roles=[one.value for one in Role],
        scopes=SCOPES,
        flash=flash_of(request, ctx.fmt)[0],
    )


def _said(fmt: Formatter, fault: str) -> str:
    """A fault in the reader's language: a refusal, else the sentence of that key."""
    return fmt.language.say(fault) if isinstance(fault, Sentence) else fmt.translate(FAULTS[fault])


def _addresses(request: Request, token: str, scopes: Sequence[str]) -> list[str]:
    """Where a key that stands in addresses is read: its feeds and calendars, or its wallboard."""
    base = page_address(state_of(request).settings)
    paths = (path for scope in scopes for path in IN_ADDRESSES.get(scope, ()))
    return [base + path.replace("{token}", token) for path in paths]


def _note(
    conn: Connection, who: Principal, action: str, object: str, request: Request, detail: dict[str, Any]
) -> None:
    now = state_of(request).now()
    audit.append(
        conn, at=now, actor=who.label, role=who.role.value, action=action, object=object, detail=detail
    )
