"""`/`: what is going on, worst first."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.pages.models import overview
from api.pages.permission import may
from api.pages.render import draw, look
from api.state import house_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def front(request: Request) -> Response:
    """The overview, with an ETag: the script asks for it again and again."""
    house = house_of(request)
    with house.store.read() as conn:
        seen = look(request, conn)
        shown = overview(conn, house.now())
    return draw(
        seen,
        "overview.html",
        etag=True,
        o=shown,
        may_acknowledge=may(seen.who, "/alerts/{id}/acknowledge"),
        may_define=may(seen.who, "/monitors/new"),
        may_mend=may(seen.who, "/dead-letters/{id}/replay"),
    )
