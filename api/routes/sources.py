"""Sources beside their definitions: how one is, and a trial that shows its newest posts and stores nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from api.defining import require_allowed
from api.problems import PROBLEMS
from api.routes.defined import Id
from api.source_secrets import given_secrets
from api.source_status import SourceStatus, source_status
from api.state import AppState, State
from ingest.kinds import make_source
from ingest.monitored import MonitoredQueries
from ingest.trial import pushed_posts, try_source
from processors.understand.language import mention_language
from tocsin.core.errors import NotFound
from tocsin.core.mention import Mention
from tocsin.core.sentences import Sentence
from tocsin.core.text import one_line
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import find
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.sources import source_reports

router = APIRouter(prefix="/v1/sources", tags=["sources"])

LONGEST_TRIAL = timedelta(seconds=15)


class TriedPost(BaseModel):
    id: str
    at: datetime
    author: str | None
    network: str | None
    lang: str | None = Field(
        description="By its words, as `lang:` of a query has it; null: too little to go by."
    )
    url: str | None
    text: str = Field(description="Title and text, the first 500 characters.")


class TrialOut(BaseModel):
    """What a source brought when it was asked just now."""

    asked: bool = Field(
        description="false: others push to it. The posts are the newest that are kept, those that a monitor matches and a sample "
        "of the others; the counts are of all that ever came."
    )
    newest: list[TriedPost] = Field(description="Its newest five posts, the newest first.")
    count: int = Field(description="Posts that came.")
    unreadable: int
    problems: list[str] = Field(description="Warnings, and what could not be read, in words.")
    more: bool = Field(description="There were more than could be read in the time.")
    error: str | None = Field(description="Why it could not be read.")


@router.get("/{id}/health", response_model=SourceStatus, summary="How is a source?", responses=PROBLEMS)
def health(state: State, id: Id) -> Any:
    """Whether it is heard, its lag, its rhythm, what its hosts still take, and its gaps."""
    now, patience = state.now(), timedelta(minutes=state.settings.alerting.blind_after_minutes)
    with state.store.read() as conn:
        name = find(conn, SourceDef, id).name
        for one in source_reports(conn, now, patience, gaps=True, only=[name]):
            return source_status(one, now)
    raise NotFound(Sentence("nothing is known of the source {name} yet", name=repr(name)))


@router.post("/{id}/test", response_model=TrialOut, summary="Try a source", responses=PROBLEMS)
def try_defined(state: State, id: Id) -> Any:
    """Ask the source for its newest posts. Nothing is stored, and its cursor stays."""
    with state.store.read() as conn:
        definition = find(conn, SourceDef, id).value
    return trial_of(state, definition)


@router.post("/test", response_model=TrialOut, summary="Try a source before it is made", responses=PROBLEMS)
def try_undefined(state: State, definition: Annotated[SourceDef, Body()]) -> Any:
    """Ask a source for its newest posts that nobody has saved."""
    with given_secrets(state.settings, definition) as tried:
        require_allowed(tried.settings, tried.definition)
        return trial_of(state, tried.definition)


def trial_of(state: AppState, definition: SourceDef) -> dict[str, Any]:
    """The fields of `TrialOut`. Raises `WrongInput` for a source whose settings cannot be used."""
    queries, asked = MonitoredQueries(), source_kind(definition.kind).asked
    with state.store.read() as conn:
        queries.refresh(conn)
        pushed = None if asked else pushed_posts(conn, definition.name)
    source = make_source(definition, state.settings.ingest, budget=state.budget, queries=queries)
    trial = pushed or try_source(source, state.now(), LONGEST_TRIAL, limits=state.settings.ingest)
    unread = [f"cannot read {one.position}: {one_line(str(one.error), 200)}" for one in trial.bad]
    return {
        "asked": asked,
        "newest": [post_out(one) for one in trial.newest],
        "count": trial.count,
        "unreadable": trial.bad_count,
        "problems": [one_line(text, 300) for text in [*trial.warnings, *unread]],
        "more": trial.more,
        "error": trial.error,
    }


def post_out(one: Mention) -> dict[str, Any]:
    """The fields of `TriedPost`."""
    author = one.author
    return {
        "id": one.id,
        "at": one.created_at,
        "author": (author.handle or author.name or author.id) if author else None,
        "network": one.network,
        "lang": mention_language(one),
        "url": one.url,
        "text": one.full_text[:500],
    }
