"""Alerts: the list, one alert with its evidence, timeline and notices, and a route for everything people do with an alert."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, func, select

from alerts import actions, views
from alerts.alert import Alert, get
from alerts.apply import act, apply
from api.etags import (
    alerts_revision,
    etag_or_304,
    list_etag,
    mentions_revision,
    version_etag,
)
from api.lists import (
    Cursor,
    Limit,
    ListPage,
    wrong,
)
from api.preconditions import (
    Idempotent,
    IfMatch,
    checked_version,
    create_once,
)
from api.problems import PROBLEMS
from api.rendered import Rendered, shared_answer
from api.routes.mentions import MentionOut, mention_out
from api.state import State, Who
from api.turns import turn_of
from tocsin.core.clock import minute_of
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.store import schema as s
from tocsin.store.mentions import stored_rows

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

Status = Literal[
    "candidate",
    "suppressed",
    "firing",
    "acknowledged",
    "snoozed",
    "dismissed",
    "merged",
    "escalated",
    "resolved",
]
Verdict = Literal["real", "noise", "duplicate", "expected", "wrong_brand"]
Id = Annotated[str, Path(max_length=64)]
Words = Annotated[str, Field(max_length=2000)]


class Figures(BaseModel):
    """What was judged, in figures. What was not known is null."""

    since: datetime = Field(description="When the story began.")
    window_start: datetime
    window_end: datetime
    observed: float = Field(
        description="Mentions in the window, or a share of the scored ones, by the alert's kind."
    )
    expected: float | None = Field(description="null: too little was heard before to say.")
    lower: float | None
    upper: float | None
    ratio: float | None = Field(description="Observed over expected, of the volume.")
    count: int
    authors: int
    scored: int = Field(description="Mentions with a tone.")
    negative: int
    negative_share: float | None
    negative_usual: float | None
    triggers: dict[str, int] = Field(description="Category of a trigger, and how many people said it.")


class AlertOut(BaseModel):
    """One story about one monitor."""

    id: str
    fingerprint: str
    monitor_id: str
    monitor: str
    kind: str
    status: Status
    severity: int = Field(description="1 crisis, 2 escalate, 3 review, 4 watch.")
    reason: str | None
    severity_name: str
    reasons: list[str] = Field(description="Why the severity is what it is.")
    headline: str = Field(description="What it is about, on one line of English.")
    figures: Figures | None = Field(description="null: another version wrote them.")
    acknowledge_by: datetime | None
    open: bool
    calmed_unacknowledged: bool = Field(description="It is over, and nobody has looked at it.")
    opened_at: datetime
    updated_at: datetime
    last_signal_at: datetime
    worsened_at: datetime | None
    calmed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    ack_expires_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    merged_into: str | None
    step: int = Field(description="Steps of the policy already taken.")
    next_step_at: datetime | None
    score: float
    peak_score: float
    drill: bool
    version: int
    actions: list[str] = Field(description="What the state machine allows from here.")


class TimelineEntry(BaseModel):
    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    from_status: str | None
    to_status: str | None
    reason: str | None
    detail: Any


class Receipt(BaseModel):
    """How one attempt to send a notice ended."""

    attempt: int
    at: datetime
    outcome: Literal["sent", "failed", "unknown"]
    detail: str


class NoticeOut(BaseModel):
    """A notice: whom it tells, on which channel, and how each attempt ended."""

    id: str
    person: str
    channel: str
    kind: str
    severity: int
    status: Literal["queued", "attempting", "sent", "failed", "unknown", "cancelled"]
    attempts: int
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None
    subject: str
    receipts: list[Receipt]


class Live(BaseModel):
    """The figures as stored now, from the time when the alert began. The judged figures above stay as they were."""

    since: datetime
    until: datetime
    count: int
    negative: int
    neutral: int
    positive: int
    unscored: int
    reach: int
    networks: dict[str, int]
    languages: dict[str, int]


class EvidenceOut(BaseModel):
    """What a person checks by hand: the figures as they were judged, the posts that matter most, and the live figures."""

    alert: str
    version: int
    facts: dict[str, Any] = Field(description="All that severity was decided from.")
    judged: dict[str, Any] = Field(
        description="Rule, baseline, window, observed, expected with interval, shares, terms."
    )
    top: list[MentionOut] = Field(description="The posts that matter most, as far as they are still kept.")
    live: Live


class Snooze(BaseModel):
    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime | None = Field(
        default=None, description="At most a week ahead. Either this or `minutes`."
    )
    minutes: int | None = Field(default=None, ge=1, le=7 * 24 * 60)


class Dismiss(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Literal["noise", "duplicate", "expected_event", "wrong_brand", "inauthentic", "handled"]
    note: Words = ""


class Because(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Words = ""


class Resolve(Because):
    verdict: Verdict | None = Field(default=None, description="What the alert was, if somebody knows.")


class Escalate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: Literal["pr", "legal", "both"]
    reason: Words = Field(min_length=1, description="What PR or Legal should know.")


class Merge(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: str = Field(max_length=64, description="The id of the open alert that tells this story.")


class Severity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    severity: Literal[1, 2, 3, 4]
    reason: Words = Field(min_length=1)


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Words = Field(min_length=1)


class Escalated(BaseModel):
    alert: AlertOut
    escalation: str = Field(description="The id of the new escalation: /v1/escalations/{id}.")


def alert_out(alert: Alert) -> dict[str, Any]:
    """An alert as the API shows it. The response's model leaves out the fields that it does not name."""
    return views.alert_view(alert)


