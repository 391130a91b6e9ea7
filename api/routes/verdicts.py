"""Verdicts: what people say of an alert afterwards, and how a monitor keeps its promise by that."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from alerts import actions
from alerts.alert import get
from alerts.apply import act
from alerts.held_by import held_by
from alerts.verdicts import verdict_of
from api.etags import version_etag
from api.problems import PROBLEMS
from api.promise import promise_of
from api.routes.alert_shapes import AlertOut, Id, Verdict, alert_out
from api.state import State, Who
from api.turns import turn_of
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(prefix="/v1", tags=["alerts"])


class Given(BaseModel):
    """A verdict to give."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict


class GivenVerdict(BaseModel):
    """The verdict on an alert. Null: nobody has said."""

    verdict: Verdict | None = None
    at: datetime | None = None
    actor: str | None = None


class SignalPrecision(BaseModel):
    """What people said of the alerts of one kind of signal."""

    kind: str
    real: int
    judged: int = Field(description="Alerts with a verdict, without duplicates.")
    precision: float | None = Field(description="real / judged.")
    verdicts: dict[str, int]


class Missing(BaseModel):
    ability: str
    hours: float


class ForecastOut(BaseModel):
    """The mentions that are expected in the next hours."""

    hours: int
    expected: float
    lower: float = Field(
        description="With upper, an interval of 90 %; docs/detection.md has how often it held."
    )
    upper: float
    held: int = Field(
        description="Of the last seven days' hours, those in which such an interval held what came."
    )
    of: int = Field(description="The hours of which that could be told.")


class HolidayOut(BaseModel):
    """A holiday of one of the monitor's countries."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    country: str
    day: date
    factor: float = Field(description="What is expected that day, as a multiple of an average day.")


class PromiseOut(BaseModel):
    """What a monitor promises, and what came of it in the last four weeks."""

    promised_false_alerts_per_week: float
    weeks: float = Field(
        description="The weeks that were looked at: four, or those since the monitor was defined."
    )
    fired: int = Field(description="Alerts that told people anything.")
    fired_per_week: float | None = Field(description="Null in the first week.")
    false: int = Field(
        description="Of these, alerts that people called noise, expected or of the wrong brand."
    )
    false_per_week: float | None
    unjudged: int = Field(description="Of these, alerts that nobody judged.")
    signals: list[SignalPrecision]
    learning: bool = Field(description="Only triggers are armed.")
    known_hours: float
    can: list[str] = Field(
        description="What detection can do with what it knows: triggers, bursts, hours, weekdays."
    )
    later: list[Missing] = Field(description="What it cannot do yet, with the hours that are missing.")
    forecast: list[ForecastOut] = Field(
        description="For the next hour and the next six; empty before a day is known."
    )
    holiday: HolidayOut | None = Field(
        description="The holiday of today or the next two weeks. Null: there is none, or nothing is known yet."
    )


@router.get(
    "/alerts/{id}/verdict",
    response_model=GivenVerdict,
    summary="The verdict on an alert",
    responses={404: PROBLEMS[404]},
)
def read_verdict(state: State, id: Id) -> Any:
    """What a person said of the alert last."""
    with state.store.read() as conn:
        return verdict_of(conn, get(conn, id).id) or {}


@router.post("/alerts/{id}/verdict", response_model=AlertOut, summary="Say what it was", responses=PROBLEMS)
def give(response: Response, state: State, who: Who, id: Id, wanted: Annotated[Given, Body()]) -> Any:
    """Say what the alert was, now or later. It takes the place of an earlier verdict, and needs no If-Match."""
    with state.store.write() as conn:
        alert = act(turn_of(state, conn, who), actions.give_verdict, id, wanted.verdict)
        holds = held_by(conn, [alert])
    response.headers["ETag"] = version_etag(alert.version)
    return alert_out(alert, holds.get(alert.id))


@router.get(
    "/monitors/{id}/promise",
    response_model=PromiseOut,
    summary="The promise of a monitor, and what came of it",
    responses={404: PROBLEMS[404]},
)
def promise(
    state: State, id: Annotated[str, Path(max_length=256, description="Id or name of the monitor.")]
) -> Any:
    """The promised rate beside the actual one, the precision of each signal by people's verdicts, and what detection knows."""
    with state.store.read() as conn:
        kept = promise_of(conn, find(conn, Monitor, id), state.now())
    return {
        "promised_false_alerts_per_week": kept.promised,
        "weeks": round(kept.weeks, 4),
        "fired": kept.fired,
        "fired_per_week": kept.fired_a_week,
        "false": kept.false,
        "false_per_week": kept.false_a_week,
        "unjudged": kept.unjudged,
        "signals": [
            {
                "kind": one.kind,
                "real": one.real,
                "judged": one.judged,
                "precision": one.real / one.judged if one.judged else None,
                "verdicts": one.given,
            }
            for one in kept.signals
        ],
        "learning": kept.knowledge.learning,
        "known_hours": round(kept.knowledge.hours, 2),
        "can": kept.knowledge.can,
        "forecast": [asdict(one) for one in kept.ahead.forecasts],
        "holiday": kept.ahead.holiday,
        "later": [{"ability": name, "hours": round(hours, 2)} for name, hours in kept.knowledge.later],
    }
