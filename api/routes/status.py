"""How Tocsin itself is: sources and their lag, the stream's, each part's own word; and who is asking."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Connection, func, select

from alerts.outbox import hold
from api.metrics import stream_lag
from api.state import State, Who
from tocsin.core.errors import TocsinError
from tocsin.definitions.models import Role, SourceDef
from tocsin.definitions.repository import Defined, listed
from tocsin.store import meta as purpose_of_store
from tocsin.store import schema as s

router = APIRouter(prefix="/v1", tags=["status"])

SILENT_TIMES = 3  # a source silent for so many times its expected interval is blind
# Without these nothing is heard or judged; without the others it is, but nobody is told or nobody checks.
SENSES = ("ingest", "processors", "detection")
PARTS = (*SENSES, "alerts", "auditor")
STALE = timedelta(minutes=2)  # a part that has not spoken for longer counts as gone


class Me(BaseModel):
    kind: Literal["person", "key"]
    id: str
    name: str
    role: Role
    scopes: list[str] | None = Field(description="null: everything the role may.")
    source: str | None


class SourceStatus(BaseModel):
    name: str
    kind: str | None = Field(description="null: pushed without a definition.")
    enabled: bool
    state: Literal["ok", "silent", "failing", "off", "never heard"]
    last_event_at: datetime | None
    lag_s: float | None
    expected_every_minutes: int | None
    last_success_at: datetime | None
    last_error: str | None
    failures: int
    received: int
    rejected: int


class PartStatus(BaseModel):
    component: str
    at: datetime
    state: str = Field(description="ok, degraded, blind, failed; gone: it has not spoken for two minutes.")
    detail: Any


class Status(BaseModel):
    mode: Literal["ok", "degraded", "blind"] = Field(description="The worst of what is below.")
    why: list[str] = Field(description="In plain words, why the mode is not ok.")
    purpose: Literal["live", "replay", "demo"] | None = Field(
        description="What this store is for; null: nothing ran yet."
    )
    now: datetime
    stream_lag_records: int | None = Field(description="null: the stream cannot be read.")
    sources: list[SourceStatus]
    parts: list[PartStatus]
    alerts_open: int
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
def status(state: State) -> Any:
    """What it hears, what it is behind with, and what each part says of itself."""
    now, why = state.now(), []
    with state.store.read() as conn:
        purpose = purpose_of_store.get(conn, "mode")
        if hold.held(conn) is not None:
            why.append("the outbox is held: no notice leaves before an administrator releases it")
        sources = source_statuses(conn, now)
        told = conn.execute(select(s.health).order_by(s.health.c.component).limit(500)).all()
        # A source's own row says what is judged of it here, from the same figures, at the time of asking.
        parts = [_part(row, now) for row in told if not row.component.startswith("source:")]
        counts = {
            "alerts_open": _count(conn, s.alerts, s.alerts.c.live.is_not(None)),
            "escalations_open": _count(conn, s.escalations, s.escalations.c.closed_at.is_(None)),
            "dead_letters": _count(conn, s.dead_letters),
        }
    try:
        lag = stream_lag(state.store, state.stream)
    except TocsinError as error:
        lag = None
        why.append(str(error))
    patience = timedelta(minutes=state.settings.alerting.blind_after_minutes)
    blind = [
        one["name"]
        for one in sources
        if one["state"] == "silent"
        or (
            one["state"] == "failing"
            and (one["last_success_at"] is None or now - one["last_success_at"] > patience)
        )
    ]
    why += [
        f"source {one['name']} is {one['state']}" for one in sources if one["state"] in ("silent", "failing")
    ]
    states = {one["component"]: one["state"] for one in parts}
    if purpose in (None, "live"):  # a replay or the demo has no parts that run for ever
        why += [f"{name} has never run here" for name in PARTS if name not in states]
        blind += [name for name in SENSES if states.get(name) in (None, "gone", "failed")]
    why += [f"{name} is {state}" for name, state in states.items() if state != "ok"]
    mode = "blind" if blind or "blind" in states.values() else "degraded" if why else "ok"
    return {
        "mode": mode,
        "why": why,
        "purpose": purpose,
        "now": now,
        "stream_lag_records": lag,
        "sources": sources,
        "parts": parts,
        **counts,
    }


def source_statuses(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """Every source that is defined or was heard, by name, with how it is."""
    defined = {one.name: one for one in listed(conn, SourceDef)}
    known = {
        row.name: row
        for row in conn.execute(select(s.source_state).order_by(s.source_state.c.name).limit(1000))
    }
    return [
        _source(name, defined.get(name), known.get(name), now)
        for name in sorted(defined.keys() | known.keys())
    ]


def _source(name: str, stored: Defined[SourceDef] | None, row: Any, now: datetime) -> dict[str, Any]:
    defined = stored.value if stored else None
    lag = (now - row.last_event_at).total_seconds() if row is not None and row.last_event_at else None
    every = defined.expected_every_minutes if defined else None
    if defined is not None and not defined.enabled:
        state = "off"
    elif row is not None and row.failures > 0:
        state = "failing"
    elif (
        every is not None
        and stored is not None
        and _silence(stored, row, now) > SILENT_TIMES * timedelta(minutes=every)
    ):
        state = "silent"
    else:
        state = "ok" if row is not None else "never heard"
    return {
        "name": name,
        "kind": defined.kind if defined else None,
        "enabled": defined.enabled if defined else True,
        "state": state,
        "last_event_at": row.last_event_at if row is not None else None,
        "lag_s": lag,
        "expected_every_minutes": every,
        "last_success_at": row.last_success_at if row is not None else None,
        "last_error": row.last_error if row is not None and row.failures else None,
        "failures": row.failures if row is not None else 0,
        "received": row.received if row is not None else 0,
        "rejected": row.rejected if row is not None else 0,
    }


def _silence(stored: Defined[SourceDef], row: Any, now: datetime) -> timedelta:
    """Since its newest mention, or since it was defined where none came yet."""
    last = row.last_event_at if row is not None else None
    return now - max(last or stored.created_at, stored.created_at)


def _part(row: Any, now: datetime) -> dict[str, Any]:
    state = row.state if now - row.at <= STALE else "gone"
    return {"component": row.component, "at": row.at, "state": state, "detail": row.detail}


def _count(conn: Connection, table: Any, *where: Any) -> int:
    return int(conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one())
