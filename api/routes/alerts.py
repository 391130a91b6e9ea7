"""Alerts as they are read: the list, one alert with its evidence, timeline and notices."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from alerts import held, views
from alerts.alert import Alert, get
from alerts.held_by import HeldBy, held_by
from alerts.whole_record import as_file, whole_record
from api.etags import (
    alerts_revision,
    etag_or_304,
    list_etag,
    version_etag,
)
from api.lists import Cursor, Limit, ListPage
from api.problems import PROBLEMS
from api.rendered import Rendered, shared_answer
from api.routes.alert_shapes import (
    AlertOut,
    EvidenceOut,
    Id,
    ListedStatus,
    NoticeOut,
    TimelineEntry,
    alert_out,
)
from api.routes.mentions import mention_out
from api.state import State, Who
from processors.corrections.correct import toward
from processors.storing.tally_sums import parts, sums
from tocsin.core.clock import minute_of
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.store.mentions import stored_rows
from tocsin.store.revision import revision

SHOWN_PARTS: Final = 20
"""The networks, and the languages, that the live figures name."""
LIVE: Final = ("count", "negative", "neutral", "positive", "unscored", "reach")
"""The live figures of an alert (`processors.storing.tally_sums.COUNTS`)."""

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get(
    "",
    response_model=ListPage[AlertOut],
    summary="List alerts",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
)
async def list_alerts(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    status: Annotated[
        list[ListedStatus] | None,
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
        # The list is at least as new as its tag, so no caller takes an older list for the newest one.
        with state.store.read() as conn:
            return _rendered_page(conn, wanted, state.rendered_alerts)

    return await shared_answer(request, state.rendered, tag, body)


def _rendered_page(conn: Connection, wanted: views.Wanted, rendered: Rendered) -> bytes:
    """A `ListPage[AlertOut]` as JSON. Only the alerts are read and rendered that are not in `rendered` in this version."""
    listed, more = views.find_versions(conn, wanted)
    # What holds an alert may be ended by a change of the definitions alone.
    stamp = held.stamp(conn)
    known = {(id, version): rendered.ready(f"{id} {version} {stamp}") for id, version in listed}
    found, holds = views.alerts_by_id(conn, [id for (id, _), body in known.items() if body is None])
    items = [
        body or rendered.get(f"{id} {version} {stamp}", partial(_rendered_alert, found[id], holds.get(id)))
        for (id, version), body in known.items()
    ]
    return b'{"items":[' + b",".join(items) + b'],"next_cursor":' + json.dumps(more).encode() + b"}"


def _rendered_alert(alert: Alert, held: HeldBy | None) -> bytes:
    return AlertOut.model_validate(alert_out(alert, held)).model_dump_json().encode()


@router.get("/{id}", response_model=AlertOut, summary="Read an alert", responses={404: PROBLEMS[404]})
def read_alert(request: Request, response: Response, state: State, id: Id) -> Any:
    """The ETag is the one that `If-Match` wants for a change."""
    with state.store.read() as conn:
        alert = get(conn, id)
        holds = held_by(conn, [alert])
    etag_or_304(request, response, version_etag(alert.version))
    return alert_out(alert, holds.get(id))


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
        etag_or_304(request, response, list_etag(request, who, alert.version, revision(conn)))
        judged = alert.readable_evidence
        until = alert.resolved_at or max(state.now(), judged.window_end if judged else alert.last_signal_at)
        return {
            "alert": alert.id,
            "version": alert.version,
            "facts": alert.facts,
            "judged": alert.evidence,
            "top": _top(
                conn, alert.monitor_id, [(one.source, one.id) for one in (judged.top[:20] if judged else ())]
            ),
            "live": _live(conn, alert.monitor_id, alert.since, max(until, alert.since)),
        }


def _top(conn: Connection, monitor_id: str, keys: list[tuple[str, str]]) -> list[dict[str, Any]]:
    found, known = stored_rows(conn, keys), toward(conn, monitor_id, keys)
    return [mention_out(found[key], known.get(key)) for key in keys if key in found]


def _live(conn: Connection, monitor_id: str, since: datetime, until: datetime) -> dict[str, Any]:
    minutes = range(minute_of(since), minute_of(until) + 1)
    figures = sums(conn, monitor_id, minutes)
    networks, languages = (
        {one.value: int(one.number) for one in parts(conn, monitor_id, minutes, dimension, SHOWN_PARTS)}
        for dimension in ("network", "lang")
    )
    return {name: figures[name] for name in LIVE} | {
        "since": since,
        "until": until,
        "networks": networks,
        "languages": languages,
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
    "/{id}/record",
    summary="The whole record of an alert as one file",
    responses={200: {"content": {"application/json": {}}}, 404: PROBLEMS[404]},
    response_class=Response,
)
def record(state: State, who: Who, id: Id) -> Response:
    """What was known when, the posts with their hashes, who was told, who decided what, and the audit entries. Privileged notes
    are in it for Legal only. `sha256` covers all other fields.
    """
    with state.store.read() as conn:
        found = whole_record(conn, id, who.role.value, state.now())
    named = f'attachment; filename="{found["alert"]["id"]}.json"'
    return Response(as_file(found), headers={"Content-Disposition": named}, media_type="application/json")


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
