"""How one source is, as the API tells it: whether it is heard, its lag, its rhythm, what its hosts still take, its gaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from tocsin.health.gaps import Cause
from tocsin.health.sources import SourceReport
from tocsin.health.sources import State as SourceState


class RequestsLeft(BaseModel):
    """The requests that a host takes of us now, for all sources together."""

    host: str
    left: int | None = Field(description="null: nobody knows a limit.")
    of: int | None = Field(description="The most requests in any `per_s` seconds; null: no limit is stated.")
    per_s: float | None
    next_at: datetime | None = Field(description="When it takes more; null: it takes one now.")


class GapOut(BaseModel):
    """A time in which the source was not heard."""

    cause: Cause
    starts_at: datetime
    ends_at: datetime | None = Field(description="null: it lasts.")
    reason: str
    filled_at: datetime | None = Field(
        description="When all that came late had come; null: not yet, or never."
    )
    filled: int = Field(description="Mentions that came late.")
    words: str


class SourceStatus(BaseModel):
    name: str
    kind: str | None = Field(description="null: pushed without a definition.")
    enabled: bool
    state: SourceState
    why: str = Field(description="In plain words.")
    last_event_at: datetime | None
    lag_s: float | None
    expected_every_minutes: int | None
    expected_per_hour: float | None = Field(
        description="The mentions that usually come in such an hour; null: not known yet."
    )
    last_success_at: datetime | None
    last_error: str | None = Field(
        description="Why the last attempt failed, or what was wrong with the last answer; null: nothing was."
    )
    failures: int
    next_fetch_at: datetime | None = Field(
        description="When it is asked next: after a failure, or an answer of 429 with Retry-After, that is later than usual."
        " null: it is off, or others push to it."
    )
    received: int
    rejected: int
    requests: list[RequestsLeft]
    gaps: list[GapOut] = Field(description="The newest gaps, the newest first.")


def source_status(one: SourceReport, now: datetime) -> dict[str, Any]:
    """The fields of `SourceStatus`."""
    facts, row = one.facts, one.row
    every = facts.expected_every
    return {
        "name": one.name,
        "kind": one.kind,
        "enabled": facts.enabled,
        "state": one.verdict.state,
        "why": one.verdict.reason,
        "last_event_at": facts.last_event_at,
        "lag_s": (now - facts.last_event_at).total_seconds() if facts.last_event_at else None,
        "expected_every_minutes": round(every / timedelta(minutes=1)) if every is not None else None,
        "expected_per_hour": None if one.per_hour is None else round(one.per_hour, 1),
        "last_success_at": facts.last_success_at,
        "last_error": facts.last_error,
        "failures": facts.failures,
        "next_fetch_at": one.next_fetch_at,
        "received": row.received if row is not None else 0,
        "rejected": row.rejected if row is not None else 0,
        "requests": list(one.requests),
        "gaps": [{name: getattr(gap, name) for name in GapOut.model_fields} for gap in one.gaps],
    }
