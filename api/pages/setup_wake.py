"""Set-up, the last two steps: whom to wake, with channels that a code has proven, and a test page that somebody says rang."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from alerts.directory import Someone, someone
from alerts.outbox.queue import newest_of
from alerts.outbox.test_notice import TEST
from alerts.own_channels import channels_of
from alerts.proofs import ring_all
from api.pages.channels import ask_channel, fault_of, person_of
from api.pages.flash import flash_of
from api.pages.reach import reach_faults
from api.pages.render import page_context, render
from api.pages.setup import RANG, first_heard, learning, steps, trigger_words
from api.reaching import arrival_of
from api.state import form_of, state_of
from tocsin.access.links import page_address
from tocsin.core.clock import iso
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find
from tocsin.health.roles import start_command
from tocsin.store import audit, meta

router = APIRouter(include_in_schema=False)
SHOWN = 4


@router.get("/setup/wake")
def wake(request: Request) -> Response:
    """One's own channels with their proof, and the form that adds one."""
    return _shown(request)


@router.post("/setup/wake")
def add_channel(request: Request) -> Response:
    """Send a code to a new channel; it pages when the code has been typed. A fault is shown at its field."""
    typed, fault = ask_channel(request, person_of(request).id)
    if fault is None:
        return RedirectResponse("/setup/wake?done=rung#channels", 303)
    return _shown(request, typed, fault, 422)


def _shown(
    request: Request,
    typed: Mapping[str, str] | None = None,
    fault: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    state, who = state_of(request), person_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        mine = find(conn, Person, who.id)
        found = channels_of(conn, Someone(mine.id, mine.value))
        woken = next(one.done for one in steps(ctx, conn) if one.name == "wake")
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "setup_wake.html",
        status=status,
        own=found,
        typed=typed or {},
        faults=fault_of(ctx, fault),
        by_mail=state.settings.smtp.host is not None,
        woken=woken,
        leads_to=page_address(state.settings),
        reach=list(reach_faults(state.settings, arrival_of(request))),
        back="setup",
        flash=flash,
        flash_bad=bad,
    )


@router.get("/setup/ring")
def did_it_ring(request: Request) -> Response:
    """The button that pages oneself on every channel, what became of the pages, and what to expect from now on."""
    state, who = state_of(request), person_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        sent = [one for one in newest_of(conn, who.id, 20) if one["kind"] == TEST][:SHOWN]
        rang = meta.get(conn, RANG)
        learns = learning(conn, state.now())
        came = first_heard(conn)
        found = steps(ctx, conn)
    flash, bad = flash_of(request, ctx.fmt)
    more: dict[str, Any] = {"steps": found, "flash": flash, "flash_bad": bad}
    more["start"] = start_command(["alerts"], state.settings.stream.url)
    return render(
        ctx,
        "setup_ring.html",
        sent=sent,
        rang=rang is not None,
        learns=learns,
        heard=came,
        triggers=trigger_words(ctx),
        help=request.query_params.get("done") == "silent",
        **more,
    )


@router.post("/setup/ring")
def ring(request: Request) -> Response:
    """Page oneself as in a crisis, or say whether it rang."""
    state, who, said = state_of(request), person_of(request), form_of(request).get("said", "")
    now = state.now()
    if said == "silent":
        return RedirectResponse("/setup/ring?done=silent", 303)
    with state.store.write() as conn:
        if said == "rang":
            meta.put(conn, RANG, iso(now))
            audit.append(
                conn, at=now, actor=who.label, role=who.role.value, action="setup.rang", object=who.id
            )
        else:
            mine = find(conn, Person, who.id)
            ring_all(conn, someone(conn, mine.id, mine.value), page_address(state.settings), now)
    return RedirectResponse("/setup?done=rang" if said == "rang" else "/setup/ring?done=paged", 303)
