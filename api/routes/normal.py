"""The new normal: a person accepts the present level of a monitor, or takes that back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, ConfigDict, Field

from api.normal import say
from api.problems import PROBLEMS
from api.state import State, Who
from api.turns import turn_of
from processors.acceptance import ACCEPT, UNDO, acceptances, as_json
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])

MonitorRef = Annotated[str, Path(max_length=256, description="Id or name of the monitor.")]
_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 409)}


class Said(BaseModel):
    """What a person said of the level of a monitor."""

    seq: int
    action: Literal["accept", "undo"]
    at: datetime
    actor: str
    outcome: Literal["applied", "lapsed"] | None = Field(
        description="null: detection takes it up within seconds. lapsed: the monitor had begun to learn anew."
    )
    first_window: datetime | None = Field(description="The first window that was judged with it.")


class AcceptanceMeant(BaseModel):
    """Which acceptance is meant."""

    model_config = ConfigDict(extra="forbid")

    seq: int | None = Field(None, description="The number of the acceptance that was seen. null: any.")


@router.get(
    "/{id}/normal", response_model=list[Said], summary="The new normals of a monitor", responses=_RESPONSES
)
def said(state: State, id: MonitorRef) -> Any:
    """The last things that people said of the level, the newest first."""
    with state.store.read() as conn:
        return [as_json(one) for one in acceptances(conn, find(conn, Monitor, id).id)]


@router.post(
    "/{id}/normal",
    response_model=Said,
    status_code=202,
    summary="Accept the new normal",
    responses=_RESPONSES,
)
def accept(state: State, who: Who, id: MonitorRef) -> Any:
    """The present level is the normal one from the next window on. A repeat before detection has taken it up changes nothing."""
    return _say(state, who, id, ACCEPT)


@router.post(
    "/{id}/normal/undo",
    response_model=Said,
    status_code=202,
    summary="Take the new normal back",
    responses=_RESPONSES,
)
def undo(
    state: State, who: Who, id: MonitorRef, wanted: Annotated[AcceptanceMeant | None, Body()] = None
) -> Any:
    """Detection goes on as if the last acceptance had not been said. Possible for 48 hours. With `seq`, 409 where another one is
    the last that stands.
    """
    return _say(state, who, id, UNDO, None if wanted is None else wanted.seq)


def _say(state: State, who: Who, id: str, action: str, seen: int | None = None) -> Any:
    with state.store.write() as conn:
        return as_json(say(turn_of(state, conn, who), find(conn, Monitor, id), action, seen))
