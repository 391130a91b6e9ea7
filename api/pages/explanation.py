"""The page that explains an alert: how its figures were computed, and who and what made them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.explanation import explanation_of
from api.pages.render import page_context, render
from api.state import state_of

router = APIRouter(include_in_schema=False)


@router.get("/alerts/{id}/explanation")
def alert_explanation(request: Request, id: str) -> Response:
    """The figures as judged and computed again, the steps, and the window's parts."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        alert, one, _ = explanation_of(conn, id)
    return render(ctx, "explanation.html", a=alert, one=one)
