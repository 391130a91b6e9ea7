"""The worker's reports on its sources and on itself: rows of the table `health`, which the auditor and the page read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from ingest.watched import WatchedSource
from tocsin.core.clock import iso
from tocsin.health.sources import COMPONENT_PREFIX, NEVER_HEARD, component_of, facts_of, judge
from tocsin.store import schema as s
from tocsin.store.port import Store


def report(
    store: Store,
    held: Iterable[WatchedSource],
    watched: Collection[str],
    now: datetime,
    *,
    blind_after: timedelta,
    trouble: str | None,
    unexpected: int = 0,
    failing: bool = False,
) -> None:
    """Write the health of each source that is `held` and of `ingest` itself (`trouble`: what it suffers from).

    Rows of sources that are not `watched` are removed; those of the others are their readers' business. A worker that only
    stands by says nothing.
    """
    rows: list[dict[str, Any]] = []
    with store.write(alone=False) as conn:
        states = {row.name: row for row in conn.execute(select(s.source_state))}
        for one in held:
            rows.append(_row(one, states.get(one.name), now, blind_after))
        if not rows and watched and trouble is None:
            return
        h, components = s.health.c, sorted(component_of(name) for name in watched)
        ours = h.component.startswith(COMPONENT_PREFIX, autoescape=True)
        conn.execute(delete(s.health).where(ours, h.component.not_in(components)))
        said = {row.component: row.state for row in conn.execute(select(h.component, h.state).where(ours))}
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
        store.put(conn, s.health, rows)


def _row(one: WatchedSource, state: Any, now: datetime, blind_after: timedelta) -> dict[str, Any]:
    """The state of one source. The worker knows of its failures sooner than the store does."""
    definition = one.defined.value.model_dump(mode="json")
    facts = replace(
        facts_of(definition, one.defined.created_at, state),
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
        "reason": verdict.reason,
        "heard": verdict.state != NEVER_HEARD,
        "last_event_at": iso(facts.last_event_at) if facts.last_event_at else None,
        "last_success_at": iso(state.last_success_at)
        if state is not None and state.last_success_at
        else None,
        "failures": one.failures,
        "next_fetch_at": iso(one.due_at),
    }
    return {"component": component_of(one.name), "at": now, "state": verdict.level, "detail": detail}
