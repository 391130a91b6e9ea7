"""The status of Tocsin itself: sources and their lag, the lag of the stream, each part's last report; and who is asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from alerts import counted
from alerts.escalations.views import count_open
from alerts.outbox import hold, outages
from alerts.unreached import Unreached, unreached
from api.etags import etag_or_304, list_etag
from api.metrics import stream_lag
from api.pages.readiness import KEYS, READY
from api.source_status import SourceStatus, source_status
from api.state import AppState, State, Who
from tocsin.core.errors import TocsinError
from tocsin.definitions.models import Role
from tocsin.health.disk import disk_trouble
from tocsin.health.report import part_rows
from tocsin.health.roles import PARTS, SENSES, is_gone
from tocsin.health.sources import (
    NEVER_HEARD,
    OFF,
    OK,
    SourceReport,
    source_reports,
)
from tocsin.intake.dead_letters import count_dead_letters
from tocsin.store import meta as purpose_of_store

router = APIRouter(prefix="/v1", tags=["status"])


class Me(BaseModel):
    kind: Literal["person", "key"]
    id: str
    name: str
    role: Role
    scopes: list[str] | None = Field(description="null: everything the role may.")
    source: str | None


class PartStatus(BaseModel):
    component: str
    at: datetime
    state: str = Field(description="ok, degraded, blind, failed; gone: it has not spoken for two minutes.")
    detail: Any


class Status(BaseModel):
    mode: Literal["ok", "degraded", "blind"] = Field(description="The worst of what is below.")
    why: list[str] = Field(description="In plain words, why the mode is not ok.")
    not_ready: list[str] = Field(
        description="Why this installation would wake nobody: no source or monitor that is on, nobody on call, no channel that "
        "rings or is proven. Empty: it would, or it is a replay or the demo."
    )
    purpose: Literal["live", "replay", "demo"] | None = Field(
        description="What this store is for; null: nothing ran yet."
    )
    now: datetime
    stream_lag_records: int | None = Field(description="null: the stream cannot be read.")
    sources: list[SourceStatus]
    parts: list[PartStatus]
    alerts_open: int
    alerts_unreached: int = Field(
        description="Crises (SEV1, SEV2) that nobody has answered and that reach nobody."
    )
    escalations_open: int
    dead_letters: int


@router.get("/me", response_model=Me, summary="Who am I?")
def me(who: Who) -> Any:
    """The person or key behind this request."""
    scopes = sorted(who.scopes) if who.scopes is not None else None
    return {
        "kind": who.kind,
        "id": who.id,
        "name": who.name,
        "role": who.role,
        "scopes": scopes,
        "source": who.source,
    }


@router.get("/status", response_model=Status, summary="How is Tocsin?")
def status(state: State, who: Who, request: Request, response: Response) -> Any:
    """The status: what Tocsin hears, what it is behind with, and what each part says of itself. Its tag changes with what is
    said, not with the times in it.
    """
    now = state.now()
    why: list[str] = []
    with state.store.read() as conn:
        said = purpose_of_store.several(conn, ("mode", *KEYS))
        purpose = said.get("mode")
        stamp = tuple(said.get(key) for key in KEYS)
        # A replay and the demo listen to nothing and wake nobody.
        live = purpose in (None, "live")
        lacks = state.readiness.look(conn, state.settings, now, stamp) if live else READY
        unheard_of = unreached(conn, now)
        why += [*lacks.reasons, *_of_notices(conn, unheard_of)]
        patience = timedelta(minutes=state.settings.alerting.blind_after_minutes)
        reports = source_reports(conn, now, patience, gaps=True)
        told = part_rows(conn)
        # `sources` judges each source from the same figures at the time of asking, so its row among the parts is left out.
        parts = [_part(row, now) for row in told]
        counts = {
            "alerts_unreached": len(unheard_of),
            "alerts_open": sum(count for *_, count in counted.live(conn)),
            "escalations_open": count_open(conn, now)[0],
            "dead_letters": count_dead_letters(conn),
        }
    lag, unread = _lag(state)
    why += unread
    blind = [one.name for one in reports if one.verdict.blind]
    disk = disk_trouble(state.settings)
    if disk is not None:
        why.append(disk.words)
        blind += ["disk"] if disk.stops else []
    why += [_trouble(one) for one in reports if one.verdict.state not in (OK, OFF)]
    states = {one["component"]: one["state"] for one in parts}
    # The parts run for ever only on live data, not in a replay or the demo.
    if live:
        why += [f"{name} has never run here" for name in PARTS if name not in states]
        blind += [name for name in SENSES if states.get(name) in (None, "gone", "failed")]
    why += [f"{name} is {state}" for name, state in states.items() if state != "ok"]
    mode = "blind" if blind or "blind" in states.values() else "degraded" if why else "ok"
    answer = {
        "mode": mode,
        "why": why,
        "not_ready": list(lacks.reasons),
        "purpose": purpose,
        "now": now,
        "stream_lag_records": lag,
        "sources": [source_status(one, now) for one in reports],
        "parts": parts,
        **counts,
    }
    etag_or_304(request, response, list_etag(request, who, _said(answer)))
    return answer


def _of_notices(conn: Connection, unheard_of: Sequence[Unreached]) -> list[str]:
    """Why notices do not leave or reach nobody."""
    held = ["the outbox is held: no notice leaves before an administrator releases it"]
    return [
        *(held if hold.held(conn) is not None else ()),
        *(one.words for one in unheard_of),
        *(f"the channel {one.channel} is away since {one.since:%H:%MZ}" for one in outages.away(conn)),
    ]


def _lag(state: AppState) -> tuple[int | None, list[str]]:
    """The records that wait to be read. None where the stream does not say, with the reason."""
    try:
        return stream_lag(state.store, state.stream), []
    except TocsinError as error:
        return None, [str(error)]


def _said(answer: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The answer without the times that pass and nothing else."""
    still = {
        "sources": [{**one, "lag_s": None} for one in answer["sources"]],
        "parts": [{**one, "at": None} for one in answer["parts"]],
        "now": None,
    }
    return sorted({**answer, **still}.items())


def _trouble(one: SourceReport) -> str:
    return f"source {one.name} {'was' if one.verdict.state == NEVER_HEARD else 'is'} {one.verdict.state}"


def _part(row: Any, now: datetime) -> dict[str, Any]:
    state = "gone" if is_gone(row.at, now) else row.state
    return {"component": row.component, "at": row.at, "state": state, "detail": row.detail}
