"""Back-tests over the API: ask for one, see how far it is and what came of it, cancel it; decide a proposal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, ConfigDict, Field

from api import backtests
from api.problems import PROBLEMS
from api.state import State, Who
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(prefix="/v1", tags=["back-tests"])

MonitorRef = Annotated[str, Path(max_length=256, description="Id or name of the monitor.")]
Id = Annotated[str, Path(max_length=64)]
_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 409)}


class BacktestOut(BaseModel):
    """A back-test of a monitor over the stored mentions of the last 28 days."""

    id: str
    monitor_id: str
    at: datetime
    actor: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: int = Field(description="Percent.")
    message: str | None = Field(description="Why it failed.")
    change: dict[str, Any] | None = Field(
        description="Of a proposal: the fields of the monitor that it would change."
    )
    because: dict[str, Any] | None = Field(
        description="Of a proposal: the verdict, and the alerts that it was said of."
    )
    result: dict[str, Any] | None = Field(
        description="The alerts that would have fired, those that people judged among them, the alerts a week by promise, "
        "and the mentions by time: `volume` with `first`, `step_minutes` and `counts`."
    )
    decided: Literal["accepted", "refused", "lapsed"] | None = Field(
        description="lapsed: nobody has decided it, and its verdicts or the monitor were changed since."
    )
    decided_by: str | None


class ProposalDecision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: Literal["accepted", "refused"]


@router.get(
    "/monitors/{id}/backtests",
    response_model=list[BacktestOut],
    summary="Back-tests and proposals of a monitor",
    responses=_RESPONSES,
)
def list_backtests(state: State, id: MonitorRef) -> Any:
    """The last ones, the newest first."""
    with state.store.read() as conn:
        return [_out(one) for one in backtests.of_monitor(conn, find(conn, Monitor, id).id)]


@router.post(
    "/monitors/{id}/backtests",
    response_model=BacktestOut,
    status_code=202,
    summary="Ask for a back-test",
    responses=_RESPONSES,
)
def ask(state: State, who: Who, id: MonitorRef) -> Any:
    """A worker plays it; ask for it until it is done. A second request gets the one that already waits."""
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id)
        return _out(backtests.ask(conn, monitor, now=state.now(), actor=who.label))


@router.get(
    "/backtests/{id}",
    response_model=BacktestOut,
    summary="How far it is, and its result",
    responses=_RESPONSES,
)
def read(state: State, id: Id) -> Any:
    """One back-test."""
    with state.store.read() as conn:
        return _out(backtests.get(conn, id))


@router.post(
    "/backtests/{id}/cancel", response_model=BacktestOut, summary="Cancel a back-test", responses=_RESPONSES
)
def cancel(state: State, id: Id) -> Any:
    """Its worker stops within seconds. A back-test that is over stays as it is."""
    with state.store.write() as conn:
        return _out(backtests.cancel(conn, id, state.now()))


@router.post(
    "/backtests/{id}/decide", response_model=BacktestOut, summary="Decide a proposal", responses=_RESPONSES
)
def decide(state: State, who: Who, id: Id, wanted: Annotated[ProposalDecision, Body()]) -> Any:
    """Accept a proposal, which changes the monitor, or refuse it. 409 where there is nothing to decide."""
    with state.store.write() as conn:
        decided = backtests.decide(
            conn, id, wanted.decision, now=state.now(), actor=who.label, role=who.role.value
        )
        return _out(decided)


def _out(one: backtests.Backtest) -> dict[str, Any]:
    return {name: getattr(one, name) for name in backtests.Backtest.__slots__}
