"""The ingest worker: one loop over all sources. The loop fetches, checks the times, hands over, and only then stores
the cursor.

A source that fails waits and is asked again, ever less often; the other sources do not notice. When the stream cannot
take more, the worker fetches nothing for a while: no cursor moves, so nothing is lost. A death at any point repeats
mentions and never loses one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from ingest import ledger
from ingest.checked import CheckedFetch, check
from ingest.kinds import make_source
from ingest.leases import Leases
from ingest.monitored import MonitoredQueries
from ingest.report import report
from ingest.shared_budget import SharedBudget
from ingest.source import BudgetSpent, Fetched, FetchFailed, Source
from ingest.watched import WatchedSource, stands, watch
from tocsin.core.clock import CLOCKS_APART, Clock, passed
from tocsin.core.errors import StreamUnavailable, TocsinError
from tocsin.core.loop import WorkerLoop
from tocsin.core.mention import MAX_ID_CHARS, Handed
from tocsin.core.threads import in_thread
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import generation
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.gaps import leave, left
from tocsin.intake.dead_letters import FuseBlown, record_dead_letters
from tocsin.intake.handover import HandOver, note_received
from tocsin.intake.removals import AUTHOR, POST, Removal, note_removals
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.port import Stream

# Between two looks at the sources that are due.
PAUSE = timedelta(milliseconds=200)
# The first and the longest wait after failures in a row; each is twice the one before.
REMOTE_RETRY = (timedelta(seconds=30), timedelta(hours=1))
LOCAL_RETRY = (timedelta(seconds=1), timedelta(seconds=30))
STREAM_RETRY = (timedelta(seconds=1), timedelta(minutes=1))
# The waits while the stream takes nothing; the last one repeats.
STREAM_RETRIES = tuple(timedelta(seconds=n) for n in (1, 2, 4, 5))
HEALTH_EVERY = timedelta(seconds=15)
# The worker writes "nothing new" down no more often than this.
STATE_EVERY = timedelta(seconds=30)
# Fetches at the same time.
REMOTE_FETCHES, LOCAL_FETCHES = 8, 2
# Dead letters that a blown fuse leaves for people to look at.
EXAMPLES = 20

log = structlog.get_logger("ingest")


class HandsOver(Protocol):
    """The port of the hand-over; `tocsin.intake.handover.HandOver` implements it."""

    def hand_over(self, mentions: Sequence[Handed], now: datetime | None = None) -> None: ...


class IngestWorker:
    """Reads every enabled source. One thread runs the worker; fetches have threads of their own, so that a slow one
    delays no other.
    """

    def __init__(
        self,
        store: Store,
        stream: Stream,
        settings: Settings,
        clock: Clock,
        hand_over: HandsOver | None = None,
        owner: str | None = None,
        make: Callable[[SourceDef], Source] | None = None,
    ) -> None:
        self._store = store
        self._leases = Leases(store, owner)
        self._settings = settings
        self._clock = clock
        self._hand_over = hand_over or HandOver.to(stream, settings.stream, clock)
        self._budget = SharedBudget(store)
        self._queries = MonitoredQueries()
        self._make = make or (
            lambda one: make_source(one, settings.ingest, clock, self._budget, self._queries)
        )
        self._watched: dict[str, WatchedSource] = {}
        self._generation: int | None = None
        self._health_at: datetime | None = None
        self._turns = 0
        self._stream_failures = 0
        self._stream_waits_until: datetime | None = None
        self._stream_trouble: str | None = None
        self._turned_at: datetime | None = None
        self._loop = WorkerLoop("ingest", away=STREAM_RETRIES[0], recover=self._recover)

    def run(self, stop: threading.Event) -> None:
        """Handle everything that is due, again and again until `stop`. Raises nothing: the worker logs errors and shows
        them as health.
        """
        self._loop.run(stop, lambda: self._round(stop))
        try:
            self._leases.release()
        except TocsinError as error:
            log.warning("sources not given back, they pass on by themselves", error=str(error))
        self.close()

    def _round(self, stop: threading.Event) -> float:
        self._turn()
        self._wait(stop)
        return 0.0

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        """Report soon what is wrong."""
        self._health_at = None
        self._report(self._clock.now())

    def collect_once(self, now: datetime | None = None) -> int:
        """Ask every source that is due, one after the other, until none has more; returns the number of mentions that
        came.

        For tests and tools. Raises the errors of the stream and the store.
        """
        now = now or self._clock.now()
        self._refresh(now)
        count = 0
        for watched in list(self._watched.values()):
            while self._is_due(watched, now):
                try:
                    watched.asked_at = now
                    fetched = self._fetch(watched, watched.cursor, now)
                except TocsinError as error:
                    self._failed(watched, error, now)
                    break
                count += self._take(watched, fetched, now)
                if not fetched.more:
                    break
        self._report(now)
        return count

    def close(self) -> None:
        """Close what the sources hold open."""
        for watched in self._watched.values():
            if watched.source is not None:
                watched.source.close()

    def _turn(self) -> None:
        """One look at everything: take in finished fetches, and fetch from the sources that are due."""
        now = self._clock.now()
        self._heed_the_clock(now)
        self._refresh(now)
        waits = self._stream_waits(now)
        for watched in list(self._watched.values()):
            if watched.fetching is not None and watched.fetching.done() and not waits:
                waits = not self._finish(watched, now)
        fetching = Counter(one.source.remote for one in self._watched.values() if one.source and one.fetching)
        # The source that waits longest comes first: two files that always have more must not keep a third one waiting.
        for watched in sorted(self._watched.values(), key=lambda one: one.turn):
            if waits or watched.fetching is not None or not self._is_due(watched, now):
                continue
            remote = watched.source is not None and watched.source.remote
            if fetching[remote] < (REMOTE_FETCHES if remote else LOCAL_FETCHES):
                fetching[remote] += 1
                self._turns += 1
                watched.turn = self._turns
                self._start(watched, watched.cursor, now)
        if passed(HEALTH_EVERY, self._health_at, now):
            self._report(now)

    def _heed_the_clock(self, now: datetime) -> None:
        """Forget the appointments that were made before the clock was set back: they would hold for as long."""
        if self._turned_at is not None and now < self._turned_at - CLOCKS_APART:
            self._stream_waits_until = None
            for watched in self._watched.values():
                watched.due_at = min(watched.due_at, now)
        self._turned_at = now

    def _start(self, watched: WatchedSource, cursor: Mapping[str, Any] | None, now: datetime) -> None:
        watched.fetching_from, watched.asked_at = cursor, now
        watched.fetching = in_thread(f"ingest-{watched.name}"[:60], lambda: self._fetch(watched, cursor, now))

    def _read_ahead(self, watched: WatchedSource, fetched: Fetched, now: datetime) -> None:
        """Read a file that has more while the stream confirms the last part, unless another source waits for its turn."""
        source = watched.source
        if source is None or source.remote or not fetched.more or fetched.cursor is None:
            return
        if any(
            one.fetching is None and one is not watched and self._is_due(one, now)
            for one in self._watched.values()
        ):
            return
        self._start(watched, _cursor_after(source, fetched), now)

    def _stream_waits(self, now: datetime) -> bool:
        return self._stream_waits_until is not None and now < self._stream_waits_until

    def _wait(self, stop: threading.Event) -> None:
        fetching = [one.fetching for one in self._watched.values() if one.fetching]
        running = [one for one in fetching if not one.done()]
        if len(running) < len(fetching) and not self._stream_waits(self._clock.now()):
            # The next part was read ahead and is there already.
            return
        if running:
            wait(running, timeout=PAUSE.total_seconds(), return_when=FIRST_COMPLETED)
        else:
            stop.wait(PAUSE.total_seconds())

    def _finish(self, watched: WatchedSource, now: datetime) -> bool:
        """Take in the result of a fetch; False where the stream takes nothing."""
        future, watched.fetching = watched.fetching, None
        assert future is not None
        # The fetch read ahead of a part that the stream then did not take.
        if watched.fetching_from != watched.cursor:
            future.exception()
            return True
        try:
            fetched = future.result()
        except TocsinError as error:
            self._failed(watched, error, now)
            return True
        except Exception as error:  # noqa: BLE001  # a mistake in one source's code must not end the others
            self._failed_unexpectedly(watched, error, now)
            return True
        self._read_ahead(watched, fetched, now)
        try:
            self._take(watched, fetched, now)
        except StreamUnavailable as error:
            # The fetched mentions are dropped and the cursor stays: the next fetch brings them again.
            pause = STREAM_RETRIES[min(self._stream_failures, len(STREAM_RETRIES) - 1)]
            self._stream_failures += 1
            self._stream_waits_until = now + pause
            self._stream_trouble, self._health_at = str(error), None
            log.warning("the stream takes nothing", error=str(error), retry_after_s=pause.total_seconds())
            return False
        except TocsinError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            # The error returns with every fetch of this source; the other sources must not notice.
            self._failed_unexpectedly(watched, error, now)
            return True
        if fetched.mentions and self._stream_trouble:
            self._stream_failures, self._stream_trouble, self._health_at = 0, None, None
        return True

    def _fetch(self, watched: WatchedSource, cursor: Mapping[str, Any] | None, now: datetime) -> Fetched:
        source = watched.source
        assert source is not None
        watched.opened = True
        stored = cursor or {}
        same = stored.get("kind") == source.kind and stored.get("target") == source.target
        return source.fetch(stored["at"] if same else None, now)

    def _take(self, watched: WatchedSource, fetched: Fetched, now: datetime) -> int:
        """Hand over the fetched mentions, then store the cursor. Raises the errors of the stream and the store."""
        checked = check(fetched, watched.name, self._settings.ingest, now)
        try:
            watched.fuse.note(len(fetched.mentions) + len(fetched.bad) - checked.unread, checked.unread)
        except FuseBlown as error:
            with self._store.write(alone=False) as conn:
                record_dead_letters(conn, checked.letters[:EXAMPLES])
            self._failed(watched, error, now)
            return 0
        since = ledger.backfill_since(watched, now)
        if since is not None:
            checked.good[:] = ledger.dated(checked.good, watched.asked_at or now, since)
        self._hand_over.hand_over(checked.good, now)
        if not self._write_down(watched, fetched, checked, now):
            return 0
        if checked.good or checked.letters or checked.refused:
            log.info(
                "source read",
                source=watched.name,
                mentions=len(checked.good),
                dead_letters=len(checked.letters),
                too_old=checked.refused["too_old"],
            )
        return len(checked.good)

    def _write_down(
        self, watched: WatchedSource, fetched: Fetched, checked: CheckedFetch, now: datetime
    ) -> bool:
        """Store how far the source was read, and note it; False where another worker has the source now."""
        source = watched.source
        assert source is not None
        cursor = _cursor_after(source, fetched)
        due_at = now if fetched.more else now + max(source.interval, fetched.retry_after or timedelta(0))
        if self._is_worth_writing(watched, fetched, checked, cursor, now):
            row: dict[str, Any] = {
                "name": watched.name,
                "cursor": cursor,
                "next_fetch_at": due_at,
                "last_error": fetched.warning,
            }
            if fetched.warning:
                row["last_error_at"] = now
            with self._store.write(alone=False) as conn:
                if not self._leases.keep(conn, watched.name, now):
                    log.info("a source passed on", source=watched.name)
                    # The worker that has the source now hands over the same mentions from the same cursor.
                    return False
                if fetched.answered:
                    ledger.heard(conn, watched, fetched, len(checked.good), now)
                    note_removals(conn, _removals(watched.name, fetched), self._clock.now())
                    note_received(
                        conn, watched.name, now=now, mentions=checked.good, rejected=checked.rejected
                    )
                    columns = [name for name in row if name != "name"]
                    self._store.put(conn, s.source_state, [_FRESH | row], columns=columns)
                record_dead_letters(conn, checked.letters)
            watched.written_at = now
        watched.cursor, watched.due_at = cursor, due_at
        watched.failures, watched.last_error = 0, fetched.warning
        if fetched.answered:
            watched.heard_at = now
        return True

    def _is_worth_writing(
        self,
        watched: WatchedSource,
        fetched: Fetched,
        checked: CheckedFetch,
        cursor: Mapping[str, Any] | None,
        now: datetime,
    ) -> bool:
        """Whether there is news; "nothing new" is written down every `STATE_EVERY`."""
        if (
            fetched.mentions
            or fetched.removed
            or checked.letters
            or watched.failures
            or cursor != watched.cursor
        ):
            return True
        if fetched.warning != watched.last_error:
            return True
        if ledger.is_news(watched, fetched, now):
            return True
        return passed(STATE_EVERY, watched.written_at, now)

    def _failed(self, watched: WatchedSource, error: TocsinError, now: datetime) -> None:
        """Write down the failure and the time of the next try: ever later, or when the source says."""
        # A spent budget is nobody's failure: the source waits for its turn.
        watched.failures += not isinstance(error, BudgetSpent)
        watched.due_at = now + _pause(watched, error)
        watched.last_error = str(error)[:1000]
        row: dict[str, Any] = {
            "name": watched.name,
            "failures": watched.failures,
            "last_error": watched.last_error,
            "last_error_at": now,
            "next_fetch_at": watched.due_at,
        }
        with self._store.write(alone=False) as conn:
            if not self._leases.keep(conn, watched.name, now):
                return
            ledger.failed(conn, watched, error, now)
            self._store.put(conn, s.source_state, [_FRESH | row], columns=[c for c in row if c != "name"])
        log.warning("source failed", source=watched.name, error=watched.last_error, failures=watched.failures)

    def _failed_unexpectedly(self, watched: WatchedSource, error: Exception, now: datetime) -> None:
        log.exception("source failed", source=watched.name)
        self._failed(watched, TocsinError(f"an unexpected {type(error).__name__}; see the log"), now)

    def _is_due(self, watched: WatchedSource, now: datetime) -> bool:
        mine = self._leases.holds(watched.name, now)
        return mine and watched.source is not None and watched.due_at <= now

    def _refresh(self, now: datetime) -> None:
        """Take in the changes that people made, if any, and see which sources are this worker's to read."""
        with self._store.read() as conn:
            self._queries.refresh(conn)
            current = generation(conn, "source")
            gone = []
            if current != self._generation:
                self._watched = watch(conn, self._watched, self._make, now)
                gone = left(conn, self._watched)
        if gone:
            with self._store.write(alone=False) as conn:
                leave(conn, gone, now)
        self._generation = current
        taken = self._leases.look(self._watched, now)
        if taken:
            with self._store.read() as conn:
                stands(conn, [self._watched[name] for name in sorted(taken)], now)
        self._let_go(now)

    def _let_go(self, now: datetime) -> None:
        """Close what sources hold open that have passed on to another worker."""
        for one in self._watched.values():
            if one.opened and one.fetching is None and not self._leases.holds(one.name, now):
                one.opened = False
                if one.source is not None:
                    one.source.close()

    def _report(self, now: datetime) -> None:
        blind_after = timedelta(minutes=self._settings.alerting.blind_after_minutes)
        trouble = self._stream_trouble or self._loop.trouble
        held = [one for one in self._watched.values() if self._leases.holds(one.name, now)]
        self._budget.refresh(now)
        report(
            self._store,
            held,
            self._watched,
            now,
            blind_after=blind_after,
            trouble=trouble,
            budget=self._budget,
            unexpected=self._loop.unexpected,
            failing=self._loop.failing,
        )
        self._health_at = now


