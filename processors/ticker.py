"""Judging live: a barrier each minute, every monitor every few seconds and at once where it is stirred; what is past its
retention is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Column, Connection, MetaData, Table, or_, select

from processors.detection.early_firing import Stillness, Stirring
from processors.detection.judge import Detection
from processors.detection.states import Memory
from processors.detection.tallies import first_minutes, load_tallies
from processors.detection.watermark import Coverage, take_barrier, watermark
from processors.monitors import CompiledMonitors, watched
from processors.retention import drop_expired
from tocsin.core.clock import MINUTE, Clock, minute_of
from tocsin.core.errors import WrongInput
from tocsin.core.loop import WorkerLoop
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.health.report import Reporter
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.statements import among
from tocsin.stream.port import MENTIONS, Stream

log = structlog.get_logger()

HOUSEKEEP_EVERY = timedelta(minutes=10)
MONITORS_A_TURN = 64  # judged in one transaction, so that it ends within its 50 ms
MONITORS_A_LONG_TURN = 200  # where nobody waits for that

# What a claim needs to know. The states themselves are large, and mostly remembered.
CLAIMED = Table(
    s.detector_state.name,
    MetaData(),
    *(Column(name, s.detector_state.c[name].type) for name in ("monitor_id", "kind", "next_tick")),
)


class DetectionTicker:
    """Judges every monitor that has changed each `detection.tick_s`, one that is stirred `detection.look_s` later at most.

    Any number may run: each claims the rows that it judges.
    """

    def __init__(self, store: Store, stream: Stream, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._stream = stream
        self._settings = settings
        self._clock = clock
        self._watched: CompiledMonitors | None = None
        self._stirring, self._stillness, self._memory = Stirring(), Stillness(), Memory()
        self._born: set[str] = set()  # monitors that are known to have their rows of `detector_state`
        self._barrier: int | None = None
        self._everyone_at: datetime | None = None
        self._housekept_at: datetime | None = None
        self._reporter = Reporter(store, "detection")
        self._loop = WorkerLoop(
            "detection",
            away=timedelta(seconds=settings.detection.look_s),
            recover=self._recover,
            final=(WrongInput,),
        )

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; whatever is away is waited for."""
        self._loop.run(stop, self._round)

    def _round(self) -> float:
        """One look and what is said of it; for how long to pause."""
        signals = self.once()
        self._reporter.say(self._clock.now(), "ok", signals=signals, unexpected_errors=self._loop.unexpected)
        return self._settings.detection.look_s

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        """What was looked at was perhaps not judged: look at everything anew."""
        self._stirring, self._stillness = Stirring(), Stillness()
        self._memory.forget()
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def once(self) -> int:
        """One look: a barrier where a minute has ended, every monitor that is due or stirred; the number of signals made."""
        now = self._clock.now()
        detection = self._settings.detection
        grace, tick = timedelta(seconds=detection.grace_s), timedelta(seconds=detection.tick_s)
        self._take_barrier(now - grace, now)
        everyone = self._everyone_at is None or now - self._everyone_at >= tick
        with self._store.read() as conn:
            before, self._watched = self._watched, watched(conn, self._watched)
            if self._watched is not before:
                self._memory.forget()
            stirred = self._stirring.look(conn, now)
            if not everyone and not stirred:
                return 0
            mark = watermark(
                conn, self._stream.cluster, MENTIONS, now, grace, timedelta(seconds=detection.longest_wait_s)
            )
            still: Set[str] = frozenset()
            if everyone:
                still = self._stillness.look(conn, now, mark.closed_until)
                unborn = [one.id for one in self._watched.monitors if one.id not in self._stillness.judged]
                still |= set(unborn).difference(first_minutes(conn, unborn))  # nothing was heard of these yet
        turn = [
            one for one in self._watched.monitors if one.id in stirred or (everyone and one.id not in still)
        ]
        signals = 0
        at_once = MONITORS_A_TURN if self._store.one_writer else MONITORS_A_LONG_TURN
        for start in range(0, len(turn), at_once):
            some = turn[start : start + at_once]
            signals += self._judge(some, stirred, now, mark.closed_until, mark.coverage)
        if everyone:  # now, not before: what was raised in between is looked at again
            self._everyone_at = now
        self._housekeep(now)
        return signals

    def _take_barrier(self, until: datetime, now: datetime) -> None:
        """Once a minute: the stream's ends are asked for first, so that the barrier never lies behind its minute."""
        minute = minute_of(until)
        if minute == self._barrier:
            return
        ends = self._stream.end_offsets(MENTIONS)
        with self._store.write(alone=False) as conn:
            take_barrier(conn, self._stream.cluster, MENTIONS, until, ends, now)
        self._barrier = minute

    def _judge(
        self,
        monitors: Sequence[Defined[Monitor]],
        stirred: Set[str],
        now: datetime,
        closed_until: datetime,
        coverage: Coverage,
    ) -> int:
        assert self._watched is not None
        tick = timedelta(seconds=self._settings.detection.tick_s)
        look = timedelta(seconds=self._settings.detection.look_s)
        ids = [one.id for one in monitors]
        d = CLAIMED
        # There is nothing to claim of a monitor that was never judged: two tickers would judge its birth side by side.
        alone = not self._born.issuperset(ids)
        with self._store.write(alone=alone) as conn:
            claimed = self._store.claim(
                conn,
                d,
                # Of the rows of a monitor one is claimed: two tickers must not hold one each.
                among(conn, d.c.monitor_id, ids)
                & (d.c.kind == SIGNAL_KINDS.lead.kind)
                & or_(
                    d.c.next_tick <= now,
                    # Stirred, and not just judged by another ticker: its next tick is set from when it was.
                    among(conn, d.c.monitor_id, [id for id in ids if id in stirred])
                    & (d.c.next_tick <= now + tick - look),
                ),
                [d.c.monitor_id],
                len(ids),
            )
            due = {row.monitor_id: row.next_tick for row in claimed}
            others = [id for id in ids if id not in due]
            held = set(due) | (_held(conn, others) if others else set())
            self._born |= held
            turn = [one for one in monitors if one.id in due or one.id not in held]
            if not turn:
                return 0
            judging = Detection(turn, self._watched.version, self._memory, due)
            judging.load(conn)
            start = judging.tallies_from(conn)
            if start is None:
                return 0
            tallies = load_tallies(conn, [one.id for one in turn], start, now + MINUTE)
            judging.tick(conn, tallies, now, closed_until, now, coverage)
            signals = judging.flush(conn, self._store, now + tick, everyone=True)
        self._memory.keep(judging.monitors)
        return signals

    def _housekeep(self, now: datetime) -> None:
        """Drop what is past its retention, a little at a time, until nothing of that is left for now."""
        if self._housekept_at is not None and now - self._housekept_at < HOUSEKEEP_EVERY:
            return
        with self._store.write(alone=False) as conn:
            done = drop_expired(conn, now, self._settings)
        if not done:
            self._housekept_at = now


def _held(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these monitors that were judged before."""
    d = s.detector_state
    return set(conn.execute(select(d.c.monitor_id).where(among(conn, d.c.monitor_id, ids))).scalars())
