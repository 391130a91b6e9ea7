"""The new normal on the page: the buttons of a monitor, and of an alert's card."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from api.normal import say
from api.state import form_of, principal_of, state_of
from api.turns import turn_of
from processors.acceptance import ACCEPT, UNDO, Acceptance, acceptances, standing
from tocsin.core.errors import Conflict, NotFound
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


def normal_of(conn: Connection, monitor_id: str) -> Acceptance | None:
    """What the page says of the level of a monitor: the acceptance that stands, else that the last one was taken back. None:
    nobody has said anything that still counts, or the monitor is gone.
    """
    try:
        stands = standing(conn, find(conn, Monitor, monitor_id))
    except (NotFound, Conflict):
        return None
    last = next((one for one in acceptances(conn, monitor_id, 1) if one.action == UNDO), None)
    return stands or last


def _say(request: Request, id: str, action: str) -> Response:
    state, who = state_of(request), principal_of(request)
    seen = form_of(request).get("number", "")[:9]
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id[:256])
        say(
            turn_of(state, conn, who),
            monitor,
            action,
            int(seen) if seen.isascii() and seen.isdigit() else None,
        )
    back = form_of(request).get("back", "")
    where = back if _AN_ALERT.fullmatch(back) else f"/monitors/{monitor.id}"
    return RedirectResponse(f"{where}?done={action}_normal", 303)
