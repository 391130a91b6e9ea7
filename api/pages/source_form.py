"""The form of a source: it makes one, changes one, pauses and ends one. New and changed sources are checked alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from api import defining
from api.auth.principal import Principal
from api.pages.definition_form import FAULTS, said_of
from api.pages.history import history_address
from api.pages.render import PageContext, page_context, render
from api.pages.source_fields import PREFIX, fields_of, settings_from, typed_of
from api.pages.source_labels import LABELS
from api.pages.source_secrets import FORGET, apart, stored_secrets
from api.pages.two_edits import TwoEdits, as_chosen, asked_again, edits_of
from api.routes.sources import trial_of
from api.source_secrets import in_force
from api.state import AppState, form_of, principal_of, state_of
from ingest.kinds import KINDS
from tocsin.core.errors import Conflict, WrongInput
from tocsin.core.faults import fault_of
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import Defined, ended, find, listed
from tocsin.definitions.source_kinds import SOURCE_KINDS, source_kind
from tocsin.settings import Settings

router = APIRouter(include_in_schema=False)
AGAIN = Sentence("Other settings do not get the secret that is stored: type it again.")


@dataclass(frozen=True, slots=True)
class _Form:
    """A form as a person sees it: what stands in it, what is wrong with it by field, and the source that it changes, if any.

    Faults of the definition go by its field, those of the settings by `PREFIX` and name, and others by the empty text.
    """

    kind: str
    typed: Mapping[str, str] = field(default_factory=dict)
    present: Defined[SourceDef] | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    trial: Mapping[str, Any] | None = None
    edits: TwoEdits | None = None


@router.get("/sources/new")
def new_source_form(request: Request) -> Response:
    """The choice of a kind, with its price and its limit; then the form of that kind."""
    kind = request.query_params.get("kind", "")
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        gone = ended(conn, "source")
    if kind not in KINDS:
        kinds = [one for _, one in sorted(SOURCE_KINDS.items()) if not one.reads_files]
        return render(ctx, "source_kinds.html", kinds=kinds, ended=gone, place="sources", may_define=True)
    return _shown(ctx, _Form(kind, {"name": kind}))


@router.post("/sources/new")
def create_source(request: Request) -> Response:
    """Store a new source, or try it; a fault is shown at its field."""
    kind = form_of(request).get("kind", "")
    if kind not in KINDS:
        raise WrongInput(
            Sentence(
                "unknown kind {kind}; known: {choices}",
                kind=repr(kind[:40]),
                choices=", ".join(sorted(KINDS)),
            )
        )
    return _taken(request, kind, None)


@router.get("/sources/{id}/edit")
def edit_source_form(request: Request, id: str) -> Response:
    """The form, filled with the stored source."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        present = find(conn, SourceDef, id[:256])
    typed = dict(_as_typed(present))
    typed |= {PREFIX + name: "" for name in stored_secrets(ctx.state.settings, present.value)}
    return _shown(ctx, _Form(present.value.kind, typed, present))


@router.post("/sources/{id}")
def change_source(request: Request, id: str) -> Response:
    """Change the source, if nobody else did since the form was read, or try the changed one. Name and kind stay."""
    with state_of(request).store.read() as conn:
        present = find(conn, SourceDef, id[:256])
    return _taken(request, present.value.kind, present)


