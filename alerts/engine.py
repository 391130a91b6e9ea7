"""The engine: from signal rows to alerts, pages and escalations, one call at a time.

`step` does everything that signals and the clock ask for at `now`, inside the caller's transaction. Decisions write
rows and send nothing. The engine reads no clock: a worker, a replay and a test move time as they like, and `next_due`
says how far simulated time may jump. Two engines on one store double nothing: they claim rows and make changes
conditional.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, update

from alerts import on_clock, on_signal
from alerts.apply import apply
from alerts.turn import Turn
from tocsin.store import schema as s

ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class StepResult:
    """The work of one step: signals by outcome, due things by name. `more`: the step reached its limit, so call it again."""

    signals: Mapping[str, int] = field(default_factory=dict)
    due: Mapping[str, int] = field(default_factory=dict)
    more: bool = False

    @property
    def anything(self) -> bool:
        return bool(self.signals or self.due)


def step(turn: Turn, limit: int | None = None) -> StepResult:
    """Handle signals in the order (tick, monitor, kind), then whatever is due at the turn's time.

    `limit` bounds how many of each are taken, so that a live transaction ends soon; a replay leaves it out.
    """
    most = limit or ALL
    became: Counter[str] = Counter()
    c = s.signals.c
    conn = turn.conn
    rows = turn.store.claim(
        conn, s.signals, c.handled_at.is_(None), (c.tick, c.monitor_id, c.kind, c.id), most
    )
    for row in rows:
        became[apply(turn, on_signal.decide(turn, row)).became] += 1
        conn.execute(update(s.signals).where(c.id == row.id).values(handled_at=turn.now))
    done = on_clock.run(turn, most)
    full = len(rows) >= most or any(count >= most for count in done.values())
    return StepResult(dict(became), done, full)


def anything_due(conn: Connection, now: datetime) -> bool:
    """Whether `step` would do anything at `now`. Needs no right to write."""
    return on_clock.anything(conn, now)


def next_due(conn: Connection) -> datetime | None:
    """The earliest moment at which `step` or the outbox has something to do. None: not before the next signal."""
    return on_clock.next_at(conn)
