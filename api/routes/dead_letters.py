"""Dead letters: what could not be taken, why, and how it begins; and a route that hands one over again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth.principal import Principal
from api.etags import etag_or_304, version_etag
from api.lists import Cursor, Limit, ListPage
from api.preconditions import IfMatch, checked_version
from api.problems import PROBLEMS, Problem
from api.state import AppState, State, Who
from tocsin.intake import dead_letters, redeliver
from tocsin.intake.dead_letters import DeadLetter, get_dead_letter
from tocsin.intake.handover import HandOver
from tocsin.reading.patient_json import encoded

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])

Id = Annotated[str, Path(max_length=64)]


class DeadLetterOut(BaseModel):
    """One dead letter. `topic`, `partition` and `offset` are null where the letter never reached the stream."""

    id: str
    at: datetime
    source: str
    reason: str
    message: str
    attempts: int
    topic: str | None
    partition: int | None
    offset: int | None
    position: int = Field(description="Index within the record, the file's line, or the request's item.")
    payload: str = Field(description="How it began, as far as it is text.")
    payload_size: int
    payload_hash: str
    replayed_at: datetime | None


class WholeLetterOut(DeadLetterOut):
    """One dead letter with all that was kept of it."""

    payload: str = Field(description="The kept bytes, as far as they are text.")
    whole: bool = Field(
        description="Whether all of it was kept. A letter that was cut needs a mended mention."
    )


class Mended(BaseModel):
    """A mended mention, handed over in place of the one that was kept."""

    model_config = ConfigDict(extra="forbid")

    mention: dict[str, Any] | None = Field(
        None, description="The mended mention; without it: what was kept, as it is."
    )


class ReplayedOut(BaseModel):
    """What became of a replay."""

    outcome: Literal["handed over", "bad again"]
    letter: WholeLetterOut


@router.get(
    "",
    response_model=ListPage[DeadLetterOut],
    summary="List dead letters",
    responses={422: PROBLEMS[422]},
)
def list_dead_letters(
    state: State,
    source: Annotated[str | None, Query(max_length=256)] = None,
    reason: Annotated[str | None, Query(max_length=64)] = None,
    waiting: Annotated[
        bool | None,
        Query(description="true: only those not handed over again yet; false: only those handed over again."),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The dead letters, the newest first."""
    with state.store.read() as conn:
        found, more = dead_letters.list_dead_letters(conn, limit, cursor, source, reason, waiting)
    return {"items": [_out(letter) for letter in found], "next_cursor": more}


@router.get("/{id}", response_model=WholeLetterOut, summary="One dead letter", responses={404: PROBLEMS[404]})
def show(request: Request, response: Response, state: State, id: Id) -> Any:
    """The dead letter, with all that was kept of it."""
    with state.store.read() as conn:
        letter = get_dead_letter(conn, id)
    etag_or_304(request, response, version_etag(letter.attempts))
    return _out(letter)


@router.post(
    "/{id}/replay",
    response_model=ReplayedOut,
    summary="Hand it over again",
    responses={code: PROBLEMS[code] for code in (404, 409, 412, 428, 503)},
)
def replay(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    if_match: IfMatch = None,
    mended: Annotated[Mended | None, Body()] = None,
) -> Any:
    """Hand the letter over as its source would hand it over now, or the mended mention in its place.

    The same letter twice counts once. A letter that is bad again says why. 409 where it cannot be read again as it was kept.
    """
    with state.store.read() as conn:
        checked_version(if_match, get_dead_letter(conn, id).attempts)
    mention = mended.mention if mended is not None else None
    payload = encoded(mention) if mention is not None else None
    outcome, letter = hand_over_again(state, who, id, payload)
    response.headers["ETag"] = version_etag(letter.attempts)
    return {"outcome": outcome, "letter": _out(letter)}


def hand_over_again(
    state: AppState, who: Principal, id: str, mended: bytes | None
) -> tuple[Literal["handed over", "bad again"], DeadLetter]:
    """Hand a dead letter over again, for the route and the page's button.

    Raises 409 where the letter cannot be read again as it was kept.
    """
    settings = state.settings
    hand = HandOver.to(state.stream, settings.stream, state.runtime.clock)
    (done,) = redeliver.replay(
        state.store,
        hand,
        settings.ingest,
        [id],
        now=state.now(),
        who=redeliver.Who(who.label, who.role.value),
        mended=mended,
    )
    if done.outcome == "cannot":
        raise Problem(409, "cannot-replay", done.message)
    with state.store.read() as conn:
        return done.outcome, get_dead_letter(conn, id)


def _out(letter: DeadLetter) -> dict[str, Any]:
    fields = {name: getattr(letter, name) for name in letter.__slots__}
    return fields | {"payload": _text(letter.payload), "whole": letter.whole}


def _text(payload: bytes) -> str:
    return bytes(payload).decode("utf-8", "replace").replace("\0", "\ufffd")
