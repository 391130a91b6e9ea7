"""Judging live. The ticker takes a barrier each minute and judges every monitor every few seconds, and a stirred one at once.
It also drops rows that are past their retention.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Column, ColumnElement, Connection, MetaData, Table, and_, bindparam, or_, select

from processors.detection.acceptances import waiting
from processors.detection.blindness import Shares
from processors.detection.coverage import Coverage
from processors.detection.early_firing import Stillness, Stirring
from processors.detection.judge import Detection
from processors.detection.set_back import any_ahead, set_back
from processors.detection.states import Memory
from processors.detection.tallies import first_minutes, load_tallies
from processors.detection.text_memory import TextMemory
from processors.detection.watermark import take_barrier, watermark
from processors.erasure import PIECE, Unquote, erase_removed
from processors.monitors import CompiledMonitors, watched
from processors.retention_runs import work_on
from tocsin.core.clock import CLOCKS_APART, MINUTE, Clock, minute_of, passed
from tocsin.core.errors import WrongInput
from tocsin.core.loop import WorkerLoop
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.health.report import Reporter
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.statements import among, among_given, once_for_each_engine
from tocsin.stream.port import MENTIONS, Stream

log = structlog.get_logger()

# Whether retention has its time, or was asked for, is looked up so often.
HOUSEKEEP_EVERY = timedelta(seconds=15)
ERASE_EVERY = timedelta(minutes=1)
# Monitors judged in one transaction, so that it ends within its 50 ms.
MONITORS_A_TURN = 64
# The same for a store where nobody waits for the transaction.
MONITORS_A_LONG_TURN = 200

# The columns that a claim needs. The states themselves are large, and mostly in memory already.
CLAIMED = Table(
    s.detector_state.name,
    MetaData(),
    *(Column(name, s.detector_state.c[name].type) for name in ("monitor_id", "kind", "next_tick")),
)


class DetectionTicker:
    """The ticker: it judges every changed monitor each `detection.tick_s`, and a stirred one after `detection.look_s` at most.

    Any number of tickers may run: each claims the rows that it judges. `unquote` knows what quotes a mention that a network has
    deleted.
    """

    def __init__(
        self,
        store: Store,
        stream: Stream,
        settings: Settings,
        clock: Clock,
        *,
        unquote: Unquote | None = None,
    ) -> None:
        self._store = store
        self._stream = stream
        self._settings = settings
        self._clock = clock
        self._unquote = unquote
        self._watched: CompiledMonitors | None = None
        self._stirring, self._stillness = Stirring(), Stillness()
        self._memory, self._texts = Memory(), TextMemory()
        self._shares = Shares()
        # Monitors whose rows of `detector_state` are known to exist.
        self._born: set[str] = set()
        self._barrier: int | None = None
        self._everyone_at: datetime | None = None
        self._housekept_at: datetime | None = None
        self._erased_at: datetime | None = None
        self._reporter = Reporter(store, "detection")
        self._loop = WorkerLoop(
            "detection",
            away=timedelta(seconds=settings.detection.look_s),
            recover=self._recover,
            final=(WrongInput,),
        )

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. A store or stream that is away is waited for."""
        self._loop.run(stop, self._round)

    def _round(self) -> float:
        """Take one look and report it to health. Return the seconds to pause."""
        signals = self.once()
        self._reporter.say(self._clock.now(), "ok", signals=signals, unexpected_errors=self._loop.unexpected)
        return self._settings.detection.look_s

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        """Look at everything anew: monitors that were looked at may not have been judged."""
        self._stirring, self._stillness = Stirring(), Stillness()
        self._memory.forget()
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def once(self) -> int:
        """Take one look: a barrier if a minute has ended, and every monitor that is due or stirred.

        Return the number of signals.
        """
        now = self._clock.now()
        detection = self._settings.detection
        grace, tick = timedelta(seconds=detection.grace_s), timedelta(seconds=detection.tick_s)
        self._take_barrier(now - grace, now)
        everyone = passed(tick, self._everyone_at, now)
        with self._store.read() as conn:
            before, self._watched = self._watched, watched(conn, self._watched)
            if self._watched is not before:
                self._memory.forget()
            stirred = self._stirring.look(conn, now) | waiting(conn, self._watched.monitors)
            if not everyone and not stirred:
                return 0
            mark = watermark(
                conn, self._stream.cluster, MENTIONS, now, grace, timedelta(seconds=detection.longest_wait_s)
            )
            still: Set[str] = frozenset()
            ahead = everyone and any_ahead(conn, now)
            if everyone:
                still = self._stillness.look(conn, now, mark.closed_until)
                unborn = [one.id for one in self._watched.monitors if one.id not in self._stillness.judged]
                # Monitors without any mention yet.
                still |= set(unborn).difference(first_minutes(conn, unborn))
        turn = [
            one for one in self._watched.monitors if one.id in stirred or (everyone and one.id not in still)
        ]
        signals = 0
        at_once = MONITORS_A_TURN if self._store.one_writer else MONITORS_A_LONG_TURN
        # Learning weeks anew takes a while, and others want to write.
        at_once = 1 if ahead else at_once
        for start in range(0, len(turn), at_once):
            some = turn[start : start + at_once]
            signals += self._judge(some, stirred, now, mark.closed_until, mark.coverage)
        # Set now and not before: after an error in between, everything is looked at again.
        if everyone:
            self._everyone_at = now
        self._erase(mark.stored_until, now)
        self._housekeep(now)
        return signals

    def _take_barrier(self, until: datetime, now: datetime) -> None:
        """Take a barrier once a minute.

        It asks for the ends of the stream first, so that the barrier never lies behind its minute.
        """
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
        # A monitor that was never judged has no row to claim. Without the lock two tickers would judge it for the first time
        # at once.
        alone = not self._born.issuperset(ids)
        with self._store.write(alone=alone) as conn:
            claimed = self._store.claim(
                conn,
                CLAIMED,
                _to_judge(conn),
                [CLAIMED.c.monitor_id],
                len(ids),
                {
                    "monitors": ids,
                    "stirred": [id for id in ids if id in stirred],
                    "lead": SIGNAL_KINDS.lead.kind,
                    "now": now,
                    "ahead": now + tick + CLOCKS_APART,
                    "looked": now + tick - look,
                },
            )
            due = {row.monitor_id: row.next_tick for row in claimed}
            others = [id for id in ids if id not in due]
            held = set(due) | (_held(conn, others) if others else set())
            self._born |= held
            turn = [one for one in monitors if one.id in due or one.id not in held]
            if not turn:
                return 0
            judging = Detection(turn, self._watched.version, self._memory, due, self._texts)
            judging.load(conn)
            for one in judging.monitors:
                set_back(conn, one, now, closed_until)
            start = judging.tallies_from(conn, coverage.since)
            if start is None:
                return 0
            tallies = load_tallies(conn, [one.id for one in turn], start, now + MINUTE)
            missed = self._shares.missed(conn, [one.id for one in turn], coverage.blind, now)
            judging.tick(conn, tallies, now, closed_until, now, replace(coverage, of_monitor=missed))
            signals = judging.flush(conn, self._store, now + tick, everyone=True)
        self._memory.keep(judging.monitors)
        return signals

    def _erase(self, stored_until: datetime, now: datetime) -> None:
        """Erase what networks have deleted, a piece at a time, once a minute."""
        if self._erased_at is not None and now - self._erased_at < ERASE_EVERY:
            return
        if erase_removed(self._store, stored_until, self._unquote) < PIECE:
            self._erased_at = now

    def _housekeep(self, now: datetime) -> None:
        """Do one piece of a run of retention at each look, until the run has ended."""
        if passed(HOUSEKEEP_EVERY, self._housekept_at, now) and not work_on(self._store, now, self._settings):
            self._housekept_at = now


@once_for_each_engine
def _to_judge(conn: Connection) -> ColumnElement[bool]:
    """The condition of the rows that a turn claims, built once: every turn asks it."""
    d = CLAIMED.c
    return and_(
        among_given(conn, d.monitor_id, "monitors"),
        # The claim takes one row per monitor: two tickers must not hold one each.
        d.kind == bindparam("lead"),
        or_(
            d.next_tick <= bindparam("now"),
            # Judged by a clock that was ahead and was set back since.
            d.next_tick > bindparam("ahead"),
            # Stirred, and not judged just now by another ticker: a judgement moves the next tick on.
            among_given(conn, d.monitor_id, "stirred") & (d.next_tick <= bindparam("looked")),
        ),
    )


def _held(conn: Connection, ids: Sequence[str]) -> set[str]:
    """The monitors among `ids` that were judged before."""
    d = s.detector_state
    return set(conn.execute(select(d.c.monitor_id).where(among(conn, d.c.monitor_id, ids))).scalars())
