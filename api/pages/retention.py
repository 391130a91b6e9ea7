"""Retention on the page: what is kept for how long, the run under way, and what the last ones took out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.pages.flash import flash_of
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.state import principal_of, state_of
from processors.retention import kept_for
from processors.retention_runs import ask, next_run, runs

router = APIRouter(include_in_schema=False)


@router.get("/retention")
def overview(request: Request) -> Response:
    """How long each kind is kept, and the runs."""
    state = state_of(request)
    now = state.now()
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        keeps, last = kept_for(conn, now, state.settings), runs(conn)
    flash, bad = flash_of(request, ctx.fmt)
    newest = last[0] if last else None
    return render(
        ctx,
        "retention.html",
        keeps=keeps,
        runs=last,
        under_way=newest if newest and newest.ended_at is None else None,
        last=next((one for one in last if one.ended_at), None),
        next_at=at if (at := next_run(newest, now)) > now else None,
        may_run=permitted(ctx.who, "/retention/run"),
        flash=flash,
        flash_bad=bad,
    )


@router.post("/retention/run")
def run(request: Request) -> Response:
    """Ask for a run now."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        ask(conn, now=state.now(), settings=state.settings, actor=who.label, role=who.role.value)
    return RedirectResponse("/retention?done=run_asked", 303)
