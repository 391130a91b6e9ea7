"""History on the page: a file is put there, looked at, mapped, checked and imported; a job shows how far it is."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import ValidationError

from api import imports
from api.imports import CHECK, IMPORT
from api.pages.flash import flash_of
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.routes.imports import import_folder, take_upload
from api.state import AppState, form_of, principal_of, state_of
from ingest.recorded.guess import FirstLook, look
from ingest.recorded.mapping import DATES, FIELDS, ColumnMapping
from ingest.recorded.opened import ENCODINGS
from tocsin.core.errors import WrongInput

router = APIRouter(include_in_schema=False)

_TYPED: Final = ("source", "dates", "zone", "network", "lang")
FAULTS: Final = {
    "columns": "Say which column holds the text, and which the time.",
    "source": "A name is one line of characters that can be seen.",
    "zone": "This time zone is not known.",
    "dates": "Choose one of these.",
    "encoding": "Choose one of these.",
}


@router.get("/imports")
def overview(request: Request) -> Response:
    """The files that are there, and the jobs."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        jobs = imports.listed(conn)
    flash, bad = flash_of(request, ctx.fmt)
    folder = import_folder(state)
    return render(
        ctx,
        "imports.html",
        files=folder.names(),
        folder=str(folder.path) if permitted(ctx.who, "/imports/{id}/undo") else None,
        most=max(1, state.settings.imports.upload_max_bytes // (1024 * 1024)),
        most_bytes=state.settings.imports.upload_max_bytes,
        jobs=jobs,
        waits=any(one.waits for one in jobs),
        flash=flash,
        flash_bad=bad,
    )


@router.post("/imports/upload")
async def upload(request: Request) -> Response:
    """Take a file that the page's script sends as it is."""
    kept = await take_upload(state_of(request), request, request.query_params.get("name", "")[:200] or "file")
    return JSONResponse({"to": f"/imports/new?file={kept}"})


@router.get("/imports/new")
def new(request: Request) -> Response:
    """The first rows of a file, and the guess to correct."""
    query = request.query_params
    return _form(request, query.get("file", "")[:256], {"encoding": query.get("encoding", "")[:32]})


@router.post("/imports/new")
def ask(request: Request) -> Response:
    """Check or import the file as typed, or show what is wrong."""
    state, who, form = state_of(request), principal_of(request), form_of(request)
    file = form.get("file", "")[:256]
    import_folder(state).file(file)
    wrong = set() if _says_enough(form) else {"columns"}
    try:
        mapping = ColumnMapping.model_validate(_mapping(form))
    except ValidationError as error:
        wrong |= {str(one["loc"][0]) for one in error.errors() if one["loc"]}
    if wrong:
        return _form(request, file, form, {one: FAULTS.get(one, FAULTS["dates"]) for one in wrong})
    kind = IMPORT if form.get("what") == "import" else CHECK
    with state.store.write() as conn:
        teach = form.get("teach") == "1"
        job = imports.ask(
            conn, kind, file, mapping, now=state.now(), actor=who.label, role=who.role.value, teach=teach
        )
    return RedirectResponse(f"/imports/{job.id}", 303)


@router.get("/imports/{id}")
def one(request: Request, id: str) -> Response:
    """How far a job is, and what came of it."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        job = imports.get(conn, id[:64])
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "import.html",
        j=job,
        counts=[(name, job.counts.get(name, 0)) for name in imports.COUNTS],
        may_undo=permitted(ctx.who, "/imports/{id}/undo") and job.may_be_undone,
        flash=flash,
        flash_bad=bad,
    )


@router.post("/imports/{id}/start")
def start(request: Request, id: str) -> Response:
    """Import the file as it was checked."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        checked = imports.get(conn, id[:64])
        mapping = ColumnMapping.model_validate(checked.mapping or {})
        job = imports.ask(
            conn,
            IMPORT,
            checked.file,
            mapping,
            now=state.now(),
            actor=who.label,
            role=who.role.value,
            teach=checked.teach,
        )
    return RedirectResponse(f"/imports/{job.id}", 303)


@router.post("/imports/{id}/cancel")
def cancel(request: Request, id: str) -> Response:
    """Cancel a job."""
    state = state_of(request)
    with state.store.write() as conn:
        job = imports.cancel(conn, id[:64], state.now())
    return RedirectResponse(f"/imports/{job.id}?done=cancelled", 303)


@router.post("/imports/{id}/undo")
def undo(request: Request, id: str) -> Response:
    """Take an import out again."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        job = imports.ask_undo(conn, id[:64], now=state.now(), actor=who.label, role=who.role.value)
    return RedirectResponse(f"/imports/{job.id}", 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _says_enough(form: dict[str, str]) -> bool:
    """Whether the columns are named without which there is no mention. A file of Tocsin's own form needs none."""
    text = form.get("column_text") or form.get("column_title")
    return form.get("own") == "1" or bool(text and form.get("column_created_at"))


def _mapping(form: dict[str, str]) -> dict[str, Any]:
    """The mapping in a form."""
    columns = {field: form.get(f"column_{field}", "") for field in FIELDS}
    typed: dict[str, Any] = {name: form[name].strip() for name in _TYPED if form.get(name, "").strip()}
    if form.get("encoding"):
        typed["encoding"] = form["encoding"]
    if form.get("own") == "1":
        return typed
    return {**typed, "columns": columns}


def _form(
    request: Request, file: str, typed: dict[str, str], faults: dict[str, str] | None = None
) -> Response:
    state = state_of(request)
    path = import_folder(state).file(file)
    encoding = typed.get("encoding") or None
    try:
        seen = look(path, encoding if encoding in ENCODINGS else None, state.settings.imports.max_bytes)
        problem = None
    except WrongInput as error:
        seen, problem = None, error.said
    with state.store.read() as conn:
        ctx = page_context(request, conn)
    return render(
        ctx,
        "import_form.html",
        file=file,
        seen=seen,
        problem=ctx.fmt.language.say(problem) if problem else None,
        form=_shown(state, seen, typed) if seen else {"encoding": encoding or ""},
        fields=FIELDS,
        dates=DATES,
        encodings=ENCODINGS,
        faults={name: ctx.fmt.translate(words) for name, words in (faults or {}).items()},
        status=422 if faults else 200,
    )


def _shown(_state: AppState, seen: FirstLook, typed: dict[str, str]) -> dict[str, str]:
    """The values of the form: as typed, else as guessed."""
    guess = seen.guess
    shown = {f"column_{field}": str(guess["columns"].get(field, "")) for field in FIELDS}
    shown |= {name: str(guess.get(name) or "") for name in _TYPED}
    shown |= {
        "encoding": typed.get("encoding") or seen.encoding,
        "own": "1" if seen.own else "",
        "teach": "1",
    }
    if "file" in typed:
        shown |= dict.fromkeys(("own", "teach"), "") | {name: typed.get(name, "") for name in shown}
    return shown
