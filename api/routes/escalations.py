"""The escalation queue, ordered by deadline, and a route for everything PR and Legal do with an escalation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from alerts.escalations import actions, views
from alerts.escalations.escalation import Escalation, get
from api.auth.principal import Principal
from api.etags import (
    alerts_revision,
    etag_or_304,
    list_etag,
    slot,
    version_etag,
)
from api.lists import Cursor, Limit, ListPage
from api.preconditions import IfMatch, checked_version
from api.problems import PROBLEMS
from api.state import AppState, State, Who
from api.turns import turn_of
from tocsin.core.clock import MINUTE

router = APIRouter(prefix="/v1/escalations", tags=["escalations"])

Id = Annotated[str, Path(max_length=64)]
Long = Annotated[str, Field(min_length=1, max_length=20_000)]
Status = Literal["queued", "claimed", "in_review", "cleared", "released", "closed", "rejected", "withdrawn"]


class EscalationOut(BaseModel):
    """One escalation in the queue."""

    id: str
    alert_id: str
    team: Literal["pr", "legal", "both"]
    status: Literal[
        "queued", "claimed", "in_review", "cleared", "released", "closed", "rejected", "withdrawn"
    ]
    severity: int
    reason: str
    created_at: datetime
    created_by: str
    claimed_by: str | None
    claimed_at: datetime | None
    assessment_due_at: datetime | None
    assessed_at: datetime | None
    statement_due_at: datetime | None
    deadline_at: datetime | None = Field(
        description="The clock that runs out first; the queue is ordered by it."
    )
    overdue: bool
    overdue_at: datetime | None = Field(description="When the deputy was paged.")
    monitor: str
    alert_kind: str
    alert_status: str
    clocks: dict[str, datetime] = Field(description="The clocks that still run, by name.")
    decisions: dict[str, Any]
    closed_at: datetime | None
    version: int
    actions: list[str] = Field(description="What the state machine allows from here.")


class Entry(BaseModel):
    """An event of the escalation, or a note. Only Legal sees privileged notes."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    from_status: str | None
    to_status: str | None
    text: str | None
    privileged: bool
    detail: Any


class EscalationWithEntries(EscalationOut):
    entries: list[Entry]


