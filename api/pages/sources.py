"""Sources: one with its health and its gaps, and a trial that shows its newest posts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api.pages.models import SourceRow, source_rows
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.routes.sources import trial_of
from api.state import state_of
from tocsin.core.errors import NotFound, TocsinError
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import Defined, find, listed
from tocsin.definitions.source_kinds import source_kind

router = APIRouter(include_in_schema=False)


@router.get("/sources/{id}")
def source_detail(request: Request, id: str) -> Response:
    """The page of one source: how it is, and what it could not hear."""
    return _detail(request, id)


@router.post("/sources/{id}/test")
def try_source_now(request: Request, id: str) -> Response:
    """The same page with the newest posts that the source has now."""
    state = state_of(request)
    with state.store.read() as conn:
        definition = find(conn, SourceDef, id[:256]).value
    try:
        trial = trial_of(state, definition)
    except TocsinError as error:
        trial = {"asked": True, "newest": [], "problems": [], "error": error.said}
    return _detail(request, id, trial)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _detail(request: Request, id: str, trial: Mapping[str, Any] | None = None) -> Response:
    state = state_of(request)
    patience = timedelta(minutes=state.settings.alerting.blind_after_minutes)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        defined = _defined(listed(conn, SourceDef), id[:256])
        name = defined.name if defined is not None else id[:256]
        rows = source_rows(conn, state.now(), patience, gaps=True, only=[name])
    row: SourceRow | None = next(iter(rows), None)
    if row is None:
        raise NotFound(Sentence("there is no source {name}", name=repr(name[:80])))
    return render(
        ctx,
        "source.html",
        r=row,
        defined=defined,
        kind=source_kind(row.kind),
        trial=trial,
        may_try=defined is not None and permitted(ctx.who, "/sources/{id}/test"),
        may_change=defined is not None and permitted(ctx.who, "/sources/{id}"),
        flash=ctx.fmt.translate("Saved.") if request.query_params.get("done") == "saved" else "",
    )


def _defined(sources: list[Defined[SourceDef]], id: str) -> Defined[SourceDef] | None:
    return next((one for one in sources if id in (one.id, one.name)), None)