def _removals(name: str, fetched: Fetched) -> list[Removal]:
    """The posts that the network has deleted. An id that is longer than any mention's belongs to none."""
    return [
        Removal(one.source or name, AUTHOR if one.id is None else POST, value)
        for one in fetched.removed
        if 0 < len(value := one.id or one.author or "") <= MAX_ID_CHARS
    ]


def _pause(watched: WatchedSource, error: TocsinError) -> timedelta:
    """The wait after a failure: twice the one before, and no less than the source itself asks for."""
    asked: timedelta | None = error.retry_after if isinstance(error, FetchFailed) else None
    if isinstance(error, BudgetSpent) and asked is not None:
        return asked
    first, longest = _retries(watched)
    pause: timedelta = min(first * 2 ** min(watched.failures - 1, 20), longest)
    return max(pause, asked or timedelta(0))


def _retries(watched: WatchedSource) -> tuple[timedelta, timedelta]:
    """The first and the longest wait of a source of this kind."""
    if source_kind(watched.defined.value.kind).streams:
        return STREAM_RETRY
    return REMOTE_RETRY if watched.source and watched.source.remote else LOCAL_RETRY


_FRESH: dict[str, Any] = {"failures": 0, "received": 0, "rejected": 0}


def _cursor_after(source: Source, fetched: Fetched) -> dict[str, Any] | None:
    """The cursor for the next fetch of the source, in its stored form."""
    if fetched.cursor is None:
        return None
    return {"kind": source.kind, "target": source.target, "at": dict(fetched.cursor)}