class Say(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Long


class MaySay(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=20_000)


class Reassign(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=1, max_length=256, description="A person's name.")


class Decide(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: Literal["pr", "legal"]
    decision: Literal["clear", "reject"]
    reason: str = Field(min_length=1, max_length=2000)


class EscalationNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Long
    privileged: bool = Field(default=False, description="Legal only, to write and to read.")


class Ask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    of: str = Field(min_length=1, max_length=256, description="A person's name.")
    text: Long


@router.get(
    "",
    response_model=ListPage[EscalationOut],
    summary="The queue, by deadline",
    responses={422: PROBLEMS[422]},
)
def queue(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    team: Annotated[
        Literal["pr", "legal"] | None, Query(description="Escalations that this team has to clear.")
    ] = None,
    status: Annotated[
        list[Status | Literal["any"]] | None,
        Query(max_length=9, description="May be given again; default: all that have not ended."),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The escalations, by deadline: the clock that runs out first comes first. Those without a clock come last."""
    now = state.now()
    with state.store.read() as conn:
        etag_or_304(request, response, list_etag(request, who, alerts_revision(conn), slot(now, MINUTE)))
        page = views.list_escalations(
            conn, status=status or (), team=team, now=now, limit=limit, cursor=cursor
        )
    return {"items": page.items, "next_cursor": page.next_cursor}


@router.get(
    "/{id}",
    response_model=EscalationWithEntries,
    summary="Read an escalation",
    responses={404: PROBLEMS[404]},
)
def read_escalation(request: Request, response: Response, state: State, who: Who, id: Id) -> Any:
    """The escalation, with everything that was decided and written. The ETag is the one that `If-Match` wants."""
    with state.store.read() as conn:
        etag_or_304(request, response, version_etag(get(conn, id).version))
        return views.get_escalation(conn, id, role=who.role.value, now=state.now())


@router.post("/{id}/claim", response_model=EscalationOut, summary="Take it in hand", responses=PROBLEMS)
def claim(response: Response, state: State, who: Who, id: Id, if_match: IfMatch = None) -> Any:
    """Claim the escalation. Notices that still wait to page about it are taken back."""
    return _act(state, response, who, id, if_match, actions.claim)


@router.post(
    "/{id}/release-claim",
    response_model=EscalationOut,
    summary="Give it back to the queue",
    responses=PROBLEMS,
)
def release_claim(response: Response, state: State, who: Who, id: Id, if_match: IfMatch = None) -> Any:
    """Put the escalation back into the queue, so that somebody else may claim it."""
    return _act(state, response, who, id, if_match, actions.release_claim)


@router.post(
    "/{id}/reassign", response_model=EscalationOut, summary="Give it to somebody", responses=PROBLEMS
)
def reassign(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Reassign, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Give the escalation to a person, by name."""
    return _act(state, response, who, id, if_match, actions.reassign, wanted.to)


@router.post("/{id}/review", response_model=EscalationOut, summary="Begin the review", responses=PROBLEMS)
def review(response: Response, state: State, who: Who, id: Id, if_match: IfMatch = None) -> Any:
    """Begin the review, by PR and Legal in parallel. Begun again, it makes earlier decisions void."""
    return _act(state, response, who, id, if_match, actions.review)


@router.post("/{id}/assess", response_model=EscalationOut, summary="The first assessment", responses=PROBLEMS)
def assess(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Say, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Say that the first assessment is done. Its clock stops. Where it is done twice, the first time stands."""
    return _act(state, response, who, id, if_match, actions.assessed, wanted.text)


@router.post("/{id}/decide", response_model=EscalationOut, summary="Clear or reject", responses=PROBLEMS)
def decide(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Decide, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Decide for one's own team. The escalation is cleared when every team has cleared, and rejected when one rejects."""
    return _act(
        state, response, who, id, if_match, actions.decide, wanted.team, wanted.decision, wanted.reason
    )


@router.post(
    "/{id}/ask", response_model=EscalationOut, summary="Ask somebody for something", responses=PROBLEMS
)
def ask(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Ask, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Ask a person for something. That person is told. The clocks run on."""
    return _act(state, response, who, id, if_match, actions.request_info, wanted.of, wanted.text)


@router.post(
    "/{id}/release",
    response_model=EscalationOut,
    summary="Say that the statement is published",
    responses=PROBLEMS,
)
def release(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[MaySay | None, Body()] = None,
    if_match: IfMatch = None,
) -> Any:
    """Say that a person has published the statement; Tocsin posts nothing. The statement's clock stops. A `text`, such as what
    went out and where, becomes a note.
    """
    return _act(state, response, who, id, if_match, actions.release, wanted.text if wanted else "")


@router.post(
    "/{id}/close", response_model=EscalationOut, summary="The escalation is done", responses=PROBLEMS
)
def close(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[MaySay | None, Body()] = None,
    if_match: IfMatch = None,
) -> Any:
    """Close the escalation, after its release. A `text` stands in the record."""
    return _act(state, response, who, id, if_match, actions.close, wanted.text if wanted else "")


@router.post("/{id}/withdraw", response_model=EscalationOut, summary="It was not needed", responses=PROBLEMS)
def withdraw(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Say, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Withdraw the escalation, and say why."""
    return _act(state, response, who, id, if_match, actions.withdraw, wanted.text)


@router.post("/{id}/note", response_model=EscalationOut, summary="Write a note", responses=PROBLEMS)
def note(
    response: Response, state: State, who: Who, id: Id, wanted: Annotated[EscalationNote, Body()]
) -> Any:
    """Add a note to the history. This changes nothing else, so it needs no If-Match."""
    with state.store.write() as conn:
        now = state.now()
        return _done(
            conn,
            response,
            who,
            actions.note(turn_of(state, conn, who), id, wanted.text, wanted.privileged),
            now,
        )


def _act(
    state: AppState,
    response: Response,
    who: Principal,
    id: str,
    if_match: str | None,
    action: Callable[..., Escalation],
    *given: str | None,
) -> dict[str, Any]:
    """Take an action on the escalation that the caller has seen; the answer is the escalation as it is afterwards."""
    with state.store.write() as conn:
        seen, now = checked_version(if_match, get(conn, id).version), state.now()
        changed = action(turn_of(state, conn, who), id, *given, expected_version=seen)
        return _done(conn, response, who, changed, now)


def _done(
    conn: Connection, response: Response, who: Principal, escalation: Escalation, now: datetime
) -> dict[str, Any]:
    response.headers["ETag"] = version_etag(escalation.version)
    return views.get_escalation(conn, escalation.id, role=who.role.value, now=now)
