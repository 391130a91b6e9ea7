"""The page that explains an alert: how its figures were computed, and who and what made them."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from api.explanation import explanation_of
from api.lists import checked_time
from api.pages.render import page_context, render
from api.state import state_of
from tocsin.core.clock import iso

router = APIRouter(include_in_schema=False)


@router.get("/alerts/{id}/explanation")
def alert_explanation(request: Request, id: str, window: datetime | None = None) -> Response:
    """The figures as judged and computed again, the steps, and the window's parts. `window` is the end of the window that is
    explained; by default it is the last.
    """
    end = checked_time(window, "window")
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        found = explanation_of(conn, id, end)
    return render(ctx, "explanation.html", a=found.alert, one=found.one, windows=found.windows, iso=iso)
