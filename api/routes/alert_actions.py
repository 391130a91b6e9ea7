"""Alerts as people act on them: a route for every transition of an alert."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from sqlalchemy import Connection

from alerts import actions
from alerts.alert import Alert, get
from alerts.apply import act, apply
from alerts.change import Change
from alerts.held_by import held_by
from api.auth.principal import Principal
from api.etags import version_etag
from api.lists import wrong
from api.preconditions import (
    Idempotent,
    IfMatch,
    checked_version,
    create_once,
)
from api.problems import PROBLEMS
from api.routes.alert_shapes import (
    AlertOut,
    Because,
    Dismiss,
    Escalate,
    Escalated,
    Id,
    Merge,
    Note,
    Resolve,
    Severity,
    Snooze,
    alert_out,
)
from api.state import AppState, State, Who
from api.turns import turn_of
from tocsin.core.sentences import Sentence

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.post("/{id}/acknowledge", response_model=AlertOut, summary="I have it", responses=PROBLEMS)
def acknowledge(response: Response, state: State, who: Who, id: Id) -> Any:
    """Acknowledge the alert. A second acknowledgement, by anybody, changes nothing and names who was first. Needs no If-Match."""
    with state.store.write() as conn:
        return _done(conn, response, act(turn_of(state, conn, who), actions.acknowledge, id))


@router.post("/{id}/snooze", response_model=AlertOut, summary="Quiet for a while", responses=PROBLEMS)
def snooze(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Snooze, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Snooze the alert. The snooze ends by itself when the severity rises."""
    now = state.now()
    if (wanted.until is None) == (wanted.minutes is None):
        raise wrong("until", Sentence("say either until or minutes"))
    until = wanted.until or now + timedelta(minutes=wanted.minutes or 0)
    return _act(state, response, who, id, if_match, actions.snooze, until)


@router.post("/{id}/dismiss", response_model=AlertOut, summary="Nothing to do", responses=PROBLEMS)
def dismiss(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Dismiss, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Dismiss the alert, with a reason. The reason counts in each rule's precision figure."""
    return _act(state, response, who, id, if_match, actions.dismiss, wanted.reason, wanted.note)


@router.post("/{id}/merge", response_model=AlertOut, summary="The same story as another", responses=PROBLEMS)
def merge(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Merge, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Merge this alert into another one, which goes on telling the story."""
    return _act(state, response, who, id, if_match, actions.merge, wanted.into)


@router.post(
    "/{id}/escalate",
    response_model=Escalated,
    status_code=201,
    summary="Hand it to PR or Legal",
    responses=PROBLEMS,
)
def escalate(
    response: Response,
    state: State,
    who: Who,
    idempotency: Idempotent,
    id: Id,
    wanted: Annotated[Escalate, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Put an escalation into the queue, with clocks by severity, and page its team."""
    now = state.now()

    with state.store.write() as conn:

        def hand_over() -> dict[str, Any]:
            seen = _seen(conn, id, if_match)
            turn = turn_of(state, conn, who)
            done = apply(turn, actions.escalate(turn, id, wanted.team, wanted.reason, seen))
            assert done.alert is not None and done.escalation is not None
            shown = Escalated.model_validate(
                {"alert": alert_out(done.alert), "escalation": done.escalation.id}
            )
            return shown.model_dump(mode="json")

        made, repeated = create_once(conn, idempotency, who, now, hand_over)
    if repeated:
        response.headers["Idempotent-Replay"] = "true"
    response.headers["ETag"] = version_etag(made["alert"]["version"])
    response.headers["Location"] = f"/v1/escalations/{made['escalation']}"
    return made


@router.post("/{id}/resolve", response_model=AlertOut, summary="It is over", responses=PROBLEMS)
def resolve(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Resolve, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Resolve the alert. Refused while PR or Legal has an open escalation of it. The verdict counts in the signal's precision."""
    return _act(state, response, who, id, if_match, actions.resolve, wanted.reason, verdict=wanted.verdict)


@router.post("/{id}/reopen", response_model=AlertOut, summary="It is not over after all", responses=PROBLEMS)
def reopen(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Because, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Reopen the alert. It fires again from the policy's first step."""
    return _act(state, response, who, id, if_match, actions.reopen, wanted.reason)


@router.post(
    "/{id}/severity", response_model=AlertOut, summary="Raise or lower the severity", responses=PROBLEMS
)
def severity(
    response: Response,
    state: State,
    who: Who,
    id: Id,
    wanted: Annotated[Severity, Body()],
    if_match: IfMatch = None,
) -> Any:
    """Set the severity, with a reason. People may raise and lower it; the engine only raises it."""
    return _act(state, response, who, id, if_match, actions.set_severity, wanted.severity, wanted.reason)


@router.post("/{id}/note", response_model=AlertOut, summary="Write something down", responses=PROBLEMS)
def note(response: Response, state: State, who: Who, id: Id, wanted: Annotated[Note, Body()]) -> Any:
    """Write a line into the timeline. This changes nothing else, so it needs no If-Match."""
    with state.store.write() as conn:
        return _done(conn, response, act(turn_of(state, conn, who), actions.note, id, wanted.text))


def _act(
    state: AppState,
    response: Response,
    who: Principal,
    id: str,
    if_match: str | None,
    action: Callable[..., Change],
    *given: Any,
    **named: Any,
) -> dict[str, Any]:
    """Take an action on the alert that the caller has seen; the answer is the alert as it is afterwards."""
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        turn = turn_of(state, conn, who)
        return _done(conn, response, act(turn, action, id, *given, expected_version=seen, **named))


def _seen(conn: Connection, id: str, if_match: str | None) -> int:
    return checked_version(if_match, get(conn, id).version)


def _done(conn: Connection, response: Response, alert: Alert) -> dict[str, Any]:
    response.headers["ETag"] = version_etag(alert.version)
    return alert_out(alert, held_by(conn, [alert]).get(alert.id))
