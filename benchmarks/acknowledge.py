"""The time that an acknowledgement takes while the stream runs flat out. Both need the same lock of the same SQLite file.

One process stores a prepared backlog in which every mention matches. Another acknowledges firing alerts, one at a time with a
short pause. It does so by the transaction itself and over HTTP, first with the stream at rest and then with the stream running.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, insert, select

from benchmarks.child import ended, measured, start
from benchmarks.load import made_up, runtime
from benchmarks.table import Table
from ops.runtime import Runtime
from tocsin.core.clock import SystemClock
from tocsin.core.ids import stable_id
from tocsin.core.signal import Evidence, Facts, encode, fingerprint
from tocsin.core.signal_kinds import VOLUME
from tocsin.definitions.models import Role
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.sqlite.engine import SqliteStore

NAME = "acknowledge"
MONITORS = 200
GOAL_MS = 100.0
WINDOW = timedelta(minutes=5)


def run(acknowledgements: int = 200, backlog: int = 60_000) -> Table:
    """Milliseconds per acknowledgement, `acknowledgements` of each way, with the stream at rest and flat out."""
    table = Table(
        "Acknowledging an alert, in milliseconds",
        ("the stream", "acknowledged", "times", "median", "95 in 100", "longest"),
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary:
        token = _prepare(Path(temporary), 4 * acknowledgements, backlog)
        options = {"folder": temporary, "token": token, "times": acknowledgements}
        _add(table, "at rest", measured(__name__, who="people", **options))
        # The process says when it has read models and monitors. Then the acknowledgements begin.
        with start(__name__, who="stream", folder=temporary) as stream:
            assert stream.stdout is not None
            assert stream.stdin is not None
            stream.stdout.readline()
            people = measured(__name__, who="people", **options)
            storing = ended(stream, __name__, b"enough\n")
        _add(table, "flat out", people)
    held = sorted(storing["held_ms"]) or [0.0]
    table.notes.append(
        f"Meanwhile the stream stored {storing['stored'] / storing['seconds']:,.0f} mentions/s in {len(held):,} transactions; "
        f"it held the lock for {at(held, 0.5):.1f} ms (median), {at(held, 0.95):.1f} (95 in 100), {held[-1]:.1f} (longest)."
    )
    if storing["ran_out"]:
        table.notes.append("The backlog ended before the last acknowledgement: some met a stream at rest.")
    worst = max(people["transaction"] + people["http"])
    table.notes.append(
        f"The goal is {GOAL_MS:.0f} ms: {'kept' if worst < GOAL_MS else 'NOT kept'} in this run."
    )
    return table


def _add(table: Table, stream: str, result: dict[str, Any]) -> None:
    for name, way in (("in a transaction", "transaction"), ("over HTTP", "http")):
        taken = sorted(result[way])
        table.rows.append((stream, name, len(taken), at(taken, 0.5), at(taken, 0.95), taken[-1]))


def at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _prepare(folder: Path, alerts: int, backlog: int) -> str:
    """Make firing alerts and a backlog in the stream. Returns a key for the API."""
    from alerts.engine import step
    from alerts.turn import Turns
    from api.auth.keys import create_key
    from tocsin.intake.handover import HandOver

    with runtime(folder, MONITORS) as made:
        now = made.clock.now()
        with made.store.write() as conn:
            for number in range(alerts):
                signal_over(conn, f"of-{number:06}", now)
            step(Turns(made.store, "http://127.0.0.1").begin(conn, now))
            _, token = create_key(conn, name="benchmark", role=Role.COMMUNITY_MANAGER, now=now)
        hand_over = HandOver(
            made.stream,
            partitions=made.settings.stream.partitions,
            max_mentions=made.settings.stream.record_max_mentions,
            clock=made.clock,
        )
        mentions = list(made_up(backlog, 1.0, MONITORS))
        for first in range(0, backlog, 5000):
            hand_over.hand_over(mentions[first : first + 5000])
    return token


def signal_over(conn: Connection, monitor: str, now: datetime) -> None:
    """Write a signal that this monitor's volume is over."""
    facts = Facts(kind=VOLUME, score=4.0, observed=50.0, expected=10.0, ratio=5.0, windows_over=2)
    evidence = Evidence(
        rule="volume 1",
        baseline="protected",
        since=now - WINDOW,
        window_start=now - WINDOW,
        window_end=now,
        observed=50.0,
        expected=10.0,
        lower=6.0,
        upper=15.0,
        level=0.95,
        count=50,
    )
    row = {
        "id": stable_id("sig", monitor),
        "monitor_id": monitor,
        "kind": VOLUME,
        "fingerprint": fingerprint(monitor, VOLUME),
        "tick": now,
        "window_start": now - WINDOW,
        "window_end": now,
        "state": "over",
        "score": facts.score,
        "facts": encode(facts),
        "evidence": encode(evidence),
    }
    conn.execute(insert(s.signals).values(**row))


