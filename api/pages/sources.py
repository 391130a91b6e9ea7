"""Sources: one with its health and its gaps, a trial that shows its newest posts, and the form that makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api.pages.models import SourceRow, source_rows
from api.pages.permission import permitted
from api.pages.render import PageContext, page_context, render
from api.pages.source_fields import PREFIX, fields_of, settings_from
from api.routes.defined import audit_definition, require_allowed
from api.routes.sources import trial_of
from api.soundness import require_sound
from api.state import form_of, principal_of, state_of
from ingest.kinds import KINDS
from tocsin.core.errors import Conflict, NotFound, TocsinError, WrongInput
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import Defined, find, listed, save
from tocsin.definitions.source_kinds import SOURCE_KINDS, SourceKind, source_kind

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a form describes: a definition, or what is wrong with it by field."""

    definition: SourceDef | None
    faults: Mapping[str, str]


@router.get("/sources/new")
def new_source_form(request: Request) -> Response:
    """The choice of a kind, with its price and its limit; then the form of that kind."""
    kind = request.query_params.get("kind", "")
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
    if kind not in KINDS:
        kinds = [one for _, one in sorted(SOURCE_KINDS.items()) if not one.reads_files]
        return render(ctx, "source_kinds.html", kinds=kinds)
    return _form(ctx, source_kind(kind), {"name": kind}, None, {})


@router.post("/sources/new")
def create_source(request: Request) -> Response:
    """Store a new source, or try it; a fault is shown at its field."""
    state, who, typed = state_of(request), principal_of(request), form_of(request)
    kind = typed.get("kind", "")
    with state.store.read() as conn:
        ctx = page_context(request, conn)
    if kind not in KINDS:
        raise WrongInput(f"unknown kind {kind[:40]!r}; known: {', '.join(sorted(KINDS))}")
    read = _read(typed, kind)
    if read.definition is None:
        return _form(ctx, source_kind(kind), typed, typed, read.faults, status=422)
    try:
        require_allowed(state, read.definition)
        if typed.get("try"):
            trial = trial_of(state, read.definition)
            return _form(ctx, source_kind(kind), typed, typed, {}, trial=trial)
        with state.store.write() as conn:
            require_sound(conn, read.definition)
            if any(one.name == read.definition.name for one in listed(conn, SourceDef)):
                raise Conflict(ctx.fmt.translate("There is a source of that name already."))
            saved = save(conn, read.definition, now=state.now(), actor=who.label)
            audit_definition(conn, who, "made", saved, state.now())
    except (Conflict, WrongInput) as error:
        return _form(ctx, source_kind(kind), typed, typed, {"": str(error)}, status=422)
    return RedirectResponse(f"/sources/{quote(saved.id, safe='')}?done=saved", 303)


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
        trial = {"newest": [], "problems": [], "error": str(error)}
    return _detail(request, id, trial)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _detail(request: Request, id: str, trial: Mapping[str, Any] | None = None) -> Response:
    state = state_of(request)
    patience = timedelta(minutes=state.settings.alerting.blind_after_minutes)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        rows = source_rows(conn, state.now(), patience, gaps=True)
        defined = _defined(listed(conn, SourceDef), id[:256])
    name = defined.name if defined is not None else id[:256]
    row: SourceRow | None = next((one for one in rows if one.name == name), None)
    if row is None:
        raise NotFound(f"there is no source {name[:80]!r}")
    return render(
        ctx,
        "source.html",
        r=row,
        defined=defined,
        kind=source_kind(row.kind),
        trial=trial,
        may_try=defined is not None
        and source_kind(row.kind).asked
        and permitted(ctx.who, "/sources/{id}/test"),
        flash=ctx.fmt.translate("Saved.") if request.query_params.get("done") == "saved" else "",
    )


def _defined(sources: list[Defined[SourceDef]], id: str) -> Defined[SourceDef] | None:
    return next((one for one in sources if id in (one.id, one.name)), None)


def _read(typed: Mapping[str, str], kind: str) -> _Read:
    """The definition that the form describes, or its faults: of the definition by field, of the settings by `PREFIX` and name."""
    model, _ = KINDS[kind]
    settings = settings_from(model, typed)
    faults: dict[str, str] = {}
    try:
        model.model_validate(settings)
    except ValidationError as error:
        faults |= {PREFIX + str(one["loc"][0] if one["loc"] else ""): one["msg"] for one in error.errors()}
    given = {"name": typed.get("name", "").strip(), "kind": kind} | settings
    if every := typed.get("expected_every_minutes", "").strip():
        given["expected_every_minutes"] = every
    try:
        definition = SourceDef.model_validate(given)
    except ValidationError as error:
        faults |= {str(one["loc"][0] if one["loc"] else ""): one["msg"] for one in error.errors()}
        definition = None
    return _Read(None if faults else definition, faults)


def _form(
    ctx: PageContext,
    kind: SourceKind,
    form: Mapping[str, str],
    typed: Mapping[str, str] | None,
    faults: Mapping[str, str],
    *,
    trial: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    model, _ = KINDS[kind.kind]
    return render(
        ctx,
        "source_form.html",
        status=status,
        kind=kind,
        form={"name": "", "expected_every_minutes": "", **form},
        fields=fields_of(model, typed),
        prefix=PREFIX,
        faults=faults,
        trial=trial,
    )
