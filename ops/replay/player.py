"""Recorded mentions played through the real pipeline on a simulated clock: replays, back-tests and the demo's past.

Every mention takes the whole way: it is handed over to the stream, read from it, matched, understood, stored, tallied and judged.
Alerts are decided and notices delivered. Only the clock is simulated. The only notifier is `record`, so nobody is ever notified.

The result does not depend on how the work is cut into chunks. Mentions are stored ahead of the clock, but each tick counts only
mentions posted before it. An edit waits until the clock has reached the minute in which it was heard. After a kill, a new player
goes on where the old one was. While an engine is away, the player's `Retry` waits for it. After a lost reply, the player reads
what the transaction did before it repeats anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts import engine
from alerts.events import events_after
from alerts.fired import FIRING, RINGS
from alerts.notifiers.record import RecordNotifier
from alerts.outbox.deliver import deliver_due
from alerts.turn import Turns
from ops.replay.order import heard_at
from processors.detection.coverage import Coverage
from processors.detection.judge import Detection
from processors.detection.tallies import load_tallies
from processors.detection.text_memory import TextMemory
from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import BatchOutcome
from processors.worker import StreamProcessor
from tocsin.core.clock import MINUTE, SimulatedClock, iso, minute_of, minute_start
from tocsin.core.errors import Conflict, WrongInput
from tocsin.core.mention import Mention
from tocsin.core.retry import Retry
from tocsin.intake.handover import HandOver
from tocsin.settings import Settings
from tocsin.store import meta
from tocsin.store.offsets import stored
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Stream

LINKS_BEGIN = "http://127.0.0.1:8085"
"""Where the links of a replay begin, whatever the settings say: equal recordings give equal notices.

