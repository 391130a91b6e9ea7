"""The escalation queue, ordered by deadline, and one item of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from alerts.escalations.escalation import TEAMS
from alerts.escalations.states import ENDED, possible
from api.pages.flash import flash_of
from api.pages.permission import permitted_actions
from api.pages.queue import item, queue
from api.pages.render import page_context, render
from api.state import state_of
from tocsin.definitions.models import Role

router = APIRouter(include_in_schema=False)


@router.get("/escalations")
def the_queue(request: Request) -> Response:
    """What runs out first comes first."""
    team = request.query_params.get("team")
    team = team if team in ("pr", "legal") else None
    closed = request.query_params.get("closed") == "1"
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        items = queue(conn, team=team, closed=closed)
    return render(
        ctx,
        "queue.html",
        etag=True,
        items=items,
        team=team,
        closed=closed,
        may=permitted_actions(ctx.who, "/escalations/{id}"),
    )


@router.get("/escalations/{id}")
def one_item(request: Request, id: str) -> Response:
    """The clocks, the review by PR and Legal side by side, the alert behind it, the history."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        privileged = ctx.who is not None and ctx.who.role is Role.LEGAL
        about = item(conn, id, state.now(), privileged=privileged)
    actions = set(possible(about.row.status))
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "item.html",
        item=about,
        can={
            "claim": "claim" in actions,
            "review": "review" in actions,
            "decide": about.row.status in ("claimed", "in_review"),
            "release": "release" in actions,
            "close": "close" in actions,
            "withdraw": "withdraw" in actions,
            "assess": about.row.assessed_at is None and about.row.status not in ENDED,
        },
        may=permitted_actions(ctx.who, "/escalations/{id}"),
        asked=_asked(about.row.team, ctx.who.role if ctx.who else None),
        flash=flash,
        flash_bad=bad,
    )


def _asked(team: str, role: Role | None) -> tuple[str, ...]:
    """For which of the teams that the item asks this reader may decide."""
    asked = TEAMS.get(team, ())
    return (
        asked
        if role is Role.ADMIN
        else tuple(name for name in asked if role is not None and role.value == name)
    )
