"""Retention over the API: what is kept for how long, what each run took out, and a run at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.state import State, Who
from processors.retention import kept_for
from processors.retention_runs import Run, ask, last_run, next_run, runs

router = APIRouter(prefix="/v1", tags=["privacy"])


class KeptOut(BaseModel):
    """How long a kind of row is kept."""

    kind: str = Field(
        description="samples, authors (their names), mentions, dead_letters, tallies, identities."
    )
    kept_s: int = Field(description="Seconds.")
    setting: str = Field(description="The settings that say so.")
    oldest: datetime | None = Field(
        description="The oldest row; null where none is there, or none is looked up."
    )
    goes_at: datetime | None = Field(description="When the oldest is past its time.")


class RunOut(BaseModel):
    """A run of retention."""

    id: str
    at: datetime
    beat_at: datetime = Field(description="Its last piece.")
    ended_at: datetime | None = Field(description="Null: it is under way.")
    asked_by: str | None = Field(description="Null: its time had come.")
    progress: int = Field(description="Percent.")
    pieces: int = Field(description="Transactions.")
    due: dict[str, int] = Field(
        description="Rows past their time at its beginning, by kind, up to 100,000 each."
    )
    taken: dict[str, int] = Field(
        description="Rows that it took out, by kind; of authors, those made nameless."
    )


class RetentionOut(BaseModel):
    """How long each kind is kept, and the last runs, the newest first."""

    keeps: list[KeptOut]
    next_at: datetime = Field(description="When the next run begins.")
    runs: list[RunOut]


@router.get("/retention", response_model=RetentionOut, summary="Retention")
def read(state: State) -> Any:
    """How long each kind is kept, when the next run begins, and what the last ones took out."""
    now = state.now()
    with state.store.read() as conn:
        keeps = kept_for(conn, now, state.settings)
        return {
            "keeps": [
                {**{name: getattr(one, name) for name in one.__slots__}, "kept_s": one.kept.total_seconds()}
                for one in keeps
            ],
            "next_at": next_run(last_run(conn), now),
            "runs": [_out(one) for one in runs(conn)],
        }


@router.post("/retention/run", response_model=RunOut, status_code=202, summary="Run retention now")
def run(state: State, who: Who) -> Any:
    """A processor carries it out, piece by piece. Where a run is under way, that one is the answer."""
    with state.store.write() as conn:
        asked = ask(conn, now=state.now(), settings=state.settings, actor=who.label, role=who.role.value)
    return _out(asked)


def _out(one: Run) -> dict[str, Any]:
    return {name: getattr(one, name) for name in RunOut.model_fields}