Nobody follows these links.
"""

CHUNK_MENTIONS = 4000
CHUNK_MINUTES = 360
# The wait for records that are there and have not come yet.
POLL = timedelta(milliseconds=50)
# How far the clock goes on after the last mention, so that the last window closes.
TAIL = timedelta(minutes=10)
NOTHING_MISSING = Coverage()


@dataclass(slots=True)
class Totals:
    """What a player did so far."""

    mentions: int = 0
    stored: int = 0
    duplicates: int = 0
    edits: int = 0
    bad: int = 0
    signals: int = 0
    fired: dict[str, datetime] = field(default_factory=dict)
    """The time at which each alert would have fired, by its id, in order of time."""


class Player:
    """Plays mentions in the order in which they were heard.

    A store takes one player at a time. A second player gets `Conflict` as soon as both have moved the clock.

    `heard_since` is the time from which the sources were heard: the silence between then and a monitor's first mention is known.
    """

    def __init__(
        self,
        store: Store,
        stream: Stream,
        settings: Settings,
        start: datetime,
        retry: Retry | None = None,
        heard_since: datetime | None = None,
    ) -> None:
        with store.read() as conn:
            stands_at = meta.simulated_clock(conn)
            if stands_at is None and heard_since is not None and heard_since > start:
                raise WrongInput(
                    f"--heard-since: {iso(heard_since)} is after the first mention, which came at {iso(start)};"
                    " give a time before it"
                )
            self._watched: CompiledMonitors = watched(conn)
        self.clock = SimulatedClock(stands_at or minute_start(minute_of(start)))
        self.totals = Totals()
        self._resumed = stands_at is not None
        self._heard_since = heard_since
        self._store = store
        self._stream = stream
        self._hand_over = HandOver(
            stream,
            partitions=stream.partitions(MENTIONS),
            max_mentions=settings.stream.record_max_mentions,
            clock=self.clock,
        )
        self._retry = retry or Retry()
        # A group of its own: this player need not wait until the members of a killed player have left theirs.
        self._processor = StreamProcessor(
            store, stream, settings, self.clock, member="player", group=f"player-{uuid.uuid4().hex}"
        )
        self._processor.on_batch = self._count
        self._grace = timedelta(seconds=settings.detection.grace_s)
        self._turns = Turns(store, LINKS_BEGIN)
        self._notifiers = RecordNotifier.for_every_channel()
        # A player that goes on after another one reports all alerts from the beginning.
        self._newest_event = 0
        # The ids of the alerts that people would have been told of.
        self._rang: set[str] = set()
        self._texts = TextMemory()

    def play(
        self,
        mentions: Iterable[Mention],
        on_progress: Callable[[Totals], None] = lambda _totals: None,
        *,
        tail: timedelta = TAIL,
    ) -> None:
        """Play these mentions, then move the clock on by `tail`. May be called again with the mentions that follow.

        Raises `StoreUnavailable` and `StreamUnavailable` when an engine is away for longer than `Retry` allows. A new player
        goes on from there.
        """
        # A player that was killed may have left notices.
        self._deliver()
        pending: list[Mention] = []
        first = last = -1
        for mention in mentions:
            minute = minute_of(heard_at(mention))
            if self._resumed and minute < minute_of(self.clock.now()):
                # The minute was played before the interruption, which may have come in the tail.
                last = minute
                continue
            waits = minute != minute_of(mention.created_at)
            if (
                pending
                and minute != last
                and (waits or len(pending) >= CHUNK_MENTIONS or minute - first >= CHUNK_MINUTES)
            ):
                self._store_all(pending)
                pending = []
                self.advance(minute_start(minute))
                on_progress(self.totals)
            elif waits and minute_of(self.clock.now()) < minute:
                self._store_all(pending)
                pending = []
                self.advance(minute_start(minute))
            elif len(pending) >= CHUNK_MENTIONS:
                self._store_all(pending)
                pending = []
            first = minute if not pending else first
            last = minute
            pending.append(mention)
        self._store_all(pending)
        if last >= 0:
            self.advance(minute_start(last + 1) + tail)
        on_progress(self.totals)

    def advance(self, to: datetime) -> None:
        """Tick through every minute up to `to` in which something can happen."""
        unsure: list[bool] = []
        while self.clock.now() < to:
            self._retry(lambda: self._advance_once(to, bool(unsure)), lambda: unsure.append(True))
            unsure.clear()
            self._deliver()

    def _advance_once(self, to: datetime, unsure: bool) -> None:
        """Tick in one transaction. `unsure` means that the last try may have been committed although its reply was lost."""
        with self._store.write() as conn:
            stands_at = meta.simulated_clock(conn)
            if stands_at is not None and stands_at != self.clock.now():
                if not unsure or stands_at < self.clock.now():
                    raise Conflict(
                        f"the clock of this replay stands at {iso(stands_at)}, not at {iso(self.clock.now())}: somebody else "
                        "works on this store; when that has ended, start this one again"
                    )
                now, signals = stands_at, 0
            else:
                now, signals = self._ticks(conn, to)
                meta.set_simulated_clock(conn, now)
        self.clock.set(now)
        self.totals.signals += signals

    def close(self) -> None:
        self._processor.close()

    def _ticks(self, conn: Connection, to: datetime) -> tuple[datetime, int]:
        """Tick in the caller's transaction until a decision must be delivered, or `to` is reached.

        Returns the time at which the clock then stands, and how many signals were made.
        """
        detection = Detection(self._watched.monitors, self._watched.version, texts=self._texts)
        detection.load(conn)
        start = detection.tallies_from(conn, self._heard_since)
        now = self.clock.now()
        tallies = (
            load_tallies(conn, [one.id for one in self._watched.monitors], start, to)
            if start is not None
            else {}
        )
        due = engine.next_due(conn)
        made = 0
        while now < to:
            now += MINUTE
            closed_until = now - self._grace
            signals = 0
            if detection.wakes(minute_of(now) - 1, tallies) or detection.has_closing(closed_until):
                signals = detection.tick(conn, tallies, now, closed_until, now, NOTHING_MISSING)
            if signals or (due is not None and due <= now):
                made += detection.flush(conn, self._store, now)
                if engine.step(self._turns.begin(conn, now)).anything:
                    break
                due = engine.next_due(conn)
        return now, made + detection.flush(conn, self._store, now)

    def _store_all(self, mentions: list[Mention]) -> None:
        """Hand over the mentions and read until nothing is left: a tick must count everything that was posted before it."""
        if mentions:
            self._retry(lambda: self._hand_over.hand_over(mentions, self.clock.now()))
        self._retry(self._read_all, self._processor.read_again)

    def _read_all(self) -> None:
        wait = timedelta(0)
        while True:
            stored_some = self._processor.once(wait)
            if not stored_some and not self._processor.lag():
                break
            # The first poll brings partitions, and no records yet.
            wait = timedelta(0) if stored_some else POLL
        with self._store.read() as conn:
            read = stored(conn, self._stream.cluster, MENTIONS)
        # The stream stays small, however long the recording is.
        self._stream.trim(MENTIONS, read)

    def _deliver(self) -> None:
        """Record the notices that are due now, and note the alerts that have opened."""
        while self._retry(lambda: deliver_due(self._store, self.clock, self._notifiers, "player")):
            pass
        self._retry(self._note_fired)

    def _note_fired(self) -> None:
        with self._store.read() as conn:
            for row in events_after(conn, self._newest_event):
                self._newest_event = row.seq
                if row.kind in RINGS and row.alert_id not in self._rang:
                    # What was kept back at first, as by a silence that ends while the story goes on, is told when it rings.
                    self._rang.add(row.alert_id)
                    self.totals.fired.pop(row.alert_id, None)
                if row.kind in FIRING:
                    self.totals.fired.setdefault(row.alert_id, row.at)

    def _count(self, outcome: BatchOutcome) -> None:
        self.totals.mentions += outcome.mentions
        self.totals.stored += outcome.stored
        self.totals.duplicates += outcome.duplicates
        self.totals.edits += outcome.edits
        self.totals.bad += outcome.bad
