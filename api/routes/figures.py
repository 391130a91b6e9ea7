"""Figures for charts: tallies of a monitor in steps of time, and the readings of its detectors."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Connection

from api.etags import (
    etag_or_304,
    list_etag,
    slot,
)
from api.lists import checked_time, wrong
from api.problems import PROBLEMS
from api.state import State, Who
from processors.detection.readings import amendments_between, newest_reading, readings_between
from processors.storing.tally_sums import (
    COUNTS,
    author_sketches,
    first_tally,
    minutes_of,
    parts,
    sums_by,
)
from tocsin.core.clock import MINUTE, minute_start
from tocsin.core.sentences import Sentence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.sketch import distinct, union
from tocsin.definitions.models import Monitor, known_zone
from tocsin.definitions.repository import find
from tocsin.store.revision import revision

router = APIRouter(prefix="/v1", tags=["figures"])

Step = Literal["minute", "5m", "hour", "day"]
MAX_POINTS = 2000
AUTHORS_SPAN = timedelta(hours=6)
# The minutes that the store adds up into one sum, for each step. Zones differ from UTC by multiples of a quarter of an hour.
_GRAIN = {"minute": 1, "5m": 5, "hour": 15, "day": 15}
_LENGTH = {"minute": MINUTE, "5m": 5 * MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1)}


def _judged(kind: str) -> str:
    known = [one.kind for one in SIGNAL_KINDS.judged]
    if kind not in known:
        raise ValueError(
            Sentence("no signal has readings of this kind; known: {known}", known=", ".join(known))
        )
    return kind


Kind = Annotated[
    str,
    Query(
        description="The kind of signal.",
        json_schema_extra={"enum": [one.kind for one in SIGNAL_KINDS.judged]},
    ),
    AfterValidator(_judged),
]


class Point(BaseModel):
    """One step. Where nothing was listening yet, or nothing any more, the figures are null: no data is not zero."""

    start: datetime
    covered: bool
    count: int | None
    negative: int | None
    neutral: int | None
    positive: int | None
    unscored: int | None
    reach: int | None = Field(description="Sum of the authors' followers.")
    reposts: int | None
    authors: int | None = Field(description="Distinct authors; told for spans of up to 6 hours.")


class Parts(BaseModel):
    """Counts of the whole span by one dimension, the largest first."""

    value: str
    count: int
    negative: int


class Tallies(BaseModel):
    monitor: str = Field(description="The monitor's id.")
    step: Step
    tz: str
    points: list[Point]
    parts: list[Parts] | None


class LateOut(BaseModel):
    """Mentions of a window that its verdict is without."""

    count: int
    negative: int
    scored: int


class ReadingOut(BaseModel):
    """A detector's verdict on a window."""

    window_start: datetime
    length_s: int
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    over: bool
    state: Literal["warm", "learning"]
    baseline: str
    complete: bool
    count: int
    negative: int
    scored: int
    late: LateOut = Field(
        description="Came after the window was judged, or was taken out since (then below zero): the verdict is without it."
    )


class Readings(BaseModel):
    monitor: str
    kind: str
    items: list[ReadingOut] = Field(
        description="By window, the oldest first; the newest of the span where there are more than `limit`."
    )


MonitorRef = Annotated[str, Query(max_length=256, description="Id or name.")]
From = Annotated[datetime | None, Query(alias="from", description="Default: a day before `to`.")]
To = Annotated[datetime | None, Query(description="Default: now.")]


@router.get(
    "/tallies",
    response_model=Tallies,
    summary="Counts over time",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
)
def tallies(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    monitor: MonitorRef,
    from_: From = None,
    to: To = None,
    step: Step = "hour",
    tz: Annotated[
        str | None,
        Query(max_length=64, description="The time zone of the hours and days; default: the monitor's."),
    ] = None,
    by: Annotated[
        Literal["network", "lang", "source", "intent", "emotion", "crisis", "harm"] | None,
        Query(description="Also the span's counts by this."),
    ] = None,
) -> Any:
    """Sums over every partition, in at most 2,000 steps. Steps begin at whole minutes, hours or days of the zone."""
    now = state.now()
    since, until = _span(from_, to, now)
    with state.store.read() as conn:
        etag_or_304(request, response, list_etag(request, who, revision(conn), slot(now, MINUTE)))
        found = find(conn, Monitor, monitor)
        zone = _zone(tz or found.value.timezone)
        starts = list(_starts(since, until, step, zone))
        covered_from = _covered_from(conn, found.id, found.created_at)
        sums, authors = _sums(conn, found.id, since, until, step, starts)
        parts = _parts(conn, found.id, since, until, by) if by else None
    points = []
    for index, start in enumerate(starts):
        covered = start + _LENGTH[step] > covered_from and start <= now
        figures: dict[str, int | None] = dict.fromkeys(COUNTS)
        if covered or any(sums[index].values()):
            figures = dict(sums[index])
        if since + AUTHORS_SPAN >= until and figures["count"] is not None:
            figures["authors"] = authors[index]
        points.append({"start": start, "covered": covered, "authors": None} | figures)
    return {"monitor": found.id, "step": step, "tz": str(zone), "points": points, "parts": parts}


