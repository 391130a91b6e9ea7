"""A look at networks that need no key: what they would answer for a query now, before there is a monitor or a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.auth.principal import Principal
from api.problems import PROBLEMS, Problem
from api.routes.preview import DayCount, matching
from api.routes.sources import TriedPost, post_out
from api.state import LOOKS_A_MINUTE, AppState, State, Who
from ingest.looking import look
from tocsin.core.sentences import Sentence
from tocsin.query import Query, parse_query

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])


class NetworkLook(BaseModel):
    """A query to ask networks for."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=10_000)
    languages: tuple[Annotated[str, Field(max_length=16)], ...] = Field(default=(), max_length=50)


class LookOut(BaseModel):
    """What a network answered."""

    network: str
    came: int = Field(description="Posts that came.")
    matched: int = Field(description="Of these, posts that the query matches.")
    by_day: list[DayCount] = Field(
        description="The matches by day, the oldest first, the last 31; days without one are left out."
    )
    newest: list[TriedPost] = Field(description="The newest that match, five at most.")
    error: str | None = Field(description="Why it could not be read; null: it answered.")


@router.post(
    "/preview/networks",
    response_model=list[LookOut],
    summary="Look at networks without a key",
    responses={422: PROBLEMS[422], 429: PROBLEMS[429]},
)
def look_at_networks(state: State, who: Who, wanted: Annotated[NetworkLook, Body()]) -> Any:
    """What networks that need no key would answer for a query now, within eight seconds. Nothing is stored."""
    return looks_of(state, who, parse_query(wanted.query), wanted.languages)


def looks_of(
    state: AppState, who: Principal, query: Query, languages: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The fields of `LookOut` for each network. Raises `Problem` (429) for somebody who looks too often."""
    wait = state.looks.wait_for(f"{who.kind}:{who.id}")
    if wait:
        detail = Sentence(
            "networks are looked at {n} times a minute at most: try again in {wait} s",
            n=LOOKS_A_MINUTE,
            wait=wait,
        )
        raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})
    fits, ingest = matching(query, languages), state.settings.ingest
    found = look(query, fits, ingest, state.now(), state.look_at, budget=state.budget)
    return [
        {
            "network": one.kind,
            "came": one.came,
            "matched": one.matched,
            "by_day": [{"day": day, "count": n} for day, n in one.days],
            "newest": [post_out(post) for post in one.newest],
            "error": one.error,
        }
        for one in found
    ]
