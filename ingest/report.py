"""The worker's reports on its sources and on itself: rows of the table `health`, which the auditor and the page read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, update

from ingest.budget import HostBudget, HostState
from ingest.watched import WatchedSource
from tocsin.core.clock import iso
from tocsin.health import gaps
from tocsin.health.report import forget_sources, write_reports
from tocsin.health.rhythm import rhythm_of
from tocsin.health.sources import (
    COMPONENT_PREFIX,
    FAILING,
    NEVER_HEARD,
    SILENT,
    SourceVerdict,
    component_of,
    facts_of,
    judge,
)
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.source_state import source_states

# Hosts of one source that its report names.
MOST_HOSTS = 5


def report(
    store: Store,
    held: Iterable[WatchedSource],
    watched: Collection[str],
    now: datetime,
    *,
    blind_after: timedelta,
    trouble: str | None,
    budget: HostBudget,
    unexpected: int = 0,
    failing: bool = False,
) -> None:
    """Write the health of each source that is `held` and of `ingest` itself (`trouble`: what it suffers from).

    Rows of sources that are not `watched` are removed; those of the others are their readers' business. A worker that only
    stands by says nothing.
    """
    rows: list[dict[str, Any]] = []
    held = list(held)
    with store.write(alone=False) as conn:
        states = source_states(conn)
        silences = gaps.open_gaps(conn, [one.name for one in held], gaps.SILENT)
        for one in held:
            known = states.get(one.name)
            verdict, row = _row(one, known, now, blind_after, budget)
            rows.append(row)
            if known is not None:
                _note_silence(conn, one.name, silences.get(one.name), verdict, known, now)
                _learn(conn, one, known, now)
        if not rows and watched and trouble is None:
            return
        components = sorted(component_of(name) for name in watched)
        said = forget_sources(conn, components)
        said |= {row["component"]: row["state"] for row in rows}
        detail = {
            "reason": trouble or "as expected",
            "sources": len(components),
            "troubled": sorted(
                name.removeprefix(COMPONENT_PREFIX) for name, state in said.items() if state != "ok"
            ),
            "unexpected_errors": unexpected,
        }
        state = "failed" if failing else "degraded" if trouble else "ok"
        rows.append({"component": "ingest", "at": now, "state": state, "detail": detail})
        write_reports(store, conn, rows)


def _note_silence(
    conn: Connection,
    name: str,
    open_gap: gaps.SourceGap | None,
    verdict: SourceVerdict,
    state: Any,
    now: datetime,
) -> None:
    """Open a gap where a silence has made us blind, and end it when the silence is over."""
    last = state.last_news_at or state.last_event_at
    if verdict.state == SILENT and verdict.blind:
        if open_gap is None and last is not None:
            gaps.begin(conn, name, gaps.SILENT, last, verdict.reason)
    elif open_gap is not None and verdict.state != FAILING:
        ended = last if last is not None and last > open_gap.starts_at else now
        gaps.end(conn, open_gap, ended, 0, ended)


def _learn(conn: Connection, one: WatchedSource, state: Any, now: datetime) -> None:
    """Take the hour that is over into the rhythm of the source. Hours in which it failed teach nothing."""
    before = rhythm_of(state.rhythm)
    after = before.after(state.received, now, one.gap is None and one.failures == 0)
    if after is not before:
        stored = msgspec.to_builtins(after)
        st = s.source_state
        conn.execute(update(st).where(st.c.name == one.name).values(rhythm=stored))


def _row(
    one: WatchedSource, state: Any, now: datetime, blind_after: timedelta, budget: HostBudget
) -> tuple[SourceVerdict, dict[str, Any]]:
    """The verdict on one source, and its row. The worker knows of its failures sooner than the store does."""
    definition = one.defined.value.model_dump(mode="json")
    facts = replace(
        facts_of(definition, one.defined.created_at, state, one.defined.on_since),
        last_error=one.last_error,
        failures=one.failures,
    )
    # The source cannot be used as somebody has defined it.
    if one.error is not None:
        facts = replace(facts, failures=1, last_error=one.error, last_success_at=one.defined.updated_at)
    verdict = judge(facts, now, blind_after)
    if one.error is not None:
        verdict = replace(verdict, reason=one.error)
    detail: dict[str, Any] = {
        "state": verdict.state,
        "reason": verdict.reason,
        "heard": verdict.state != NEVER_HEARD,
        "last_event_at": iso(facts.last_event_at) if facts.last_event_at else None,
        "last_success_at": iso(state.last_success_at)
        if state is not None and state.last_success_at
        else None,
        "failures": one.failures,
        "next_fetch_at": iso(one.due_at),
        "requests": [_requests(host) for host in budget.states(now, one.name)[:MOST_HOSTS]],
    }
    return verdict, {"component": component_of(one.name), "at": now, "state": verdict.level, "detail": detail}


def _requests(host: HostState) -> dict[str, Any]:
    """The requests that a host still takes: `left` of `of` in any `per_s` seconds, and the time when it takes more."""
    return {
        "host": host.host,
        "left": host.left,
        "of": host.of,
        "per_s": host.per_s,
        "next_at": iso(host.next_at) if host.next_at else None,
    }
