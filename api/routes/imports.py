"""Imports of history over the API: put a file there, look at it, check it, import it, see how far it is, take it out again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from api import imports
from api.problems import PROBLEMS
from api.state import AppState, State, Who
from ingest.recorded.folder import Folder
from ingest.recorded.guess import look
from ingest.recorded.mapping import ColumnMapping

router = APIRouter(prefix="/v1", tags=["imports"])

Id = Annotated[str, Path(max_length=64)]
_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 409)}


class ImportOut(BaseModel):
    """A job: a check of a file, its import, or the taking out of an import."""

    id: str
    kind: Literal["check", "import", "undo"]
    undoes: str | None = Field(description="Of an undo: the import that it takes out.")
    at: datetime
    actor: str
    state: Literal["queued", "running", "done", "failed", "cancelled", "undone"]
    progress: int = Field(description="Percent.")
    message: str | None = Field(description="Why it failed.")
    file: str
    mapping: dict[str, Any] | None
    teach: bool = Field(description="Whether it fills baselines.")
    counts: dict[str, int] = Field(
        description="Rows: read, stored (of a check: would be), known, unmatched (no monitor matches them), too_old, bad."
    )
    reasons: list[dict[str, Any]] = Field(description="The first bad rows: line, reason, message.")
    first_at: datetime | None = Field(description="The oldest mention of the file so far.")
    last_at: datetime | None


class ImportFiles(BaseModel):
    """The names of the files that can be imported."""

    items: list[str]


class Uploaded(BaseModel):
    """The name under which an uploaded file can be imported."""

    file: str


class FileToLookAt(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str = Field(max_length=256)
    encoding: str | None = Field(None, max_length=32)


class LookOut(BaseModel):
    """The first rows of a file, and what each column seems to hold. `doubt`: day and month may be exchanged. `own`: the file is
    of Tocsin's own form, for which a mapping needs no columns.
    """

    columns: list[str]
    rows: list[dict[str, str]]
    shape: Literal["csv", "lines", "document"]
    encoding: str
    guess: dict[str, Any]
    doubt: bool
    own: bool


class WantedImport(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str = Field(max_length=256, description="One of `GET /v1/imports/files`.")
    mapping: ColumnMapping
    kind: Literal["check", "import"] = Field("check", description="A check stores nothing.")
    teach: bool = Field(True, description="Whether it fills baselines.")


@router.get("/imports", response_model=list[ImportOut], summary="Imports and checks")
def list_imports(state: State) -> Any:
    """The last ones, the newest first."""
    with state.store.read() as conn:
        return [_out(one) for one in imports.listed(conn)]


@router.get("/imports/files", response_model=ImportFiles, summary="Files that can be imported")
def list_files(state: State) -> Any:
    """Those in the folder that the setting `imports.folder` names."""
    return {"items": import_folder(state).names()}


@router.post("/imports/files", response_model=Uploaded, status_code=201, summary="Upload a file to import")
async def upload(
    state: State, request: Request, name: Annotated[str, Query(min_length=1, max_length=200)]
) -> Any:
    """The body is the file itself. It goes again once its import is done."""
    return {"file": await take_upload(state, request, name)}


@router.post("/imports/look", response_model=LookOut, summary="Look at a file", responses=_RESPONSES)
def look_at(state: State, wanted: Annotated[FileToLookAt, Body()]) -> Any:
    """The first rows, and a guess of the mapping. Stores nothing."""
    seen = look(import_folder(state).file(wanted.file), wanted.encoding, state.settings.imports.max_bytes)
    return {name: getattr(seen, name) for name in LookOut.model_fields}


@router.post(
    "/imports",
    response_model=ImportOut,
    status_code=202,
    summary="Check or import a file",
    responses=_RESPONSES,
)
def ask(state: State, who: Who, wanted: Annotated[WantedImport, Body()]) -> Any:
    """A worker carries it out; ask for it until it is done. History pages nobody and opens no alert."""
    import_folder(state).file(wanted.file)
    with state.store.write() as conn:
        asked = imports.ask(
            conn,
            wanted.kind,
            wanted.file,
            wanted.mapping,
            now=state.now(),
            actor=who.label,
            role=who.role.value,
            teach=wanted.teach,
        )
        return _out(asked)


@router.get("/imports/{id}", response_model=ImportOut, summary="How far it is", responses=_RESPONSES)
def read(state: State, id: Id) -> Any:
    """One job."""
    with state.store.read() as conn:
        return _out(imports.get(conn, id))


@router.post("/imports/{id}/cancel", response_model=ImportOut, summary="Cancel it", responses=_RESPONSES)
def cancel(state: State, id: Id) -> Any:
    """Its worker stops within seconds. Stored rows stay until the import is taken out."""
    with state.store.write() as conn:
        return _out(imports.cancel(conn, id, state.now()))


@router.post(
    "/imports/{id}/undo",
    response_model=ImportOut,
    status_code=202,
    summary="Take it out",
    responses=_RESPONSES,
)
def undo(state: State, who: Who, id: Id) -> Any:
    """Ask for a job that takes the import out again. 409 where it has not ended, or where something hangs on it."""
    with state.store.write() as conn:
        return _out(imports.ask_undo(conn, id, now=state.now(), actor=who.label, role=who.role.value))


def import_folder(state: AppState) -> Folder:
    """The folder that files of history are taken from."""
    return Folder(state.settings.imports.folder or state.settings.data / "imports")


async def take_upload(state: AppState, request: Request, name: str) -> str:
    """Write the body of the request into the folder; return the name of the file. The body is bounded before it comes here."""
    with import_folder(state).new(name) as (kept, file):
        async for block in request.stream():
            await run_in_threadpool(file.write, block)
    return kept


def _out(one: imports.Import) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ImportOut.model_fields}
