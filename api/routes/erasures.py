"""Erasures over the API: count what would go, ask for it by that count, and see how far it is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, ConfigDict, Field

from api import erasures
from api.erasures import Erasure, WouldGo
from api.problems import PROBLEMS
from api.state import State, Who

router = APIRouter(prefix="/v1", tags=["privacy"])

Id = Annotated[str, Path(max_length=64)]
_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 409)}


class Named(BaseModel):
    """An author or a post."""

    model_config = ConfigDict(extra="forbid")

    what: Literal["author", "post"]
    value: str = Field(
        min_length=1,
        max_length=2000,
        description="Of an author the handle or id, of a post its address or id.",
    )
    network: str | None = Field(None, max_length=64, description="Only there; null: wherever it is found.")


class WantedErasure(Named):
    typed: bool = Field(
        False, description="Take the name out of what people typed too; see `typed` of the preview."
    )
    posts: int = Field(
        ge=0, description="The posts that the preview counted. 409 where there are more by now."
    )


class TypedOut(BaseModel):
    """An alert or escalation with lines that name somebody. The lines themselves are not shown here: some are for Legal only."""

    kind: Literal["alert", "escalation"]
    id: str
    count: int


class PreviewOut(BaseModel):
    """What would go."""

    counts: dict[str, int] = Field(
        description="posts, reposts (of others, with the same words), corrections, samples, notices (that quote it), "
        "dead_letters, refusals (messages about refused input), typed (lines of people; they stay unless told)."
    )
    typed: list[TypedOut] = Field(description="Where people typed the name. Read it before you ask.")
    networks: dict[str, int] = Field(description="Posts by network: one handle may be several people.")
    first_at: datetime | None
    last_at: datetime | None
    complete: bool = Field(description="Whether the notices were counted for all posts.")


class ErasureOut(BaseModel):
    """A job. It names nobody: `target` is a keyed hash, the same for the same name."""

    id: str
    at: datetime
    actor: str
    what: Literal["author", "post"]
    target: str
    expected: int = Field(description="Posts when it was asked for.")
    state: Literal["queued", "running", "done", "failed"]
    progress: int = Field(description="Percent.")
    message: str | None = Field(description="Why it failed.")
    counts: dict[str, int] = Field(description="The rows that went, by place.")


@router.post("/erasures/preview", response_model=PreviewOut, summary="What an erasure would take out")
def preview(state: State, named: Annotated[Named, Body()]) -> Any:
    """Counts what is kept of an author or of a post. Changes nothing."""
    with state.store.read() as conn:
        found = erasures.preview(conn, erasures.subject_of(named.what, named.value, named.network))
    return preview_out(found)


@router.post(
    "/erasures",
    response_model=ErasureOut,
    status_code=202,
    summary="Erase an author or a post",
    responses=_RESPONSES,
)
def ask(state: State, who: Who, wanted: Annotated[WantedErasure, Body()]) -> Any:
    """A worker carries it out, and nothing brings it back. The record has a keyed hash of the name, and no text."""
    subject = erasures.subject_of(wanted.what, wanted.value, wanted.network, typed=wanted.typed)
    asked = erasures.ask(
        state.store, subject, wanted.posts, now=state.now(), actor=who.label, role=who.role.value
    )
    return _out(asked)


@router.get("/erasures", response_model=list[ErasureOut], summary="Erasures")
def list_erasures(state: State) -> Any:
    """The last ones, the newest first."""
    with state.store.read() as conn:
        return [_out(one) for one in erasures.listed(conn)]


@router.get(
    "/erasures/{id}", response_model=ErasureOut, summary="How far an erasure is", responses=_RESPONSES
)
def read(state: State, id: Id) -> Any:
    """One job."""
    with state.store.read() as conn:
        return _out(erasures.get(conn, id))


@router.post(
    "/erasures/{id}/again", response_model=ErasureOut, summary="Go on after a failure", responses=_RESPONSES
)
def again(state: State, id: Id) -> Any:
    """Let one that failed go on where it was."""
    with state.store.write() as conn:
        return _out(erasures.again(conn, id, state.now()))


def preview_out(found: WouldGo) -> dict[str, Any]:
    """The preview as JSON."""
    a = found.affected
    shown = {"networks": dict(a.networks), "first_at": a.first_at, "last_at": a.last_at}
    typed = [asdict(one) for one in found.typed]
    return {"counts": dict(found.counts), "typed": typed, "complete": found.complete, **shown}


def _out(one: Erasure) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ErasureOut.model_fields}