@router.get("", response_model=ListPage[AlertOut], summary="List alerts", responses={422: PROBLEMS[422]})
async def list_alerts(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    status: Annotated[
        list[Status | Literal["open", "unanswered", "any"]] | None,
        Query(max_length=12, description="May be given again. open: all that somebody may have to act on."),
    ] = None,
    severity: Annotated[list[Annotated[int, Field(ge=1, le=4)]] | None, Query(max_length=4)] = None,
    monitor: Annotated[str | None, Query(max_length=256, description="Id or name.")] = None,
    kind: Annotated[str | None, Query(max_length=32)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The alerts, the newest first."""
    tag = list_etag(request, who, await state.revision.ask(None))
    etag_or_304(request, response, tag)

    wanted = views.Wanted(
        status=status or (),
        severity=severity or (),
        monitor=monitor,
        kind=kind,
        limit=limit,
        cursor=cursor,
    )

    def body() -> bytes:
        # What it shows is at least as new as its tag, so nobody is told that an older list is the newest one.
        with state.store.read() as conn:
            return _rendered_page(conn, wanted, state.rendered_alerts)

    return await shared_answer(request, state.rendered, tag, body)


def _rendered_page(conn: Connection, wanted: views.Wanted, rendered: Rendered) -> bytes:
    """A `ListPage[AlertOut]` as JSON. Only the alerts are read and rendered that are not in `rendered` in this version."""
    listed, more = views.find_versions(conn, wanted)
    known = {(id, version): rendered.ready(f"{id} {version}") for id, version in listed}
    found = views.alerts_by_id(conn, [id for (id, _), body in known.items() if body is None])
    items = [
        body or rendered.get(f"{id} {version}", partial(_rendered_alert, found[id]))
        for (id, version), body in known.items()
    ]
    return b'{"items":[' + b",".join(items) + b'],"next_cursor":' + json.dumps(more).encode() + b"}"


def _rendered_alert(alert: Alert) -> bytes:
    return AlertOut.model_validate(alert_out(alert)).model_dump_json().encode()


@router.get("/{id}", response_model=AlertOut, summary="Read an alert", responses={404: PROBLEMS[404]})
def read_alert(request: Request, response: Response, state: State, id: Id) -> Any:
    """The ETag is the one that `If-Match` wants for a change."""
    with state.store.read() as conn:
        alert = get(conn, id)
    etag_or_304(request, response, version_etag(alert.version))
    return alert_out(alert)


@router.get(
    "/{id}/evidence",
    response_model=EvidenceOut,
    summary="The evidence of an alert",
    responses={404: PROBLEMS[404]},
)
def evidence(request: Request, response: Response, state: State, who: Who, id: Id) -> Any:
    """The evidence as it was judged, with the posts, and the figures as they are now.

    The ETag is the evidence's, not the alert's.
    """
    with state.store.read() as conn:
        alert = get(conn, id)
        etag_or_304(request, response, list_etag(request, who, alert.version, mentions_revision(conn)))
        judged = alert.readable_evidence
        until = alert.resolved_at or max(state.now(), judged.window_end if judged else alert.last_signal_at)
        return {
            "alert": alert.id,
            "version": alert.version,
            "facts": alert.facts,
            "judged": alert.evidence,
            "top": _top(conn, [(one.source, one.id) for one in (judged.top[:20] if judged else ())]),
            "live": _live(conn, alert.monitor_id, alert.since, max(until, alert.since)),
        }


def _top(conn: Connection, keys: list[tuple[str, str]]) -> list[dict[str, Any]]:
    found = stored_rows(conn, keys)
    return [mention_out(found[key]) for key in keys if key in found]


def _live(conn: Connection, monitor_id: str, since: datetime, until: datetime) -> dict[str, Any]:
    t, p = s.tallies, s.tally_parts
    names = ("count", "negative", "neutral", "positive", "unscored", "reach")
    first, last = minute_of(since), minute_of(until)
    sums = [func.coalesce(func.sum(t.c[name]), 0).label(name) for name in names]
    row = conn.execute(
        select(*sums).where(t.c.monitor_id == monitor_id, t.c.minute.between(first, last))
    ).one()
    parts: dict[str, dict[str, int]] = {"network": {}, "lang": {}}
    count = func.sum(p.c.count).label("number")
    for part in conn.execute(
        select(p.c.dimension, p.c.value, count)
        .where(
            p.c.monitor_id == monitor_id,
            p.c.minute.between(first, last),
            p.c.dimension.in_(("network", "lang")),
        )
        .group_by(p.c.dimension, p.c.value)
        .order_by(count.desc(), p.c.value)
    ):
        if len(parts[part.dimension]) < 20:
            parts[part.dimension][part.value] = int(part.number)
    figures = {name: int(row._mapping[name]) for name in names}
    return figures | {
        "since": since,
        "until": until,
        "networks": parts["network"],
        "languages": parts["lang"],
    }


@router.get(
    "/{id}/timeline",
    response_model=ListPage[TimelineEntry],
    summary="What happened to it",
    responses={404: PROBLEMS[404]},
)
def timeline(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    id: Id,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Any:
    """The entries of the timeline, the oldest first."""
    after = decode_cursor(cursor, int)
    with state.store.read() as conn:
        etag_or_304(request, response, list_etag(request, who, alerts_revision(conn)))
        found = [one for one in views.timeline(conn, id) if after is None or one["seq"] > after[0]]
    rows, more = page_of(found, limit, lambda one: (one["seq"],))
    return {"items": rows, "next_cursor": more}


@router.get(
    "/{id}/notices",
    response_model=list[NoticeOut],
    summary="The notices of an alert",
    responses={404: PROBLEMS[404]},
)
def notices(state: State, id: Id) -> Any:
    """The notices, the oldest first, with how each attempt ended. Addresses are not shown."""
    with state.store.read() as conn:
        return views.notices(conn, id)


# -- what people do ---------------------------------------------------------------------------------------------------


@router.post("/{id}/acknowledge", response_model=AlertOut, summary="I have it", responses=PROBLEMS)
def acknowledge(response: Response, state: State, who: Who, id: Id) -> Any:
    """Acknowledge the alert. A second acknowledgement, by anybody, changes nothing and names who was first. Needs no If-Match."""
    with state.store.write() as conn:
        return _done(response, act(turn_of(state, conn, who), actions.acknowledge, id))


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
        raise wrong("until", "say either until or minutes")
    until = wanted.until or now + timedelta(minutes=wanted.minutes or 0)
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        return _done(response, act(turn_of(state, conn, who), actions.snooze, id, until, seen))


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
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        return _done(
            response, act(turn_of(state, conn, who), actions.dismiss, id, wanted.reason, wanted.note, seen)
        )


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
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        return _done(response, act(turn_of(state, conn, who), actions.merge, id, wanted.into, seen))


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
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        turn = turn_of(state, conn, who)
        return _done(response, act(turn, actions.resolve, id, wanted.reason, seen, wanted.verdict))


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
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        return _done(response, act(turn_of(state, conn, who), actions.reopen, id, wanted.reason, seen))


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
    with state.store.write() as conn:
        seen = _seen(conn, id, if_match)
        changed = act(
            turn_of(state, conn, who), actions.set_severity, id, wanted.severity, wanted.reason, seen
        )
        return _done(response, changed)


@router.post("/{id}/note", response_model=AlertOut, summary="Write something down", responses=PROBLEMS)
def note(response: Response, state: State, who: Who, id: Id, wanted: Annotated[Note, Body()]) -> Any:
    """Write a line into the timeline. This changes nothing else, so it needs no If-Match."""
    with state.store.write() as conn:
        return _done(response, act(turn_of(state, conn, who), actions.note, id, wanted.text))


def _seen(conn: Connection, id: str, if_match: str | None) -> int:
    return checked_version(if_match, get(conn, id).version)


def _done(response: Response, alert: Alert) -> dict[str, Any]:
    response.headers["ETag"] = version_etag(alert.version)
    return alert_out(alert)
