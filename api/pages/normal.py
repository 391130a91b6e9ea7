"""The new normal on the page: the buttons of a monitor, and of an alert's card."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.normal import say
from api.state import form_of, principal_of, state_of
from api.turns import turn_of
from processors.acceptance import ACCEPT, UNDO
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(include_in_schema=False)

_AN_ALERT: Final = re.compile(r"/alerts/[\w-]{1,64}")
"""The pages that the button leads back to, beside the monitor's own."""


@router.post("/monitors/{id}/normal")
def accept(request: Request, id: str) -> Response:
    """Accept the present as the new normal."""
    return _say(request, id, ACCEPT)


@router.post("/monitors/{id}/normal/undo")
def undo(request: Request, id: str) -> Response:
    """Take the last acceptance back."""
    return _say(request, id, UNDO)


def _say(request: Request, id: str, action: str) -> Response:
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id[:256])
        say(turn_of(state, conn, who), monitor, action)
    back = form_of(request).get("back", "")
    where = back if _AN_ALERT.fullmatch(back) else f"/monitors/{monitor.id}"
    return RedirectResponse(f"{where}?done={action}_normal", 303)
