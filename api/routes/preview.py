"""A preview of a query: what it would have matched among the mentions that are kept already, before it can wake anybody."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from api.problems import PROBLEMS
from api.routes.mentions import MentionOut, mention_out
from api.state import State
from processors.understand import mention_facets
from processors.understand.language import mention_language
from tocsin.core.mention import Mention
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import listed
from tocsin.query import Asked, Query, compile_query, explain, lint, parse_query
from tocsin.query.evaluate import DetectLanguage, known_language, searched
from tocsin.query.lint import MOST_ROWS, Lint, Weighing, in_order
from tocsin.query.tree import leaves
from tocsin.store.mentions import newest_rows, sampled_rows, stored_mention
from tocsin.store.port import Store

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])

# The rows that are read, of stored mentions and of samples each.
MAX_LOOKED_AT = 20_000
MAX_TIME_S = 3.0
SHOWN = 20


class Preview(BaseModel):
    """A query to try."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=10_000)
    languages: tuple[Annotated[str, Field(max_length=16)], ...] = Field(default=(), max_length=50)
    hours: int = Field(default=24, ge=1, le=24 * 90, description="How far back to look.")


class Looked(BaseModel):
    """The counts among stored mentions, or among samples.

    `since` is the time of the oldest row read. `complete` is false where a bound ended the reading.
    """

    looked_at: int
    matched: int
    since: datetime | None
    complete: bool


class DayCount(BaseModel):
    """The matches of one day (UTC). A match of the sample counts for as many as it stands for."""

    day: date
    count: float


class QueryWarning(BaseModel):
    """A part of the query that is legal and likely wrong. A warning refuses nothing."""

    kind: str = Field(description="operator, mixed, duplicate, covered, quotes, short, common, floods, ...")
    at: int = Field(description="Its place in the query, in characters from 0.")
    length: int
    line: int = Field(description="From 1, as `column`.")
    column: int
    message: str


class Previewed(BaseModel):
    explanation: str = Field(description="How the query was understood, in plain words.")
    stored: Looked = Field(description="Mentions that some monitor matches already: all of them are kept.")
    sampled: Looked = Field(description="Of what no monitor matches: a sample, kept for a day.")
    per_day: float | None = Field(
        description="Estimated mentions a day, the sample scaled by its rate; null where the sample is too small."
    )
    by_day: list[DayCount] = Field(
        description="The matches by day, the oldest first; days without one are left out."
    )
    warnings: list[QueryWarning] = Field(description="What is likely wrong, by its place.")
    examples: list[MentionOut] = Field(description="Stored mentions that match, the newest first.")
    sample_examples: list[str] = Field(description="Texts from the sample that match, the newest first.")


@router.post(
    "/preview",
    response_model=Previewed,
    summary="Try a query",
    responses={422: PROBLEMS[422]},
    operation_id="preview_monitor",
)
def preview(state: State, wanted: Annotated[Preview, Body()]) -> Any:
    """Try a query; this changes nothing.

    The answer says what it covers: stored mentions, and the sample of mentions that matched nothing.
    """
    query = parse_query(wanted.query)
    found = tried(state.store, query, state.now() - timedelta(hours=wanted.hours), wanted.languages)
    hits, samples = found.hits, found.samples
    days_of = Counter[date]()
    for row in hits:
        days_of[row.created_at.date()] += 1
    for row in samples:
        days_of[row.created_at.date()] += round(1 / row.rate) if row.rate > 0 else 0
    scaled = len(hits) + sum(1 / row.rate for row in samples if row.rate > 0)
    oldest = min((one.since for one in (found.stored, found.sampled) if one.since is not None), default=None)
    days = (state.now() - oldest) / timedelta(days=1) if oldest else 0.0
    return {
        "explanation": explain(query),
        "stored": found.stored.told(len(hits)),
        "sampled": found.sampled.told(len(samples)),
        "per_day": round(scaled / days, 2) if days > 0.02 else None,
        "by_day": [{"day": day, "count": n} for day, n in sorted(days_of.items())],
        "warnings": [warning_out(one) for one in found.warnings],
        "examples": [mention_out(row) for row in hits[:SHOWN]],
        "sample_examples": [str(row.mention.get("text", ""))[:500] for row in samples[:SHOWN]],
    }


@dataclass(frozen=True, slots=True)
class Tried:
    """A query tried on what is kept: the rows that match, how far was read, and what is likely wrong."""

    hits: Sequence[Any]
    samples: Sequence[Any]
    stored: _Look
    sampled: _Look
    warnings: Sequence[Lint]


def tried(store: Store, query: Query, since: datetime, languages: Sequence[str] = ()) -> Tried:
    """Try the query on mentions and samples since then, `MAX_TIME_S` at most."""
    fits = _fitting(query, languages)
    end = time.monotonic() + MAX_TIME_S
    stored, sampled = _Look(end), _Look(end)
    hits, samples = [], []
    with store.read() as conn:
        weighing = _weighing_of(conn, query)
        for row in stored.at(newest_rows(conn, MAX_LOOKED_AT + 1, since=since)):
            if fits(asked := _asked(stored_mention(row))):
                hits.append(row)
            if stored.count <= MOST_ROWS:
                weighing.kept(asked)
        for row in sampled.at(sampled_rows(conn, MAX_LOOKED_AT + 1, since=since)):
            # A sample has the language that its network gave it; a stored mention has the one that was understood.
            if fits(asked := _asked(msgspec.convert(row.mention, Mention), mention_language)):
                samples.append(row)
            if sampled.count <= MOST_ROWS:
                weighing.sampled(asked)
    return Tried(hits, samples, stored, sampled, in_order([*lint(query), *weighing.warnings()]))


def matching(query: Query, languages: Sequence[str] = ()) -> Callable[[Mention], bool]:
    """The test whether a mention, as its network gives it, is one that this query, in these languages, hears."""
    fits = _fitting(query, languages)
    return lambda mention: fits(_asked(mention, mention_language))


def _fitting(query: Query, languages: Sequence[str]) -> Callable[[Asked], bool]:
    test, known = compile_query(query), {known_language(tag) for tag in languages}

    def fits(asked: Asked) -> bool:
        # The language is told last, because that costs the most.
        return test(asked) and (not known or not asked.language or asked.language in known)

    return fits


def _asked(mention: Mention, detect: DetectLanguage | None = None) -> Asked:
    return Asked(mention, searched(mention), detect, mention_facets)


def _weighing_of(conn: Connection, query: Query) -> Weighing:
    """Nothing counted yet. The queries of the monitors are read only where the query has an exclusion."""
    excludes = sum(1 for _ in leaves(query.root)) > sum(1 for _ in leaves(query.root, negated=False))
    monitors = "\n".join(one.value.query for one in listed(conn, Monitor)) if excludes else ""
    return Weighing(query, monitors)


def warning_out(one: Lint) -> dict[str, Any]:
    """The fields of `QueryWarning`; the message can still be said in another language."""
    place = {"at": one.at, "length": one.length, "line": one.line, "column": one.column}
    return {"kind": one.kind, **place, "message": one.words}


class _Look:
    """Counts the rows that are read, and ends the reading at a bound."""

    def __init__(self, end: float) -> None:
        self._end = end
        self.count = 0
        self.since: datetime | None = None
        self.complete = True

    def at(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            if self.count >= MAX_LOOKED_AT or time.monotonic() > self._end:
                self.complete = False
                return
            self.count += 1
            self.since = row.created_at
            yield row

    def told(self, matched: int) -> dict[str, Any]:
        return {"looked_at": self.count, "matched": matched, "since": self.since, "complete": self.complete}
