"""Why a mention has its label: the words that counted, worked out on demand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.problems import PROBLEMS
from api.state import State
from processors.understand.reasons import reasons_for
from tocsin.core.errors import NotFound
from tocsin.core.mention import MAX_ID_CHARS
from tocsin.core.sentences import Sentence
from tocsin.store.mentions import stored_mention, stored_rows

router = APIRouter(prefix="/v1", tags=["mentions"])


class ReasonOut(BaseModel):
    """A word that counted."""

    word: str
    start: int = Field(
        description="Where it begins in the title, a line break and the text; without a title, in the text."
    )
    end: int
    weight: float = Field(description="Above 0: for the label; below 0: against it.")


class ReasonsOut(BaseModel):
    """The words that counted most, in the order of the text."""

    label: str
    model: str | None
    reasons: list[ReasonOut] | None = Field(
        description="Null where the present model did not give the label, so that its words are not known."
    )


@router.get(
    "/mentions/reasons",
    response_model=ReasonsOut,
    summary="Why a mention has its label",
    responses={404: PROBLEMS[404]},
)
def mention_reasons(
    state: State,
    source: Annotated[str, Query(min_length=1, max_length=256)],
    id: Annotated[str, Query(min_length=1, max_length=MAX_ID_CHARS)],
) -> Any:
    """The words that counted most for the label of a mention, or against it."""
    with state.store.read() as conn:
        row = stored_rows(conn, [(source, id)]).get((source, id))
    if row is None:
        raise NotFound(
            Sentence("no mention {id} of the source {source} is kept", id=repr(id), source=repr(source))
        )
    found = reasons_for(row.model, row.lang, stored_mention(row).full_text)
    return {
        "label": row.label,
        "model": row.model,
        "reasons": None if found is None else [one._asdict() for one in found],
    }
