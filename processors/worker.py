"""Reading the stream live: one thread polls and processes. Where writers need not wait for each other another one commits, one
batch behind: while the store writes a batch, the next is read, matched and scored.

Refuse, do not sleep: when the store is away the reader keeps polling with everything paused, so that its membership lives, and
reads the stored offsets again before it goes on.
"""

from __future__ import annotations

import gc
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import (
    Batch,
    BatchOutcome,
    Times,
    read_batches,
)
from processors.storing.batch_size import LEAST_BYTES, BatchSize
from processors.storing.plan import Prepared
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers
from tocsin.core.clock import Clock
from tocsin.core.errors import Fenced, StreamUnavailable, TocsinError, WrongInput
from tocsin.core.loop import WorkerLoop
from tocsin.core.threads import in_thread
from tocsin.health.report import EVERY, Reporter, State
from tocsin.intake import fuse
from tocsin.intake.dead_letters import Fuse, FuseBlown, record_dead_letters
from tocsin.settings import Settings
from tocsin.store.offsets import Position, advance, record_gap, stored, take_over
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Consumer, Polled, Record, Stream

log = structlog.get_logger()

GROUP = "processors"
POLL = timedelta(milliseconds=200)
GATHER_S = 0.1  # after a poll that brought little: each transaction costs the same whatever is in it, so more may gather
RETRY = timedelta(seconds=1)
FAR_BEHIND = 1000  # records waiting from which on it is said
TRIM_EVERY = timedelta(seconds=30)
FUSE_RETRY = timedelta(seconds=3)  # how often a stopped reader looks whether a person lets it pass
# Beside what ingest allows: what waited in the stream has aged, and clocks of machines differ.
OLDER_BY_NOW, CLOCKS_APART = timedelta(days=30), timedelta(hours=1)
EXAMPLES = 20  # dead letters that a blown fuse leaves to look at


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a commit did: where the partitions stand now, and how long so many mentions took."""

    outcome: BatchOutcome
    positions: dict[int, Position]
    rows: int
    held: timedelta


class StreamProcessor:
    """Reads records of the topic `mentions` and stores what follows from them. `once` is one poll; `run` goes on until told."""

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
        """`heeds_times`: what says that it was posted long ago or tomorrow becomes a dead letter, as it does where it comes in.
        For live use; who plays back has a clock that stands elsewhere.
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
        self._watched: CompiledMonitors | None = None
        self._trimmed_at: datetime | None = None
        self._reporter = Reporter(store, "processors")
        self._loop = WorkerLoop("processors", away=RETRY, recover=self._recover, final=(WrongInput,))
        self._stopped: str | None = None  # why the fuse stands before us
        self._totals = BatchOutcome()
        self._batch_size = BatchSize(alone=store.one_writer)
        self._flight: Future[_Stored] | None = None  # the commit that is under way
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

    def once(self, wait: timedelta = POLL) -> int:
        """One poll and what follows; the number of records that were stored. Raises when stream or store are away."""
        done = self._turn(wait)
        self._land()
        return done

    def _turn(self, wait: timedelta = POLL) -> int:
        """As `once`, but the last commit may still be under way."""
        polled = self.consumer.poll(wait, self._batch_size.bytes)
        if not polled.records or polled.lost or polled.gaps or polled.assigned != self._positions.keys():
            self._land()  # before a partition changes hands
        # What was dropped lies before the records of this poll: of a partition that is read again nothing of it counts.
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
        """Until `stop` is set. Nothing is lost whatever happens in between: positions move with what was stored."""
        self._stop = stop
        self._loop.run(stop, self._round)
        self.close()

    def _round(self) -> float:
        """One turn of the loop; for how long to pause."""
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
        """Go back to what is stored. After an error that nobody expected the membership is given up too, and made anew."""
        self._looked_at = None  # said anew as soon as it goes on
        if isinstance(error, TocsinError):
            self.read_again()
        else:
            self.close()
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def close(self) -> None:
        """Leave the group, and forget where we stood first: whatever goes wrong while leaving, nothing is read on from there."""
        consumer, self._consumer = self._consumer, None
        self._positions = {}
        self._drop()
        if consumer is not None:
            try:
                consumer.close()
            except StreamUnavailable as error:
                log.warning("left the group without saying so", reason=str(error))

    def lag(self) -> int:
        """Records appended and not yet stored, over all partitions."""
        with self._store.read() as conn:
            at = stored(conn, self._stream.cluster, MENTIONS)
        return sum(max(0, end - at.get(p, 0)) for p, end in self._stream.end_offsets(MENTIONS).items())

    def _settle(self, polled: Polled) -> None:
        for partition in polled.lost:
            self._positions.pop(partition, None)
        missing = polled.assigned - self._positions.keys()
        if missing or polled.gaps:
            now = self._clock.now()
            with self._store.write(alone=False) as conn:
                for gap in polled.gaps:
                    record_gap(conn, self._stream.cluster, MENTIONS, gap, now)
                    log.error(
                        "records were lost",
                        partition=gap.partition,
                        wanted=gap.wanted,
                        available=gap.available,
                    )
                taken = {
                    p: take_over(conn, self._stream.cluster, MENTIONS, p, self._member, now)
                    for p in sorted(missing | {gap.partition for gap in polled.gaps})
                }
                for gap in polled.gaps:
                    taken[gap.partition] = advance(
                        conn,
                        self._stream.cluster,
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
        # Decoding makes many small objects that live until the commit: looking through them for cycles costs several times.
        gc.disable()
        try:
            with self._store.read() as conn:
                self._watched = watched(conn, self._watched)
            for taken, batch in read_batches(
                records,
                self._watched.matcher,
                self._settings.retention.sample_rate,
                lambda: self._batch_size.rows,
                self._times(),
            ):
                # What the batch before stored must be known before it is seen what is new in this one.
                said = self._writer.score(batch.versions) if self._flight is not None else None
                self._land()
                self._heed_fuse(batch)
                self._commit(taken, self._writer.understand(batch, said))
                if self._stop.is_set():
                    break  # what else the poll brought is read by whoever takes the partitions over
        finally:
            gc.enable()
        return len(records)

    def _times(self) -> Times | None:
        if not self._heeds_times:
            return None
        ingest = self._settings.ingest
        return Times(
            self._clock.now(),
            timedelta(days=ingest.max_age_days) + OLDER_BY_NOW,
            timedelta(minutes=ingest.max_ahead_minutes) + CLOCKS_APART,
        )

    def _heed_fuse(self, batch: Batch) -> None:
        """Raise `FuseBlown` before anything is stored where nearly everything is bad, unless a person lets it pass."""
        bad = len(batch.bad)
        try:
            self._fuse.note(batch.mentions, bad)
            return
        except FuseBlown:
            if not bad:
                return  # what can be read is never held up
        cluster, now = self._stream.cluster, self._clock.now()
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
        """Begin to store a batch; `_land` says how it went."""
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
        """One transaction: the offsets from `before` to `ends`, which fences whoever lost a partition, then all that follows."""
        now = self._clock.now()
        with self._store.write(alone=False) as conn:
            began = time.perf_counter()
            positions = {
                p: advance(conn, self._stream.cluster, MENTIONS, p, before[p], end, version, now)
                for p, end in sorted(ends.items())
            }
            outcome = self._writer.write(conn, prepared, now)
        held = timedelta(seconds=time.perf_counter() - began)
        rows = len(prepared.batch.versions) + len(prepared.batch.sampled)
        return _Stored(outcome, positions, rows, held)

    def _land(self) -> None:
        """Wait for the commit that is under way, if any, and go on from there. Raises what it raised."""
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
        """Wait for the commit that is under way, if any. Whether it was stored, the stored offsets say."""
        flight, self._flight = self._flight, None
        if flight is not None and (error := flight.exception()) is not None:
            log.info("a batch was dropped", reason=str(error))

    def read_again(self) -> None:
        """Forget where we stood: the next poll takes the partitions over anew and reads the stored offsets."""
        self._positions = {}
        self._drop()

    def _look_around(self) -> None:
        """Now and then: say how far behind we are, and let go of what everybody has read."""
        now = self._clock.now()
        if self._looked_at is not None and now - self._looked_at < EVERY:
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
        if self._trimmed_at is not None and now - self._trimmed_at < TRIM_EVERY:
            return
        self._trimmed_at = now
        with self._store.read() as conn:
            at = stored(conn, self._stream.cluster, MENTIONS)
        self._stream.trim(MENTIONS, at)