@router.post("/sources/{id}/end")
def end_source(request: Request, id: str) -> Response:
    """End the source. The mentions that it brought stay."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        present = find(conn, SourceDef, id[:256])
        defining.end(conn, who, SourceDef, present.id, state.now())
    return RedirectResponse(history_address("sources", present.id), 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _taken(request: Request, kind: str, present: Defined[SourceDef] | None) -> Response:
    """What the form leads to: the form again with faults or posts, or the stored source."""
    state, who = state_of(request), principal_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
    before = present.value if present else None
    secrets = apart(state.settings, KINDS[kind][0], form_of(request), before)
    typed = secrets.read
    definition, found = _read(typed, kind, present)
    if definition is not None and before is not None and definition.settings != before.settings:
        found = {PREFIX + name: AGAIN for name in secrets.stay}
        definition = None if found else definition
    faults = {name: said_of(ctx.fmt, name, text) for name, text in found.items()}
    again = asked_again(secrets.shown)
    if definition is None:
        return _shown(ctx, _Form(kind, again, present, faults), 422)
    try:
        defining.require_allowed(state.settings, definition, before)
        if typed.get("try"):
            with in_force(state.settings, definition, secrets.fresh) as tried:
                return _shown(ctx, _Form(kind, again, present, trial=trial_of(state, tried.definition)))
        edits = edits_of(state.store, present, typed, definition)
        if edits is not None and present is not None:
            stale = {"": ctx.fmt.translate(FAULTS["stale"])}
            read = {**secrets.shown, "version": str(present.version)}
            return _shown(ctx, _Form(kind, read, present, stale, edits=edits), 409)
        with in_force(state.settings, definition, secrets.fresh) as made:
            saved = _save(state, made.settings, who, ctx, made.definition, present, typed)
            made.taken = True
    except ValidationError as error:
        return _shown(
            ctx, _Form(kind, again, present, {"": said_of(ctx.fmt, "", _words(error.errors()[0]))}), 422
        )
    except (Conflict, WrongInput) as error:
        status = 409 if isinstance(error, Conflict) and present else 422
        return _shown(ctx, _Form(kind, again, present, {"": ctx.fmt.language.say(error.said)}), status)
    return RedirectResponse(f"/sources/{quote(saved.id, safe='')}?done=saved", 303)


def _save(
    state: AppState,
    settings: Settings,
    who: Principal,
    ctx: PageContext,
    definition: SourceDef,
    present: Defined[SourceDef] | None,
    typed: Mapping[str, str],
) -> Defined[SourceDef]:
    now = state.now()
    with state.store.write() as conn:
        if present is None:
            _require_new(conn, ctx, definition.name)
            return defining.make(conn, settings, who, definition, now)
        chosen = as_chosen(definition, present.value, typed)
        return defining.change(conn, settings, who, chosen, present, now, present.version)


def _require_new(conn: Connection, ctx: PageContext, name: str) -> None:
    if any(one.name == name for one in listed(conn, SourceDef)):
        raise Conflict(ctx.fmt.translate("There is a source of that name already."))


def _read(
    typed: Mapping[str, str], kind: str, present: Defined[SourceDef] | None
) -> tuple[SourceDef | None, Mapping[str, str]]:
    """The definition that the form describes, or its faults."""
    model, _ = KINDS[kind]
    settings = settings_from(model, typed)
    faults: dict[str, str] = {}
    try:
        model.model_validate(settings)
    except ValidationError as error:
        faults |= {PREFIX + place: words for place, words in _faults(error).items()}
    given = {"name": present.name if present else typed.get("name", "").strip(), "kind": kind} | settings
    if present:
        given["enabled"] = typed.get("enabled") == "1"
    if every := typed.get("expected_every_minutes", "").strip():
        given["expected_every_minutes"] = every
    try:
        definition = SourceDef.model_validate(given)
    except ValidationError as error:
        faults |= _faults(error)
        return None, faults
    return (None if faults else definition), faults


def _faults(error: ValidationError) -> dict[str, str]:
    """The first fault of each field. Of a list whose parts are all wrong, pydantic says afterwards that it is too short."""
    found: dict[str, str] = {}
    for one in error.errors():
        found.setdefault(str(one["loc"][0]) if one["loc"] else "", _words(one))
    return found


def _words(error: Mapping[str, Any]) -> str:
    return fault_of(error)


def _as_typed(present: Defined[SourceDef]) -> Mapping[str, str]:
    """The texts in the form of a stored source."""
    value = present.value
    model, _ = KINDS[value.kind]
    every = value.expected_every_minutes
    return typed_of(model, value.settings) | {
        "name": present.name,
        "version": str(present.version),
        "enabled": "1" if value.enabled else "",
        "expected_every_minutes": "" if every is None else f"{every:g}",
    }


def _shown(ctx: PageContext, form: _Form, status: int = 200) -> Response:
    model, _ = KINDS[form.kind]
    is_filled = form.present is not None or any(name.startswith(PREFIX) for name in form.typed)
    return render(
        ctx,
        "source_form.html",
        status=status,
        kind=source_kind(form.kind),
        # A tick that was taken away is not sent, and the name of what is stored is not asked for.
        form={"name": form.present.name if form.present else "", "expected_every_minutes": "", "enabled": ""}
        | dict(form.typed),
        id=form.present.id if form.present else None,
        labels=LABELS,
        fields=fields_of(model, form.typed if is_filled else None),
        stored=stored_secrets(ctx.state.settings, form.present.value if form.present else None),
        forget=FORGET,
        prefix=PREFIX,
        faults=form.faults,
        edits=form.edits,
        trial=form.trial,
    )
