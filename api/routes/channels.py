"""The channels of a person, and the codes that prove them: each sees to their own, an admin to everybody's."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from alerts.directory import Someone
from alerts.own_channels import channels_of
from alerts.proofs import TooManyTests
from api.auth.principal import Principal
from api.problems import PROBLEMS, Problem
from api.proving import prove_by_code, send_code_to, take_proof_back
from api.state import AppState, State, Who
from tocsin.access.links import page_address
from tocsin.core.errors import NotAllowed
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import find

router = APIRouter(prefix="/v1/people/{id}/channels", tags=["people"])

Id = Annotated[str, Path(min_length=1, max_length=256, description="The person's id, or name.")]
Key = Annotated[str, Path(min_length=1, max_length=64, description="The channel's key, as the list has it.")]


class ChannelOut(BaseModel):
    """A channel, and whether it pages."""

    key: str
    kind: str
    where: str = Field(description="The address; empty where it is a secret.")
    standing: Literal["proven", "vouched", "unproven", "waiting", "silent"] = Field(
        description="proven by a code; vouched for by whoever runs the machine; unproven: pages nobody yet; waiting: it becomes "
        "the person's once its code was typed; silent: it rings nowhere."
    )
    proven_at: datetime | None
    code_waits: bool = Field(description="Whether a code that was sent there may still be typed.")


class CodeIn(BaseModel):
    """The code that arrived at the channel."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=20)


class ProvenOut(BaseModel):
    """Whether the code was right. It is good for ten minutes and five tries."""

    proven: bool


@router.get(
    "",
    response_model=list[ChannelOut],
    summary="List a person's channels with their proof",
    responses={403: PROBLEMS[403], 404: PROBLEMS[404]},
)
def list_channels(state: State, who: Who, id: Id) -> Any:
    """How the person is woken, first choice first; then what waits for its code."""
    return _shown(state, _theirs(state, who, id))


@router.post(
    "/{key}/code",
    response_model=list[ChannelOut],
    status_code=202,
    summary="Send a code to a channel",
    responses={403: PROBLEMS[403], 404: PROBLEMS[404], 429: PROBLEMS[429]},
)
def send(state: State, who: Who, id: Id, key: Key) -> Any:
    """Queue a test page with a fresh code; the older one is worth nothing any more. 429 beyond ten test pages an hour."""
    person_id = _theirs(state, who, id)
    try:
        with state.store.write() as conn:
            send_code_to(state.store, conn, person_id, key, page_address(state.settings), state.now())
    except TooManyTests as error:
        raise Problem(429, "too-many-requests", error.said, headers={"Retry-After": "3600"}) from None
    return _shown(state, person_id)


@router.post(
    "/{key}/prove",
    response_model=ProvenOut,
    summary="Prove a channel by its code",
    responses={403: PROBLEMS[403], 404: PROBLEMS[404]},
)
def prove(state: State, who: Who, id: Id, key: Key, given: CodeIn) -> Any:
    """Type the code that arrived there. From then on the channel pages; one that waited becomes the person's."""
    person_id = _theirs(state, who, id)
    with state.store.write() as conn:
        right = prove_by_code(conn, state.settings, who, person_id, key, given.code, state.now())
    return {"proven": right}


@router.delete(
    "/{key}/proof",
    response_model=list[ChannelOut],
    summary="Take the proof of a channel back",
    responses={403: PROBLEMS[403], 404: PROBLEMS[404]},
)
def take_back(state: State, who: Who, id: Id, key: Key) -> Any:
    """The channel pages nobody before a new code was typed, whether a code had proven it or a file vouched for it. A channel
    that waits for its first code is forgotten.
    """
    person_id = _theirs(state, who, id)
    with state.store.write() as conn:
        take_proof_back(conn, who, person_id, key, state.now())
    return _shown(state, person_id)


def _theirs(state: AppState, who: Principal, id: str) -> str:
    """The id of the person. Raises `NotAllowed` for one who is neither the person nor an admin."""
    with state.store.read() as conn:
        found = find(conn, Person, id)
    if who.role is not Role.ADMIN and (who.kind != "person" or who.id != found.id):
        raise NotAllowed(Sentence("only an admin may change the channels of others"))
    return found.id


def _shown(state: AppState, person_id: str) -> list[dict[str, Any]]:
    with state.store.read() as conn:
        theirs = find(conn, Person, person_id)
        own = channels_of(conn, Someone(theirs.id, theirs.value))
    return own.rows(state.now())
