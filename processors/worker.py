"""Reading the stream live. One thread polls and processes. Where writers need not wait for each other, a second thread commits
one batch behind: while the store writes a batch, the first thread reads, matches and scores the next.

Refuse, do not sleep: while the store is away, the reader keeps polling with every partition paused, so that its membership stays
alive. Before it goes on, it reads the stored offsets again.
"""

from __future__ import annotations

import gc
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import (
    Batch,
    BatchOutcome,
    Times,
    read_batches,
)
from processors.storing.batch_size import LEAST_BYTES, BatchSize
from processors.storing.plan import Prepared, Said
from processors.storing.writer import Brands, Writer
from processors.understand import Understander, default_scorers
from tocsin.core.clock import Clock, passed
from tocsin.core.errors import Fenced, StreamUnavailable, TocsinError, WrongInput
from tocsin.core.loop import WorkerLoop
from tocsin.core.threads import in_thread
from tocsin.health.report import EVERY, Reporter, State
from tocsin.intake import fuse
from tocsin.intake.dead_letters import Fuse, FuseBlown, record_dead_letters
from tocsin.settings import Settings
from tocsin.store.offsets import Position, advance, record_gap, stored, take_over
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Consumer, Polled, Record, RecordGap, Stream

log = structlog.get_logger()

GROUP = "processors"
POLL = timedelta(milliseconds=200)
# The pause after a poll that brought little. Every transaction has a fixed cost, so the pause lets more records gather.
GATHER_S = 0.1
RETRY = timedelta(seconds=1)
# With more waiting records than this the reader reports that it lags behind.
FAR_BEHIND = 1000
TRIM_EVERY = timedelta(seconds=30)
# The time between two looks of a stopped reader whether a person lets it pass.
FUSE_RETRY = timedelta(seconds=3)
# Allowed beside the limits of ingest: records age while they wait in the stream, and the clocks of machines differ.
OLDER_BY_NOW, AHEAD_AT_MOST = timedelta(days=30), timedelta(hours=1)
# So many mentions are scored together, where the transactions are shorter.
SCORED_TOGETHER = 500
# Dead letters that a blown fuse leaves for a person to look at.
EXAMPLES = 20


Taken = tuple[list[Record], Batch]
"""A batch, and the records that it came from."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The result of a commit: the new positions of the partitions, the number of mentions and the time that they took."""

    outcome: BatchOutcome
    positions: dict[int, Position]
    rows: int
    held: timedelta


