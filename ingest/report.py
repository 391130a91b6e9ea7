"""What the worker says of its sources and of itself: rows of the table health, which the auditor and the page
read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from ingest.health import BLIND, DEGRADED, HEALTH_PREFIX, OK, Seen, component_of, judge
from ingest.watched import Watched
from tocsin.core.clock import iso
from tocsin.store import Store
from tocsin.store import schema as s


def report(
    store: Store,
    watched_sources: Iterable[Watched],
    now: datetime,
    *,
    blind_after: timedelta,
    trouble: str | None,
) -> None:
    """Write the health of each source and of `ingest` itself (`trouble`: what it suffers from); rows of
    others are removed.
    """
    rows: list[dict[str, Any]] = []
    with store.write() as conn:
        states = {row.name: row for row in conn.execute(select(s.source_state))}
        for watched in watched_sources:
            seen = _seen(watched, states.get(watched.name))
            state, why = judge(seen, now, blind_after=blind_after)
            if watched.error is not None:
                state, why = (
                    (BLIND if now - watched.defined.updated_at > blind_after else DEGRADED),
                    watched.error,
                )
            detail: dict[str, Any] = {
                "reason": why,
                "last_event_at": iso(seen.last_event_at) if seen.last_event_at else None,
                "last_success_at": iso(seen.last_success_at) if seen.last_success_at else None,
                "failures": seen.failures,
                "next_fetch_at": iso(watched.due_at),
            }
            rows.append(
                {"component": component_of(watched.name), "at": now, "state": state, "detail": detail}
            )
        troubled = sorted(row["component"].removeprefix(HEALTH_PREFIX) for row in rows if row["state"] != OK)
        detail = {"reason": trouble or "as expected", "sources": len(rows), "troubled": troubled}
        state = DEGRADED if trouble else OK
        rows.append({"component": "ingest", "at": now, "state": state, "detail": detail})
        store.put(conn, s.health, rows)
        h = s.health.c.component
        conn.execute(
            delete(s.health).where(
                h.startswith(HEALTH_PREFIX, autoescape=True), h.not_in([r["component"] for r in rows])
            )
        )


def _seen(watched: Watched, state: Any) -> Seen:
    expected = watched.defined.value.expected_every_minutes
    return Seen(
        defined_at=watched.defined.created_at,
        expected_every=None if expected is None else timedelta(minutes=expected),
        last_event_at=None if state is None else state.last_event_at,
        last_success_at=None if state is None else state.last_success_at,
        last_error=watched.last_error,
        failures=watched.failures,
    )
