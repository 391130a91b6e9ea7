"""The engine: from signal rows to alerts, pages and escalations, one call at a time.

`step` does everything that signals and the clock ask for at `now`, inside the caller's transaction. Decisions write
rows and send nothing. The engine reads no clock: a worker, a replay and a test move time as they like, and `next_due`
says how far simulated time may jump. Two engines on one store double nothing: they claim rows and make changes
conditional.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, select, update

from alerts import on_clock, on_signal
from alerts.apply import apply
from alerts.turn import Turn
from tocsin.store import schema as s

ALL = 1_000_000
_signals = s.signals
_c = _signals.c
IN_ORDER: Final = (_c.tick, _c.monitor_id, _c.kind, _c.window_end, _c.id)
"""The order of signals. A tick that catches up judges many windows of one story, which follow each other as they ended."""

DEFERRED: Final = "could not be handled"


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
    """Handle signals in their order, then whatever is due at the turn's time, apart from the stories whose signals still wait.

    `limit` bounds how many of each are taken, so that a live transaction ends soon; a replay leaves it out.
    """
    most = limit or ALL
    became: Counter[str] = Counter()
    waiting = and_(_c.handled_at.is_(None), _c.fingerprint.not_in(turn.passed_over))
    rows = turn.store.claim(turn.conn, _signals, waiting, IN_ORDER, most)
    stopped: set[str] = set()
    for row in rows:
        # A story that failed in this turn keeps the order of its signals.
        if row.fingerprint not in stopped:
            outcome = turn.attempt(row.fingerprint, partial(_handle, turn, row))
            became[outcome or DEFERRED] += 1
            stopped |= set() if outcome else {row.fingerprint}
    cut = len(rows) >= most
    done = on_clock.run(turn.leaving(_behind(turn.conn)) if cut else turn, most)
    return StepResult(dict(became), done, cut or any(count >= most for count in done.values()))


def _behind(conn: Connection) -> Sequence[str]:
    """The stories with an alert and signals that wait for a later step. Their calm may be among these signals, so time brings
    nothing about for them yet: nobody is woken for what is over.
    """
    a = s.alerts.c
    stories = select(a.live).join(_signals, _c.fingerprint == a.live)
    return conn.scalars(stories.where(a.live > "", _c.handled_at.is_(None)).distinct()).all()


def _handle(turn: Turn, signal: Row[Any]) -> str:
    """Apply the change that one signal makes, and mark the signal as handled."""
    became = apply(turn, on_signal.decide(turn, signal)).became
    turn.conn.execute(update(_signals).where(_signals.c.id == signal.id).values(handled_at=turn.now))
    return became


def unhandled(conn: Connection, before: datetime) -> Sequence[Row[Any]]:
    """The stories with signals from before this time that are not handled yet: `fingerprint`, `monitor_id`, `count`, `since`.
    At most 50.
    """
    query = (
        select(_c.fingerprint, _c.monitor_id, func.count().label("count"), func.min(_c.tick).label("since"))
        .where(_c.handled_at.is_(None), _c.tick < before)
        .group_by(_c.fingerprint, _c.monitor_id)
    )
    return conn.execute(query.order_by(_c.fingerprint).limit(50)).all()


def anything_due(conn: Connection, now: datetime, passed_over: Sequence[str] = ()) -> bool:
    """Whether `step` would do anything at `now`, apart from the stories that are deferred. Needs no right to write."""
    return on_clock.anything(conn, now, passed_over)


def next_due(conn: Connection) -> datetime | None:
    """The earliest moment at which `step` or the outbox has something to do. None: not before the next signal."""
    return on_clock.next_at(conn)