class StreamProcessor:
    """The reader of the topic `mentions`: it stores what follows from the records.

    `once` is one poll; `run` goes on until stopped.
    """

    def __init__(
        self,
        store: Store,
        stream: Stream,
        settings: Settings,
        clock: Clock,
        member: str | None = None,
        group: str = GROUP,
        *,
        heeds_times: bool = False,
    ) -> None:
        """Make a reader.

        With `heeds_times` a mention dated long ago or in the future becomes a dead letter, as at ingest. This is for live use: a
        replay runs on a clock of its own.
        """
        self._store = store
        self._stream = stream
        self._clock = clock
        self._settings = settings
        self._writer = Writer(store, Understander(default_scorers()), settings.retention.sample_rate)
        self._member = member or uuid.uuid4().hex
        self._group = group
        self._heeds_times = heeds_times
        self._consumer: Consumer | None = None
        self._positions: dict[int, Position] = {}
        # The log in which the positions lie, and where it ended when that was last asked.
        self._log: str | None = None
        self._ends: Mapping[int, int] = {}
        self._watched: CompiledMonitors | None = None
        self._trimmed_at: datetime | None = None
        self._reporter = Reporter(store, "processors")
        self._loop = WorkerLoop("processors", away=RETRY, recover=self._recover, final=(WrongInput,))
        # The reason for which a blown fuse stops the reader.
        self._stopped: str | None = None
        self._totals = BatchOutcome()
        self._batch_size = BatchSize(alone=store.one_writer)
        # The commit that is under way.
        self._flight: Future[_Stored] | None = None
        self._fuse = Fuse()
        self._looked_at: datetime | None = None
        self._stop = threading.Event()
        self._brought_little = False
        self.on_batch: Callable[[BatchOutcome], None] = lambda _outcome: None

    @property
    def consumer(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._stream.consumer(MENTIONS, self._group, self._member)
        return self._consumer

    @property
    def _here(self) -> str:
        """The log in which the positions lie."""
        assert self._log is not None
        return self._log

    def once(self, wait: timedelta = POLL) -> int:
        """Poll once and process the records. Return the number of stored records. Raises when the stream or the store is away."""
        done = self._turn(wait)
        self._land()
        return done

    def _turn(self, wait: timedelta = POLL) -> int:
        """Do the same as `once`, except that the last commit may still be under way."""
        self._heed_another_log()
        polled = self.consumer.poll(wait, self._batch_size.bytes)
        if not polled.records or polled.lost or polled.gaps or polled.assigned != self._positions.keys():
            # The commit must end before a partition changes hands.
            self._land()
        # Dropped records lie before those of this poll. So no record of a partition that is read again counts in this poll.
        counts = self._positions.keys() - {gap.partition for gap in polled.gaps}
        self._settle(polled)
        counts &= self._positions.keys()
        records = [r for r in polled.records if r.partition in counts]
        began = time.perf_counter()
        done = self._store_records(records)
        took = timedelta(seconds=time.perf_counter() - began)
        size = sum(len(record.value) for record in records)
        self._batch_size.note_poll(size, took)
        self._brought_little = 0 < size < LEAST_BYTES // 4
        return done

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set.

        Nothing is lost, whatever happens in between: the positions move together with the stored rows.
        """
        self._stop = stop
        self._loop.run(stop, self._round)
        self.close()

    def _round(self) -> float:
        """Do one turn of the loop. Return the seconds to pause."""
        try:
            if self._turn():
                self._stopped = None
            if self._brought_little:
                self._land()
            self._look_around()
        except Fenced as error:
            log.info("a batch was dropped", reason=str(error))
            self.read_again()
            return 0.0
        except FuseBlown as error:
            if self._stopped != str(error):
                log.error("processing has stopped", reason=str(error))
            self._stopped = str(error)
            self.read_again()
            return FUSE_RETRY.total_seconds()
        return GATHER_S if self._brought_little else 0.0

    def _recover(self, error: Exception) -> None:
        """Go back to the stored offsets. After an unexpected error the reader also gives up its membership and joins anew."""
        # The next good turn reports at once.
        self._looked_at = None
        if isinstance(error, TocsinError):
            self.read_again()
        else:
            self.close()
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def close(self) -> None:
        """Leave the group. The reader forgets its positions first: even if leaving fails, nothing is read on from there."""
        consumer, self._consumer = self._consumer, None
        self._positions = {}
        self._drop()
        if consumer is not None:
            try:
                consumer.close()
            except StreamUnavailable as error:
                log.warning("left the group without saying so", reason=str(error))

    def lag(self) -> int:
        """The number of appended records that are not stored yet, over all partitions."""
        ends = self._stream.end_offsets(MENTIONS)
        cluster = self._stream.cluster
        if cluster == self._log:
            self._ends = ends
        with self._store.read() as conn:
            at = stored(conn, cluster, MENTIONS)
        return sum(max(0, end - at.get(p, 0)) for p, end in ends.items())

    def _heed_another_log(self) -> None:
        """Join anew where the topic was deleted and made anew: what is known to be unread of the old one is a gap, and every
        partition of the new one is taken over from its beginning.
        """
        before, log_now = self._log, self._stream.cluster
        if before == log_now:
            return
        if before is not None:
            self._land()
            left = [RecordGap(p, at.offset, self._ends.get(p, 0)) for p, at in self._positions.items()]
            if gaps := [gap for gap in left if gap.available > gap.wanted]:
                with self._store.write(alone=False) as conn:
                    for gap in gaps:
                        self._say_gap(conn, before, gap)
            # The client knows the old topic. It takes half a minute to find the new one, a new client finds it at once.
            self.close()
            self._ends = {}
        self._log = log_now

    def _say_gap(self, conn: Connection, cluster: str, gap: RecordGap) -> None:
        record_gap(conn, cluster, MENTIONS, gap, self._clock.now())
        log.error("records were lost", partition=gap.partition, wanted=gap.wanted, available=gap.available)

    def _settle(self, polled: Polled) -> None:
        for partition in polled.lost:
            self._positions.pop(partition, None)
        missing = polled.assigned - self._positions.keys()
        if missing or polled.gaps:
            now, cluster = self._clock.now(), self._here
            with self._store.write(alone=False) as conn:
                for gap in polled.gaps:
                    self._say_gap(conn, cluster, gap)
                taken = {
                    p: take_over(conn, cluster, MENTIONS, p, self._member, now)
                    for p in sorted(missing | {gap.partition for gap in polled.gaps})
                }
                for gap in polled.gaps:
                    taken[gap.partition] = advance(
                        conn,
                        cluster,
                        MENTIONS,
                        gap.partition,
                        taken[gap.partition],
                        gap.available,
                        0,
                        now,
                    )
            for partition, position in taken.items():
                self._positions[partition] = position
                self.consumer.seek(partition, position.offset)

    def _store_records(self, records: Sequence[Record]) -> int:
        if not records:
            return 0
        # Decoding makes many small objects that live until the commit. A search for cycles among them would cost several
        # times more.
        gc.disable()
        try:
            with self._store.read() as conn:
                self._watched = watched(conn, self._watched)
            brands = self._watched.brands
            batches = read_batches(
                records,
                self._watched.matcher,
                self._settings.retention.sample_rate,
                lambda: self._batch_size.rows,
                self._times(),
            )
            for group in _gathered(batches):
                said = self._said(group, brands)
                for taken, batch in group:
                    self._land()
                    self._heed_fuse(batch)
                    self._commit(taken, self._writer.understand(batch, said, brands))
                    if self._stop.is_set():
                        # The next owner of the partitions reads the rest of the poll.
                        return len(records)
        finally:
            gc.enable()
        return len(records)

    def _said(self, group: Sequence[Taken], brands: Brands) -> Said:
        """The understanding of what these batches bring."""
        versions = [version for _, batch in group for version in batch.versions]
        if self._flight is None:
            return self._writer.score_news(versions, brands)
        # The rows of the batch before must be stored before the reader can tell what is new in this one.
        return self._writer.score(versions, brands)

    def _times(self) -> Times | None:
        if not self._heeds_times:
            return None
        ingest = self._settings.ingest
        return Times(
            self._clock.now(),
            timedelta(days=ingest.max_age_days) + OLDER_BY_NOW,
            timedelta(minutes=ingest.max_ahead_minutes) + AHEAD_AT_MOST,
        )

    def _heed_fuse(self, batch: Batch) -> None:
        """Raise `FuseBlown`, before anything is stored, if nearly every line is bad, unless a person has let these lines pass."""
        bad = sum(one.lines for one in batch.bad)
        try:
            self._fuse.note(batch.mentions, bad)
            return
        except FuseBlown:
            if not bad:
                # A batch without a bad line is never held up.
                return
        cluster, now = self._here, self._clock.now()
        with self._store.read() as conn:
            passes = fuse.may_pass(conn, cluster, MENTIONS)
        if all(one.record.offset < passes.get(one.record.partition, 0) for one in batch.bad):
            self._fuse = Fuse()
            return
        at = {one.record.partition: self._positions[one.record.partition].offset for one in batch.bad}
        reason = (
            f"the fuse has blown: {bad} of {bad + batch.mentions} lines of the records from"
            f" {', '.join(f'partition {p} offset {offset}' for p, offset in sorted(at.items()))} on are no mentions that this"
            " version can read, and nothing from there on is stored; look at them with: tocsin dead-letters list;"
            " go on past them with: tocsin dead-letters fuse --go-on"
        )
        letters = [one.letter(now) for one in batch.bad[:EXAMPLES]]
        with self._store.write() as conn:
            record_dead_letters(conn, letters)
            fuse.blow(conn, cluster, MENTIONS, at, reason, now)
        self._reporter.say(now, "failed", reason=reason, records_behind=self.lag())
        raise FuseBlown(reason)

    def _commit(self, records: Sequence[Record], prepared: Prepared) -> None:
        """Begin to store a batch. `_land` tells how it went."""
        assert self._watched is not None
        ends = {record.partition: record.offset + 1 for record in records}
        what = (
            prepared,
            ends,
            {partition: self._positions[partition] for partition in ends},
            self._watched.version,
        )
        if self._store.one_writer:
            self._note(self._store_batch(*what))
        else:
            self._flight = in_thread("commit", lambda: self._store_batch(*what))

    def _store_batch(
        self, prepared: Prepared, ends: Mapping[int, int], before: Mapping[int, Position], version: int
    ) -> _Stored:
        """Store a batch in one transaction. It first moves the offsets from `before` to `ends`, which fences a reader that has
        lost a partition, and then writes all that follows.
        """
        now = self._clock.now()
        with self._store.write(alone=False) as conn:
            began = time.perf_counter()
            positions = {
                p: advance(conn, self._here, MENTIONS, p, before[p], end, version, now)
                for p, end in sorted(ends.items())
            }
            outcome = self._writer.write(conn, prepared, now)
        held = timedelta(seconds=time.perf_counter() - began)
        rows = len(prepared.batch.versions) + len(prepared.batch.sampled)
        return _Stored(outcome, positions, rows, held)

    def _land(self) -> None:
        """Wait for the commit that is under way, if any, and go on from its positions. Raises the error of the commit."""
        flight, self._flight = self._flight, None
        if flight is not None:
            self._note(flight.result())

    def _note(self, stored: _Stored) -> None:
        self._positions |= stored.positions
        self._batch_size.note(stored.rows, stored.held)
        for name, count in asdict(stored.outcome).items():
            setattr(self._totals, name, getattr(self._totals, name) + count)
        self.on_batch(stored.outcome)

    def _drop(self) -> None:
        """Wait for the commit that is under way, if any, and ignore its result. The stored offsets tell whether it succeeded."""
        flight, self._flight = self._flight, None
        if flight is not None and (error := flight.exception()) is not None:
            log.info("a batch was dropped", reason=str(error))

    def read_again(self) -> None:
        """Forget the positions. The next poll takes the partitions over anew and reads the stored offsets."""
        self._positions = {}
        self._drop()

    def _look_around(self) -> None:
        """Report the lag now and then, and trim the records that everybody has read."""
        now = self._clock.now()
        if not passed(EVERY, self._looked_at, now):
            return
        self._looked_at = now
        lag = self.lag()
        state: State = "degraded" if lag > FAR_BEHIND else "ok"
        reason = (
            {} if state == "ok" else {"reason": f"{lag:,} records wait to be read: what is shown lags behind"}
        )
        self._reporter.say(
            now,
            state,
            records_behind=lag,
            **reason,
            unexpected_errors=self._loop.unexpected,
            **asdict(self._totals),
        )
        if not passed(TRIM_EVERY, self._trimmed_at, now):
            return
        self._trimmed_at = now
        with self._store.read() as conn:
            at = stored(conn, self._here, MENTIONS)
        self._stream.trim(MENTIONS, at)


def _gathered(batches: Iterable[Taken]) -> Iterator[list[Taken]]:
    """The batches in groups that are scored together: a transaction is short where others wait for it, and to score a few
    mentions costs twice as much for each as to score many.
    """
    group, versions = list[Taken](), 0
    for one in batches:
        group.append(one)
        versions += len(one[1].versions)
        if versions >= SCORED_TOGETHER:
            yield group
            group, versions = [], 0
    if group:
        yield group