def _span(from_: datetime | None, to: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    until = checked_time(to, "to") or now
    since = checked_time(from_, "from") or until - timedelta(days=1)
    if since >= until:
        raise wrong("to", Sentence("must be later than from"))
    return since.astimezone(UTC), until.astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(known_zone(name))
    except ValueError as error:
        raise wrong("tz", error.args[0]) from None


def _starts(since: datetime, until: datetime, step: Step, zone: ZoneInfo) -> Iterator[datetime]:
    """The starts, in UTC, of the steps that touch the span. A day is the zone's day, of 23 to 25 hours when clocks change."""
    if (until - since) / _LENGTH[step] > MAX_POINTS:
        raise wrong(
            "step",
            Sentence(
                "that would be more than {n} points: ask for a larger step or a shorter span",
                n=MAX_POINTS,
            ),
        )
    if step == "day":
        local = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        while local.astimezone(UTC) < until:
            yield local.astimezone(UTC)
            local = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        return
    length = _LENGTH[step]
    shift = since.astimezone(zone).utcoffset() or timedelta()
    at = since - (since - datetime(1970, 1, 1, tzinfo=UTC) + shift) % length
    while at < until:
        yield at
        at += length


def _covered_from(conn: Connection, monitor_id: str, created_at: datetime) -> datetime:
    first = first_tally(conn, monitor_id)
    return created_at if first is None else min(created_at, first)


def _sums(
    conn: Connection, monitor_id: str, since: datetime, until: datetime, step: Step, starts: list[datetime]
) -> tuple[list[dict[str, int]], list[int]]:
    grain, minutes = _GRAIN[step], minutes_of(since, until)
    sums: list[dict[str, int]] = [dict.fromkeys(COUNTS, 0) for _ in starts]
    for row in sums_by(conn, monitor_id, minutes, grain):
        point = sums[_index(starts, row.group * grain)]
        for name in COUNTS:
            point[name] += int(row._mapping[name])
    sketches: list[bytes] = [b""] * len(starts)
    if until - since <= AUTHORS_SPAN:
        for minute, authors in author_sketches(conn, monitor_id, minutes):
            index = _index(starts, minute)
            sketches[index] = union(sketches[index], authors)
    return sums, [distinct(one) for one in sketches]


def _index(starts: list[datetime], minute: int) -> int:
    return max(0, bisect_right(starts, minute_start(minute)) - 1)


def _parts(
    conn: Connection, monitor_id: str, since: datetime, until: datetime, by: str
) -> list[dict[str, Any]]:
    found = parts(conn, monitor_id, minutes_of(since, until), by, 50)
    return [{"value": row.value, "count": row.number, "negative": row.negative} for row in found]


@router.get(
    "/monitors/{id}/readings",
    response_model=Readings,
    summary="Observed against expected",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
)
def readings(
    request: Request,
    response: Response,
    state: State,
    who: Who,
    id: Annotated[str, Path(max_length=256, description="Id or name of the monitor.")],
    kind: Kind = SIGNAL_KINDS.lead.kind,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 500,
) -> Any:
    """The readings of one detector, window by window, with the interval it expected."""
    now = state.now()
    since, until = _span(from_, to, now)
    with state.store.read() as conn:
        found = find(conn, Monitor, id)
        newest = newest_reading(conn, found.id, kind)
        moving = slot(now, MINUTE) if to is None or from_ is None else 0
        late = amendments_between(conn, found.id, since, until)
        marks = (*(newest or ("none",)), moving, *(sum(some) for some in zip(*late.values(), strict=True)))
        etag_or_304(request, response, list_etag(request, who, *marks))
        rows = readings_between(conn, found.id, kind, since, until, limit)
    names, none = tuple(name for name in ReadingOut.model_fields if name != "late"), (0, 0, 0)
    return {
        "monitor": found.id,
        "kind": kind,
        "items": [
            {name: row._mapping[name] for name in names}
            | {"late": dict(zip(LateOut.model_fields, late.get(row.window_start, none), strict=True))}
            for row in rows
        ],
    }
