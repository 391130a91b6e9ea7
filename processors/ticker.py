"""Judging live: a barrier each minute, every due monitor every few seconds, and what is past its retention dropped."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from processors.detect import Coverage, Detection, load_tallies
from processors.retention import drop_expired
from processors.watch import Watched, watched
from processors.watermark import take_barrier, watermark
from tocsin.core.clock import MINUTE, Clock
from tocsin.core.errors import StoreUnavailable, StreamUnavailable
from tocsin.definitions import Monitor
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store import schema as s
from tocsin.store.defined import Defined
from tocsin.store.health import Reporter
from tocsin.stream import Stream
from tocsin.stream.port import MENTIONS

log = structlog.get_logger()

HOUSEKEEP_EVERY = timedelta(minutes=10)
MONITORS_A_TURN = 64  # judged in one transaction, so that it ends within its 50 ms


class DetectionTicker:
    """Judges due monitors every `detection.tick_s`. Any number may run: each claims the rows that it judges."""

    def __init__(self, store: Store, stream: Stream, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._stream = stream
        self._settings = settings
        self._clock = clock
        self._watched: Watched | None = None
        self._housekept_at: datetime | None = None
        self._reporter = Reporter(store, "detection")

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; whatever is away is waited for."""
        away = False
        while not stop.is_set():
            try:
                signals = self.once()
                away = False
                self._reporter.say(self._clock.now(), "ok", signals=signals)
            except (StoreUnavailable, StreamUnavailable) as error:
                if not away:
                    log.warning("detection waits", reason=str(error))
                away = True
            stop.wait(self._settings.detection.tick_s / 3)

    def once(self) -> int:
        """One look: a barrier where a minute has ended, every monitor that is due; the number of signals made."""
        now = self._clock.now()
        detection = self._settings.detection
        grace = timedelta(seconds=detection.grace_s)
        ends = self._stream.end_offsets(MENTIONS)
        with self._store.write() as conn:
            take_barrier(conn, self._stream.cluster, MENTIONS, now - grace, ends, now)
            mark = watermark(
                conn, self._stream.cluster, MENTIONS, now, grace, timedelta(seconds=detection.longest_wait_s)
            )
            self._watched = watched(conn, self._watched)
        signals = 0
        for start in range(0, len(self._watched.monitors), MONITORS_A_TURN):
            signals += self._judge(
                self._watched.monitors[start : start + MONITORS_A_TURN], now, mark.closed_until, mark.coverage
            )
        self._housekeep(now)
        return signals

    def _judge(
        self, monitors: Sequence[Defined[Monitor]], now: datetime, closed_until: datetime, coverage: Coverage
    ) -> int:
        assert self._watched is not None
        tick = timedelta(seconds=self._settings.detection.tick_s)
        ids = [one.id for one in monitors]
        d = s.detector_state
        with self._store.write() as conn:
            held = {
                row.monitor_id for row in conn.execute(select(d.c.monitor_id).where(d.c.monitor_id.in_(ids)))
            }
            claimed = self._store.claim(
                conn,
                d,
                d.c.monitor_id.in_(ids) & (d.c.next_tick <= now),
                [d.c.monitor_id, d.c.kind],
                2 * len(ids),
            )
            due = {row.monitor_id for row in claimed}
            turn = [one for one in monitors if one.id in due or one.id not in held]
            if not turn:
                return 0
            judging = Detection(turn, self._watched.version)
            judging.load(conn)
            start = judging.tallies_from(conn)
            if start is None:
                return 0
            tallies = load_tallies(conn, [one.id for one in turn], start, now + MINUTE)
            judging.tick(conn, tallies, now, closed_until, now, coverage)
            return judging.flush(conn, self._store, now + tick, everyone=True)

    def _housekeep(self, now: datetime) -> None:
        """Drop what is past its retention, a little at a time, until nothing of that is left for now."""
        if self._housekept_at is not None and now - self._housekept_at < HOUSEKEEP_EVERY:
            return
        with self._store.write() as conn:
            done = drop_expired(conn, now, self._settings)
        if not done:
            self._housekept_at = now
