"""Corrections: the label that a person gives to a mention, and the models of a monitor that are learnt from them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.problems import PROBLEMS, Problem
from api.state import State, Who
from processors.corrections import models
from processors.corrections.correct import LabelFor, changed_since, correct
from processors.corrections.learning import learn_from_corrections, summary
from tocsin.core.sentences import Sentence, spoken
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(prefix="/v1", tags=["corrections"])

MonitorRef = Annotated[str, Path(max_length=256, description="Id or name of the monitor.")]


class Correction(BaseModel):
    """A mention, and the label that it has for the monitor."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(min_length=1, max_length=256)
    id: str = Field(min_length=1, max_length=256)
    label: Literal["negative", "neutral", "positive"]
    seen: Literal["negative", "neutral", "positive", "unscored"] | None = Field(
        None,
        description="The label that you saw: 412 where somebody has given the mention a third one since.",
    )


class Corrected(BaseModel):
    label: str
    before: str = Field(description="The label that it had.")


class LearntFigures(BaseModel):
    """How good a model is, on mentions that it had not seen."""

    corrections: int
    right_before: int = Field(description="Corrected mentions that the common model labels right.")
    right_after: int = Field(
        description="Corrected mentions that a fit to the other corrections labels right."
    )
    others: int = Field(description="Recent mentions that nobody corrected.")
    others_changed: int = Field(description="Recent mentions that the fit labels otherwise.")


class LearntModel(BaseModel):
    """A version of a monitor's model."""

    version: int
    at: datetime
    actor: str
    figures: LearntFigures
    active: bool
    instead_of: int = Field(
        description="The version that was in use when this one was learnt; 0: the common model alone. A roll-back goes there."
    )


class Corrections(BaseModel):
    """What people corrected for a monitor, and what was learnt from it, the newest first."""

    corrections: int
    models: list[LearntModel]


class Use(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=0, le=10**9, description="0: the common model alone.")


_RESPONSES: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (404, 422)}


def stale(known: LabelFor, label: str) -> Problem:
    """The refusal of a correction by somebody who has not seen the last one. `label` is its label, said to the reader."""
    said = Sentence("{who} has called this post {label} since you saw it.", who=known.who, label=label)
    return Problem(412, "stale", said)


@router.post(
    "/monitors/{id}/corrections",
    response_model=Corrected,
    summary="Correct a mention's label",
    responses=_RESPONSES | {412: PROBLEMS[412]},
)
def correct_mention(state: State, who: Who, id: MonitorRef, given: Correction) -> Any:
    """Give a mention its right label for this monitor. The same label again confirms it; both are learnt from."""
    key = (given.source, given.id)
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id)
        if given.seen and (known := changed_since(conn, monitor.id, key, given.label, given.seen)):
            raise stale(known, spoken(known.label))
        before = correct(
            state.store,
            conn,
            monitor.id,
            key,
            given.label,
            now=state.now(),
            actor=who.label,
            role=who.role.value,
        )
    return {"label": given.label, "before": before}


@router.get(
    "/monitors/{id}/corrections",
    response_model=Corrections,
    summary="Corrections and models",
    responses=_RESPONSES,
)
def corrections(state: State, id: MonitorRef) -> Any:
    """How many mentions people corrected for the monitor, and the models that were learnt from them."""
    with state.store.read() as conn:
        return summary(conn, find(conn, Monitor, id).id)


@router.post(
    "/monitors/{id}/corrections/learn",
    response_model=Corrections,
    summary="Learn from corrections",
    responses=_RESPONSES,
)
def learn(state: State, who: Who, id: MonitorRef) -> Any:
    """Fit the monitor's model anew to all its corrections, and use it from the next batch on. At least five are needed."""
    with state.store.read() as conn:
        monitor = find(conn, Monitor, id)
    learn_from_corrections(state.store, monitor, now=state.now(), actor=who.label, role=who.role.value)
    with state.store.read() as conn:
        return summary(conn, monitor.id)


@router.post(
    "/monitors/{id}/corrections/use",
    response_model=Corrections,
    summary="Use another model",
    responses=_RESPONSES,
)
def use(state: State, who: Who, id: MonitorRef, given: Use) -> Any:
    """Use an earlier version from the next batch on, or with 0 none. Labels that are there stay."""
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id)
        models.use(conn, monitor.id, given.version, now=state.now(), actor=who.label, role=who.role.value)
        return summary(conn, monitor.id)
