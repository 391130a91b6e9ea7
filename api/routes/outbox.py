"""The held outbox: a route that releases the notices that a restored store was about to send."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from alerts.outbox import hold
from api.problems import PROBLEMS
from api.state import State, Who
from api.turns import actor_of

router = APIRouter(prefix="/v1/outbox", tags=["alerts"])


class Release(BaseModel):
    """How the outbox is released."""

    model_config = ConfigDict(extra="forbid")

    discard: bool = Field(False, description="Withdraw the waiting notices; only later ones are sent.")


class ReleasedOut(BaseModel):
    """What became of the waiting notices."""

    waiting: int = Field(description="Notices that may leave now, those that are due at once.")
    cancelled: int


@router.post(
    "/release", response_model=ReleasedOut, summary="Release a held outbox", responses={409: PROBLEMS[409]}
)
def release(state: State, who: Who, how: Annotated[Release | None, Body()] = None) -> Any:
    """Release the outbox. After a restore no notice leaves before this. 409 where nothing is held."""
    discard = how.discard if how is not None else False
    with state.store.write() as conn:
        done = hold.release(conn, actor_of(who), state.now(), discard=discard)
    return {"waiting": done.waiting, "cancelled": done.cancelled}
