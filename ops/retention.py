"""Retention from the command line: its state as lines, and a run to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from ops.runtime import Runtime
from processors.retention import kept_for
from processors.retention_runs import Run, ask, last_run, next_run, runs, work_on
from tocsin.core.clock import iso

AGAIN_S: Final = 0.02


def run_now(runtime: Runtime, actor: str, on_progress: Callable[[Run], None] = lambda _run: None) -> None:
    """Ask for a run and carry it out. Where a worker does pieces of it meanwhile, it does the others."""
    store, settings, clock = runtime.store, runtime.settings, runtime.clock
    with store.write() as conn:
        asked = ask(conn, now=clock.now(), settings=settings, actor=actor, role="admin")
    while True:
        if not work_on(store, clock.now(), settings):
            # Another worker may be at a piece of it.
            time.sleep(AGAIN_S)
        with store.read() as conn:
            now = last_run(conn)
        if now is None or now.id != asked.id or now.ended_at is not None:
            return
        on_progress(now)


def told(runtime: Runtime) -> Iterator[str]:
    """What is kept, the next run, and the last ones, a line each."""
    now = runtime.clock.now()
    with runtime.store.read() as conn:
        keeps, last = kept_for(conn, now, runtime.settings), runs(conn)
    for one in keeps:
        goes = (
            f"; the oldest is of {iso(one.oldest)}, and goes at {iso(one.goes_at)}"
            if one.goes_at and one.oldest
            else ""
        )
        yield f"{one.kind}: kept for {_span(one.kept)} ({one.setting}){goes}"
    yield f"next run: {iso(next_run(last[0] if last else None, now))}"
    for run in last:
        state = f"done {iso(run.ended_at)}" if run.ended_at else f"under way, {run.progress}%"
        took = ", ".join(f"{n} {kind}" for kind, n in run.taken.items()) or "nothing"
        by = f", asked for by {run.asked_by}" if run.asked_by else ""
        yield f"run {iso(run.at)}: {state}: {took}{by}"


def _span(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"{hours} hours" if hours < 48 else f"{span.days} days"
