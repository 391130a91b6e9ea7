"""The explanation of an alert: its figures computed again, the arithmetic, and what its window holds now."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.explanation import explanation_of
from api.lists import checked_time
from api.opinions import as_json as opinion_json
from api.problems import PROBLEMS
from api.state import State
from processors.explanation.lines import as_json

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class FigureOut(BaseModel):
    """A figure as it was judged and as it comes out when it is computed again."""

    name: str
    judged: float
    again: float | None
    same: bool


class StepOut(BaseModel):
    """A line of the arithmetic."""

    name: str
    formula: str
    value: float
    judged: float | None
    same: bool


class PartOut(BaseModel):
    name: str
    count: int
    share: float = Field(description="Of all mentions of the window, 0..1.")


class FacetPartOut(PartOut):
    usual: float | None = Field(
        description="Its share of the mentions of the two weeks before the episode, 0..1. null: too little was heard to tell."
    )


class StoryOut(BaseModel):
    """A text that several mentions tell, word for word or lightly edited."""

    story: str
    source: str = Field(description="With `id`, its first post.")
    id: str
    count: int
    reposts: int = Field(description="Of these, the ones that say that they pass it on.")
    authors: int
    negative: int
    since: datetime
    until: datetime
    voices: float = Field(
        description="What the reposts and one post that they pass on count as in the tone; 0 where there are none."
    )


class RobotOut(BaseModel):
    """An account that looks automated."""

    name: str
    posts: int = Field(description="In the window.")
    why: dict[str, float] = Field(
        description="By reason, in the day before the window's end: `pace`, most posts in an hour; `same text`, times that it"
        " told one text; `equal gaps`, seconds from post to post; `copies`, share of posts that others posted too."
    )


class NowOut(BaseModel):
    """The window's mentions as the store has them now."""

    count: int
    negative: int
    distinct: int = Field(description="Without copies of a text, and further posts of automated accounts.")
    copy_groups: int
    texts: int = Field(description="Different texts.")
    stories: list[StoryOut] = Field(description="The texts with the most copies.")
    automated: int = Field(description="Mentions by accounts that look automated.")
    robots: list[RobotOut] = Field(description="The busiest of these accounts.")
    voices: int
    named: int = Field(
        description="Authors that networks tell. Of the voices each mention without an author is one."
    )
    digest: str
    authors: list[PartOut]
    networks: list[PartOut]
    languages: list[PartOut]
    sources: list[PartOut]
    others: dict[str, int] = Field(description="The parts that each list leaves out.")
    facets: dict[str, list[FacetPartOut]] = Field(
        description="By facet (intent, emotion, crisis, harm), the values that were told of most mentions."
    )


class BaselineOut(BaseModel):
    """The hours behind the expectation."""

    first: date | None
    last: date | None
    hours: int
    zone: str


class RarityOut(BaseModel):
    """How rare the score is for this monitor. It is shown and decides nothing."""

    days: int = Field(description="Days before the alert, at most 28.")
    as_high: int = Field(description="Of these, those with a window of that score or a higher one.")
    one_in: float = Field(
        description="(days + 1) / (as_high + 1): of days that are alike, one in so many is as high, or fewer."
    )


class OpinionOut(BaseModel):
    """What a slower scorer said of a part of an alert's mentions (`tocsin[deep]`)."""

    agrees: bool = Field(description="Whether two of three labels are the same.")
    asked: int = Field(description="The mentions with a label that it labelled, too.")
    agreed: int = Field(description="Of these, those that both call negative, or both do not.")
    unscored: int = Field(description="The mentions without a label that it was asked of.")
    unscored_negative: int
    negative: int = Field(description="Of all that it was asked of, those that it calls negative.")
    facets: dict[str, dict[str, int]] = Field(
        description="By facet (crisis, harm) and value, how many of `asked` and `unscored` it tells the value of."
    )
    model: str
    at: datetime
    window_end: datetime


class NegativesOut(BaseModel):
    """The share of negatives of the scored mentions, with its 95 % interval."""

    share: float
    lower: float
    upper: float
    corrected_share: float | None = Field(
        description="With the scorers' known errors undone; null where they are not known."
    )
    corrected_lower: float | None
    corrected_upper: float | None


class AgreementPlaceOut(BaseModel):
    """A network, a language or a new subject in which the talk was over its usual."""

    dimension: str
    value: str
    since: datetime
    until: datetime
    seen: int
    due: float
    z: float


class JudgedWindowOut(BaseModel):
    """A window that was over, with its highest score."""

    start: datetime
    end: datetime
    score: float


class JudgedWindowsOut(BaseModel):
    """The windows of the alert that were over."""

    count: int
    first: JudgedWindowOut
    highest: JudgedWindowOut
    last: JudgedWindowOut


class AgreementOut(BaseModel):
    """Another kind of signal that was over in the same window."""

    kind: str
    score: float
    observed: float
    expected: float
    lower: float
    upper: float
    span_s: float
    places: list[AgreementPlaceOut]
    numbers: dict[str, float] = Field(description="The further numbers of its arithmetic, by name.")


class ExplanationOut(BaseModel):
    """All that is needed to check a window of an alert by hand."""

    alert: str
    monitor_id: str
    kind: str
    rule: str
    window_start: datetime
    window_end: datetime
    figures: list[FigureOut]
    threshold: float | None
    reason: str | None
    baseline: BaselineOut | None
    rarity: RarityOut | None = Field(
        description="null: the monitor knows less than a week, half of the days were as high, or the kind keeps no readings."
    )
    steps: list[StepOut]
    negatives: NegativesOut | None = Field(description="null: nothing in the window was scored.")
    set_aside: int = Field(
        description="Copies that `observed` leaves out (of a share, repeated negatives); all other figures count them."
    )
    terms: list[tuple[str, int]]
    agrees: list[AgreementOut] = Field(description="The other kinds of signals that were over in the window.")
    triggers: dict[str, int] = Field(
        description="By category, the people who said a trigger in the hour up to the window's end."
    )
    usual_triggers: dict[str, int] = Field(description="The same in the busiest hour of a usual day.")
    now: NowOut
    differs: list[str] = Field(description="A sentence for each number that comes out otherwise.")
    why_not: str | None = Field(description="Why the figures cannot be computed again.")
    second_opinion: OpinionOut | None = Field(description="null: none was formed; it needs the extra `deep`.")
    windows: JudgedWindowsOut | None = Field(description="null: no signal of the alert is kept.")


@router.get(
    "/{id}/explanation",
    response_model=ExplanationOut,
    summary="The arithmetic of an alert",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
)
def explanation(
    state: State,
    id: Annotated[str, Path(max_length=64)],
    window: Annotated[
        datetime | None,
        Query(
            description="The end of the window to explain, one that was over; default: the last, whose figures the alert shows."
        ),
    ] = None,
) -> Any:
    """The verdict computed again from what was kept with its signal, step by step, and its window counted again."""
    end = checked_time(window, "window")
    with state.store.read() as conn:
        found = explanation_of(conn, id, end)
    return {
        "alert": found.alert.id,
        **as_json(found.one),
        "second_opinion": opinion_json(found.opinion),
        "windows": msgspec.to_builtins(found.windows),
    }
