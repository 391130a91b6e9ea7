"""The worker of imports of history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from api import imports
from ops.imports.carrying_out import carry_out
from ops.run.jobs import JobWorker, Kind
from ops.runtime import Runtime
from tocsin.store.port import Store

LONGEST: Final = timedelta(days=2)


def importer(runtime: Runtime) -> JobWorker:
    """The worker. A worker that is killed leaves its job to the next one, which goes on behind the last piece."""
    return JobWorker(runtime, KIND)


def _state_of(store: Store, id: str) -> str:
    with store.read() as conn:
        return imports.get(conn, id).state


def _fail(store: Store, id: str, now: datetime, message: str) -> None:
    with store.write() as conn:
        imports.finish(conn, id, now, message)


KIND: Final = Kind(
    name="imports",
    claim=imports.claim,
    state_of=_state_of,
    fail=_fail,
    put_back=imports.put_back,
    carry_out=carry_out,
    longest=LONGEST,
)
