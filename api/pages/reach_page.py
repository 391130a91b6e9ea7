"""How people reach the page, as a form: where links lead, how this request came, a check of the address, and whom to trust.

`tocsin.access.address` says why an administrator may set the address here.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.auth.principal import Principal
from api.pages.channels import person_of
from api.pages.flash import flash_of
from api.pages.reach import ADVICE_OF_FAULTS, reach_faults
from api.pages.render import page_context, render
from api.problems import Problem
from api.reaching import AddressCheck, arrival_of, check_address
from api.state import AppState, form_of, state_of
from tocsin.access.address import PAGE, PROXIES, URL, Chosen, before, choose, chosen, take_back
from tocsin.access.links import page_address
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence

router = APIRouter(include_in_schema=False)

HEADERS: Final = (
    "host",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "via",
)
"""What proxies tell of a request. Only X-Forwarded-For and -Proto are believed, and only from a trusted proxy."""

LONGEST: Final = 300


@router.get("/settings/reach")
def shown(request: Request) -> Response:
    """Where links in notices lead, how this request came, and the forms that change it."""
    return _shown(request)


@router.post("/settings/reach")
def change(request: Request) -> Response:
    """Set the address, check it, trust the proxy that this request came by, or take the last change back."""
    state, who, typed = state_of(request), person_of(request), form_of(request)
    do = typed.get("do", "save")
    if do == "check":
        return _shown(request, checked=check_address(state))
    if do == "undo":
        _undo(state, who)
        return RedirectResponse("/settings/reach?done=reach_undone", 303)
    if do == "trust":
        _trust(request, state, who)
        return RedirectResponse("/settings/reach?done=trusted", 303)
    _require_free(state, URL)
    url = typed.get("public_url", "").strip()
    try:
        with state.store.write() as conn:
            new = Chosen(url or None, chosen(conn).trusted_proxies)
            state.take_address(choose(conn, new, state.now(), who.label, who.role.value))
    except WrongInput:
        return _shown(request, typed=url, status=422)
    return RedirectResponse("/settings/reach?done=saved", 303)


def _undo(state: AppState, who: Principal) -> None:
    with state.store.write() as conn:
        state.take_address(take_back(conn, state.now(), who.label, who.role.value))


def _trust(request: Request, state: AppState, who: Principal) -> None:
    """Trust the other end of this very connection, and nobody else: no address is taken from the form."""
    _require_free(state, PROXIES)
    came = arrival_of(request)
    with state.store.write() as conn:
        old = chosen(conn)
        new = Chosen(old.public_url, (*old.trusted_proxies, came.address))
        choose(conn, new, state.now(), who.label, who.role.value)


def _require_free(state: AppState, key: str) -> None:
    origin = state.origins.get(key, PAGE)
    if origin != PAGE:
        raise Problem(
            409,
            "set-elsewhere",
            Sentence(
                "{key} is set in {origin}, which wins over the page; change it there", key=key, origin=origin
            ),
        )


def _shown(
    request: Request, typed: str | None = None, checked: AddressCheck | None = None, status: int = 200
) -> Response:
    state, came = state_of(request), arrival_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        kept, old = chosen(conn), before(conn)
    faults = list(reach_faults(state.settings, came))
    here = f"{request.url.scheme}://{came.host}" if came.host else ""
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "reach.html",
        status=status,
        leads_to=page_address(state.settings),
        origins={key: state.origins.get(key) for key in (URL, PROXIES)},
        from_page=PAGE,
        came=came,
        here=here,
        arrived=[(one, request.headers[one][:LONGEST]) for one in HEADERS if one in request.headers],
        faults=faults,
        by_proxy=any(one.proxy for one in faults),
        proxies=state.settings.api.trusted_proxies,
        waiting=[one for one in kept.trusted_proxies if one not in state.settings.api.trusted_proxies],
        typed=typed if typed is not None else (kept.public_url or here),
        wrong=typed if status != 200 else None,
        old=old,
        may_undo=old is not None and old != kept,
        checked=checked,
        advice=ADVICE_OF_FAULTS[checked.outcome] if checked else None,
        flash=flash,
        flash_bad=bad,
    )
