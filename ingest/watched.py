"""The sources that the worker watches: their definitions by people, and the point that each has reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from ingest.source import Fetched, Source
from tocsin.core.clock import CLOCKS_APART
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import Defined, listed
from tocsin.health.gaps import FAILED, SourceGap, open_gaps
from tocsin.intake.dead_letters import Fuse
from tocsin.store.source_state import source_states

log = structlog.get_logger("ingest")


@dataclass(slots=True)
class WatchedSource:
    """One enabled source and the loop's knowledge of it."""

    defined: Defined[SourceDef]
    # None: the definition cannot be used, as `error` says.
    source: Source | None
    error: str | None
    due_at: datetime
    cursor: Mapping[str, Any] | None = None
    failures: int = 0
    last_error: str | None = None
    # When the source last answered.
    heard_at: datetime | None = None
    # The outage in the ledger that is not over, or not filled yet.
    gap: SourceGap | None = None
    written_at: datetime | None = None
    fuse: Fuse = field(default_factory=Fuse)
    fetching: Future[Fetched] | None = None
    # Whether the source may hold something open: it was fetched from since it was last closed.
    opened: bool = False
    # The cursor with which the fetch was started.
    fetching_from: Mapping[str, Any] | None = None
    # The time that the fetch was given as its `now`.
    asked_at: datetime | None = None
    # The count of starts at which this source was last started.
    turn: int = 0

    @property
    def name(self) -> str:
        return self.defined.name


def watch(
    conn: Connection,
    before: Mapping[str, WatchedSource],
    make: Callable[[SourceDef], Source],
    now: datetime,
) -> dict[str, WatchedSource]:
    """The enabled sources by name. A source that nobody changed since `before` is the same object. Any other begins at the
    place that the store has for it. `make` makes a source of its definition, or raises `WrongInput`.
    """
    states = source_states(conn)
    left, after = dict(before), dict[str, WatchedSource]()
    everyone = listed(conn, SourceDef)
    gaps = open_gaps(conn, [one.name for one in everyone], FAILED)
    for one in everyone:
        if not one.value.enabled:
            continue
        old = left.get(one.name)
        if old is not None and (old.defined.id, old.defined.version) == (one.id, one.version):
            after[one.name] = left.pop(one.name)
            continue
        try:
            source, error = make(one.value), None
        except WrongInput as wrong:
            source, error = None, str(wrong)
            log.warning("source cannot be used", source=one.name, error=error)
        made = WatchedSource(defined=one, source=source, error=error, due_at=now, gap=gaps.get(one.name))
        _take_in(made, states.get(one.name), now)
        if old is not None:
            # A changed definition is tried at once; after a restart the old appointment holds.
            made.due_at = now
        after[one.name] = made
    for gone in left.values():
        if gone.source is not None and gone.fetching is None:
            gone.source.close()
    return after


def stands(conn: Connection, taken: Sequence[WatchedSource], now: datetime) -> None:
    """Take in the state of sources that another worker may have read until now: cursor, failures, next appointment."""
    names = [one.name for one in taken]
    states = source_states(conn, names)
    gaps = open_gaps(conn, names, FAILED)
    for one in taken:
        # An earlier fetch is of no use: it began at another cursor.
        one.fetching, one.gap = None, gaps.get(one.name)
        _take_in(one, states.get(one.name), now)


def _take_in(one: WatchedSource, state: Row[Any] | None, now: datetime) -> None:
    """Take in what the store has of the source, if anything."""
    if state is None:
        return
    one.cursor, one.heard_at, one.written_at = state.cursor, state.last_success_at, None
    if _is_on_again(one, state):
        one.failures, one.last_error, one.due_at = 0, None, now
    else:
        one.failures, one.last_error, one.due_at = state.failures, state.last_error, appointment(state, now)


def _is_on_again(one: WatchedSource, state: Row[Any]) -> bool:
    """Whether the source was paused or ended when it was last asked: its failures of then are over, and it is tried at once."""
    on_since = one.defined.on_since
    asked = [at for at in (state.last_success_at, state.last_error_at) if at is not None]
    return on_since is not None and all(at < on_since for at in asked)


def appointment(state: Row[Any], now: datetime) -> datetime:
    """When the source is fetched next, as stored. An appointment that was made ahead of `now` does not hold: the clock was set
    back since, and the source would wait for as long.
    """
    made = [at for at in (state.last_success_at, state.last_error_at) if at is not None]
    return (
        state.next_fetch_at if state.next_fetch_at and all(at <= now + CLOCKS_APART for at in made) else now
    )
