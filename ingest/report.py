"""What the worker says of its sources and of itself: rows of the table health, which the auditor and the page
read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from ingest.watched import WatchedSource
from tocsin.core.clock import iso
from tocsin.health.sources import (
    BLIND,
    DEGRADED,
    HEALTH_PREFIX,
    OK,
    Seen,
    component_of,
    judge,
)
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
) -> None:
    """Write the health of each source that is `held` and of `ingest` itself (`trouble`: what it suffers from).

    Rows of sources that are not `watched` are removed; those of the others are their readers' business. A worker that only
    stands by says nothing.
    """
    rows: list[dict[str, Any]] = []
    with store.write(alone=False) as conn:
        states = {row.name: row for row in conn.execute(select(s.source_state))}
        for one in held:
            seen = _seen(one, states.get(one.name))
            state, why = judge(seen, now, blind_after=blind_after)
            if one.error is not None:
                state, why = (
                    (BLIND if now - one.defined.updated_at > blind_after else DEGRADED),
                    one.error,
                )
            detail: dict[str, Any] = {
                "reason": why,
                "last_event_at": iso(seen.last_event_at) if seen.last_event_at else None,
                "last_success_at": iso(seen.last_success_at) if seen.last_success_at else None,
                "failures": seen.failures,
                "next_fetch_at": iso(one.due_at),
            }
            rows.append({"component": component_of(one.name), "at": now, "state": state, "detail": detail})
        if not rows and watched and trouble is None:
            return
        h, components = s.health.c, sorted(component_of(name) for name in watched)
        ours = h.component.startswith(HEALTH_PREFIX, autoescape=True)
        conn.execute(delete(s.health).where(ours, h.component.not_in(components)))
        states_now = {
            row.component: row.state for row in conn.execute(select(h.component, h.state).where(ours))
        }
        states_now |= {row["component"]: row["state"] for row in rows}
        troubled = sorted(
            name.removeprefix(HEALTH_PREFIX) for name, state in states_now.items() if state != OK
        )
        detail = {"reason": trouble or "as expected", "sources": len(components), "troubled": troubled}
        state = DEGRADED if trouble else OK
        rows.append({"component": "ingest", "at": now, "state": state, "detail": detail})
        store.put(conn, s.health, rows)


def _seen(watched: WatchedSource, state: Any) -> Seen:
    expected = watched.defined.value.expected_every_minutes
    return Seen(
        defined_at=watched.defined.created_at,
        expected_every=None if expected is None else timedelta(minutes=expected),
        last_event_at=None if state is None else state.last_event_at,
        last_success_at=None if state is None else state.last_success_at,
        last_error=watched.last_error,
        failures=watched.failures,
    )