def work(who: str, folder: str, token: str = "", times: int = 0) -> dict[str, Any]:
    """The work of one of the two processes."""
    return _stream(Path(folder)) if who == "stream" else _people(Path(folder), token, times)


def _people(folder: Path, token: str, times: int) -> dict[str, Any]:
    from alerts.actions import acknowledge
    from alerts.actor import Actor
    from alerts.apply import act
    from alerts.turn import Turns
    from ops.runtime import open_runtime

    with open_runtime(data=folder, port=0) as made:
        store, actor, dice = made.store, Actor("person_ada", "ada", "community_manager"), random.Random(1)
        turns = Turns(store, "http://127.0.0.1")
        a = s.alerts
        with store.read() as conn:
            waiting = list(
                conn.execute(
                    select(a.c.id).where(a.c.acknowledged_at.is_(None)).order_by(a.c.id).limit(2 * times)
                ).scalars()
            )

        def at_once(id: str) -> None:
            with store.write() as conn:
                act(turns.begin(conn, made.clock.now(), actor), acknowledge, id)

        taken = {"transaction": _timed(at_once, waiting[:times], dice)}
        with served(made) as client:
            client.headers["authorization"] = f"Bearer {token}"
            taken["http"] = _timed(
                lambda id: client.post(f"/v1/alerts/{id}/acknowledge").raise_for_status(),
                waiting[times:],
                dice,
            )
    return taken


def _timed(act: Callable[[str], object], ids: Sequence[str], dice: random.Random) -> list[float]:
    """The milliseconds that each call of `act` took."""
    taken = []
    for id in ids:
        # A random pause, so that the calls come at any moment of the stream's work.
        time.sleep(dice.uniform(0.001, 0.04))
        began = time.perf_counter()
        act(id)
        taken.append(1e3 * (time.perf_counter() - began))
    return taken


@contextmanager
def served(made: Runtime) -> Iterator[httpx.Client]:
    """A client of the API, which answers on a port of its own."""
    from api.server import serve

    stop, ready, address = threading.Event(), threading.Event(), [""]

    def tell(where: str) -> None:
        address[0] = where
        ready.set()

    server = threading.Thread(target=serve, args=(made, stop, tell))
    server.start()
    try:
        if not ready.wait(30):
            raise RuntimeError("the API did not begin within 30 s")
        with httpx.Client(base_url=address[0], trust_env=False, timeout=30) as client:
            yield client
    finally:
        stop.set()
        server.join(10)


class _Watched(SqliteStore):
    """A store that notes how long each of its transactions held the lock."""

    held_ms: list[float]

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        with super().write(alone=alone) as conn:
            began = time.perf_counter()
            yield conn
        self.held_ms.append(1e3 * (time.perf_counter() - began))


def _stream(folder: Path) -> dict[str, Any]:
    from ops.runtime import open_runtime
    from processors.worker import StreamProcessor

    with open_runtime(data=folder) as made:
        store = _Watched(made.store.path)  # type: ignore[attr-defined]  # the embedded store, which has one
        store.held_ms = []
        checked: Store = store
        processor = StreamProcessor(checked, made.stream, made.settings, SystemClock())
        stored = 0

        def count(outcome: Any) -> None:
            nonlocal stored
            stored += outcome.stored

        processor.on_batch = count
        while not stored:
            processor.once(timedelta(0))
        print("storing", flush=True)
        store.held_ms.clear()
        enough = threading.Event()

        def listen() -> None:
            sys.stdin.readline()
            enough.set()

        threading.Thread(target=listen, daemon=True).start()
        began, before = time.perf_counter(), stored
        while not enough.is_set() and processor.lag():
            processor.once(timedelta(0))
        seconds = time.perf_counter() - began
        ran_out = not enough.is_set()
        processor.close()
        store.close()
    return {"stored": stored - before, "seconds": seconds, "held_ms": store.held_ms, "ran_out": ran_out}
