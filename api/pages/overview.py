"""`/`: the overview, the worst first."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from api.pages.models import overview
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.state import state_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview_page(request: Request) -> Response:
    """The overview. It has an ETag, because the script asks for it again and again."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        shown = overview(conn, state.now(), timedelta(minutes=state.settings.alerting.blind_after_minutes))
        holds = state.held_times.now(conn, state.now(), ctx.banner.stamp)
    return render(
        ctx,
        "overview.html",
        etag=True,
        o=shown,
        holders=shown.alerts.holders,
        holding=holds,
        may_acknowledge=permitted(ctx.who, "/alerts/{id}/acknowledge"),
        may_define=permitted(ctx.who, "/monitors/new"),
        may_listen=permitted(ctx.who, "/sources/new"),
        may_mend=permitted(ctx.who, "/dead-letters/{id}/replay"),
    )
