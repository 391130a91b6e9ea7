"""The time that people wait where very many alerts are open and resolved: to acknowledge one, and to see lists and pages.

The alerts are copies of one that the engine opened. The API answers over HTTP: on the embedded store, and on
PostgreSQL where it can be had.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, insert, select

from benchmarks.acknowledge import at, served, signal_over
from benchmarks.child import measured
from benchmarks.load import runtime
from benchmarks.table import Table
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import save
from tocsin.store import schema as s

NAME = "queue"
ACKNOWLEDGE_MS, PAGE_MS = 50.0, 100.0
# So many alerts for each open one have been resolved.
RESOLVED = 10
AT_ONCE = 5_000
READS = {
    "list, 50 alerts": "/v1/alerts",
    "list, open alerts": "/v1/alerts?status=open",
    "page of alerts": "/alerts",
    "overview": "/",
}


def run(mentions: int = 10_000, times: int = 50, stores: Sequence[str] = ("SQLite", "PostgreSQL")) -> Table:
    """Milliseconds by the clock, `times` of each. `mentions` is the number of open alerts here."""
    from tests.engines import EnginesUnavailable

    table = Table(
        f"{mentions:,} open and {RESOLVED * mentions:,} resolved alerts, in milliseconds",
        ("store", "what", "times", "median", "95 in 100", "longest"),
    )
    for store in stores:
        with ExitStack() as stack:
            try:
                url = _url(stack) if store == "PostgreSQL" else "sqlite"
            except EnginesUnavailable as error:
                table.notes.append(f"{store}: NOT RUN: {error}")
                continue
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-"))
            took = measured(__name__, folder=folder, url=url, alerts=mentions, times=times)["took"]
        for what, taken in took.items():
            table.rows.append((store, what, len(taken), at(taken, 0.5), at(taken, 0.95), taken[-1]))
        for goal, ms, what in (
            ("to acknowledge", ACKNOWLEDGE_MS, "acknowledge"),
            ("for a first page", PAGE_MS, "page of alerts"),
        ):
            kept = "kept" if at(took[what], 0.5) < ms else "NOT kept"
            table.notes.append(f"{store}: the goal {goal} is {ms:.0f} ms: {kept} in the median of this run.")
    return table


def _url(stack: ExitStack) -> str:
    from tests.engines.postgres import start_postgres

    url: str = stack.enter_context(start_postgres()).database()
    return url


def work(folder: str, url: str, alerts: int, times: int) -> dict[str, Any]:
    """The milliseconds of each request, by what was asked, the quickest first."""
    from ops.runtime import open_runtime

    token, cookie = _prepare(Path(folder), url, alerts)
    with open_runtime(data=Path(folder), store=url, port=0) as made, served(made) as client:
        with made.store.read() as conn:
            a = s.alerts
            open_ones = select(a.c.id).where(a.c.live.is_not(None)).order_by(a.c.id).limit(times)
            ids = list(conn.execute(open_ones).scalars())
        key, person = {"authorization": f"Bearer {token}"}, {"cookie": cookie}
        took = {
            "acknowledge": _timed(
                (f"/v1/alerts/{id}/acknowledge" for id in ids), lambda to: client.post(to, headers=key)
            )
        }
        for what, path in READS.items():
            asked = partial(client.get, headers=key if path.startswith("/v1/") else person)
            took[what] = _timed((path for _ in range(times)), asked)
    return {"took": took}


def _timed(paths: Iterator[str], ask: Callable[[str], httpx.Response]) -> list[float]:
    taken = []
    for path in paths:
        began = time.perf_counter()
        ask(path).raise_for_status()
        taken.append(1e3 * (time.perf_counter() - began))
    return sorted(taken)


def _prepare(folder: Path, url: str, alerts: int) -> tuple[str, str]:
    """Fill the store. Returns a key for the API, and the cookie of a person who is signed in."""
    from alerts.engine import step
    from alerts.turn import Turns
    from api.auth.cookies import COOKIE
    from api.auth.keys import create_key
    from api.auth.sessions import open_session

    with runtime(folder, 1, durable=False, store=url) as made, made.store.write() as conn:
        now = made.clock.now()
        signal_over(conn, "of-the-brand", now)
        step(Turns(made.store, "http://127.0.0.1").begin(conn, now))
        _copy(conn, alerts)
        _, token = create_key(conn, name="benchmark", role=Role.COMMUNITY_MANAGER, now=now)
        ada = save(conn, Person(name="ada", role=Role.COMMUNITY_MANAGER), now=now, actor="benchmark")
        session = open_session(conn, ada.id, now, 12)
    return token, f"{COOKIE}={session.token}"


def _copy(conn: Connection, alerts: int) -> None:
    """Make `alerts` open alerts of the one there is, and `RESOLVED` times as many that are resolved, each a minute older."""
    a = s.alerts
    first = dict(conn.execute(select(a)).mappings().one())
    over = {"status": "resolved", "live": None, "next_step_at": None, "resolved_at": first["opened_at"]}
    for begun in range(1, alerts * (1 + RESOLVED), AT_ONCE):
        rows = []
        for number in range(begun, min(begun + AT_ONCE, alerts * (1 + RESOLVED))):
            mark = f"fp_{number:020d}"
            names = {"id": f"al_{number:020d}", "fingerprint": mark, "live": mark}
            opened = {"opened_at": first["opened_at"] - number * timedelta(minutes=1)}
            rows.append(first | names | opened | (over if number >= alerts else {}))
        conn.execute(insert(a), rows)
