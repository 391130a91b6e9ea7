"""How people reach the page: the public address, where it was set, how this request came, and whether the address leads here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.pages.reach import reach_faults
from api.problems import PROBLEMS
from api.reaching import arrival_of, check_address
from api.state import State, Who
from tocsin.access.address import PAGE, URL, Chosen, choose, chosen, proof
from tocsin.access.links import page_address
from tocsin.core.errors import Conflict, NotAllowed, NotFound
from tocsin.core.sentences import Sentence

router = APIRouter(prefix="/v1", tags=["access"])


class ReachOut(BaseModel):
    """How people reach the page."""

    links_lead_to: str = Field(description="Where links in notices begin.")
    public_url: str | None
    set_by: str | None = Field(
        description="A file, a variable, the command line or the page; null: nobody set it."
    )
    came_by: str = Field(description="The host that this request named.")
    came_from: str = Field(description="The address at the other end, or the one that a trusted proxy named.")
    faults: list[str] = Field(description="What is wrong, and what to do.")


class ReachIn(BaseModel):
    """The address at which people reach the page."""

    model_config = ConfigDict(extra="forbid")

    public_url: str | None = Field(description="Such as https://tocsin.example; null: none.", max_length=500)


class CheckedOut(BaseModel):
    """What came of asking the public address."""

    outcome: str = Field(
        description="here, none, often, private, certificate, unreachable, host (it does not know the name) or other."
    )
    url: str | None
    detail: str


class ProofOut(BaseModel):
    """The answer to a one-time word."""

    answer: str


@router.get("/reach", response_model=ReachOut, summary="Say how people reach the page")
def reach(state: State, request: Request) -> Any:
    """The address in force, and what is wrong with it as far as settings and this request show."""
    return _shown(state, request)


@router.put(
    "/reach",
    response_model=ReachOut,
    summary="Set the public address",
    responses={403: PROBLEMS[403], 409: PROBLEMS[409], 422: PROBLEMS[422]},
)
def set_reach(state: State, who: Who, request: Request, given: ReachIn) -> Any:
    """Set the address that links in notices begin with. Only a person who is signed in does. 409 where a setting
    says it already.
    """
    if who.kind != "person":
        raise NotAllowed(
            Sentence(
                "a key may not say where links lead: an admin sets it on the page, or tocsin config public-url does"
            )
        )
    set_by = state.origins.get(URL)
    if set_by not in (None, PAGE):
        raise Conflict(
            Sentence(
                "api.public_url is set in {set_by}, which wins over the page; change it there", set_by=set_by
            )
        )
    with state.store.write() as conn:
        old = chosen(conn)
        new = Chosen(given.public_url, old.trusted_proxies)
        state.take_address(choose(conn, new, state.now(), who.label, who.role.value))
    return _shown(state, request)


@router.post("/reach/check", response_model=CheckedOut, summary="Ask the public address")
def check(state: State) -> Any:
    """Ask the public address, from the machine of the service, whether it leads here. Six times a minute at most."""
    found = check_address(state)
    return {"outcome": found.outcome, "url": found.url, "detail": found.detail}


@router.get(
    "/reach/{word}", response_model=ProofOut, summary="Prove an address", responses={404: PROBLEMS[404]}
)
def prove(state: State, word: Annotated[str, Path(max_length=100)]) -> Any:
    """The answer to a word that this installation asked itself within the last half minute; 404 for any other."""
    with state.store.read() as conn:
        answer = proof(conn, word, state.now())
    if answer is None:
        raise NotFound(Sentence("this installation did not ask for that"))
    return {"answer": answer}


def _shown(state: State, request: Request) -> dict[str, Any]:
    came = arrival_of(request)
    return {
        "links_lead_to": page_address(state.settings),
        "public_url": state.settings.api.public_url,
        "set_by": state.origins.get(URL),
        "came_by": came.host[:500],
        "came_from": came.address,
        "faults": [f"{one.words}: {one.to_do}" for one in reach_faults(state.settings, came)],
    }
