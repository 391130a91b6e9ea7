"""Judging monitors on a clock tick: closed windows become readings and teach the baselines, open ones may fire early.

Reading, signal, state and next tick commit together. `Detection` works on tallies that it was given and asks the store for
evidence only once something is over, so a quiet tick costs arithmetic. The same code runs live and on a simulated clock; what
is judged depends on the tallies and the tick alone, not on how the work was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from processors.detection.episode import (
    ASIDE_KEPT,
    Episode,
    SignalState,
    after_close,
    count_over,
    set_aside,
)
from processors.detection.evidence import (
    Copies,
    copies_in,
    is_thin,
    look,
    triggers_speak,
)
from processors.detection.facts import evidence, facts
from processors.detection.tallies import first_minutes
from processors.signals.negativity import Negativity, NegativityState
from processors.signals.types import Reading, Sensitivity, WindowCounts
from processors.signals.volume import Volume, VolumeState, projected_tenfold
from tocsin.core.clock import MINUTE, minute_of, minute_start
from tocsin.core.ids import stable_id
from tocsin.core.signal import NEGATIVITY, VOLUME, encode, fingerprint
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.statements import among, total

WINDOW = timedelta(minutes=5)
WINDOW_MINUTES = 5
KINDS = (VOLUME, NEGATIVITY)
FEW_MONITORS = 300
MOST_REMEMBERED = 2000  # monitors whose states a process keeps decoded: some tens of MB at most

Counts = tuple[int, int, int, int]  # mentions, negative, scored, with a trigger
Tallies = Mapping[str, Mapping[int, Counts]]  # monitor id -> minute -> counts


class KindState(msgspec.Struct):
    """One row of `detector_state`, as kept in its column `state`."""

    detector: dict[str, Any]
    episode: Episode
    aside: list[tuple[datetime, int]] = []  # copies set aside per window; only the volume has any


@dataclass(slots=True)
class _Monitor:
    """One monitor while it is being judged."""

    defined: Defined[Monitor]
    volume: Volume
    negativity: Negativity
    volume_state: VolumeState
    negativity_state: NegativityState
    sensitivity: Sensitivity
    next_window: datetime | None = None
    episodes: dict[str, Episode] = field(default_factory=lambda: {kind: Episode() for kind in KINDS})
    aside: list[tuple[datetime, int]] = field(default_factory=list)
    changed: bool = False
    stored: bool = False  # whether there are rows of `detector_state` that stand for it
    stored_aside: list[tuple[datetime, int]] = field(default_factory=list)  # as in these rows
    next_tick: datetime | None = None  # as in these rows
    _series: str | None = None

    @property
    def id(self) -> str:
        return self.defined.id

    @property
    def series(self) -> str:
        if self._series is None:
            self._series = self.defined.value.series
        return self._series


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of what was heard. `deaf` are spans in which nothing could be; `missing` is told with each signal."""

    deaf: Sequence[tuple[datetime, datetime]] = ()
    missing: Sequence[str] = ()

    def complete(self, start: datetime, end: datetime) -> bool:
        return not any(a < end and start < b for a, b in self.deaf)


class Memory:
    """States that this process committed, decoded. A state belongs to the `next_tick` that was written with it: whoever judges a
    monitor claims it first, and each claim moves its next tick on, so where that is still the same, so is the state.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._known: dict[str, _Monitor] = {}

    def keep(self, detection: Detection) -> None:
        """Remember what a turn left, once it is committed."""
        for one in detection.monitors:
            if one.stored and (len(self._known) < self._most or one.id in self._known):
                one.aside = one.stored_aside
                self._known[one.id] = one

    def take(self, defined: Defined[Monitor], next_tick: datetime | None) -> _Monitor | None:
        """The monitor as it was left, if nobody has judged it since. It is given away: what happens to a turn is not known
        before it is committed."""
        known = self._known.pop(defined.id, None)
        if known is None or known.defined is not defined or known.next_tick != next_tick:
            return None
        return known

    def forget(self) -> None:
        self._known = {}


class Detection:
    """Judges these monitors. `load`, any number of `tick`s, then `flush`, all in one transaction (or several, in that order).

    `claimed` are the next ticks of the monitors that this transaction holds: what `memory` has of those need not be loaded.
    """

    def __init__(
        self,
        monitors: Iterable[Defined[Monitor]],
        monitors_version: int = 0,
        memory: Memory | None = None,
        claimed: Mapping[str, datetime] | None = None,
    ) -> None:
        memory, claimed = memory or Memory(), claimed or {}
        self.monitors = [
            memory.take(one, claimed.get(one.id)) or _fresh(one) for one in monitors if one.value.enabled
        ]
        self._version = monitors_version
        self._readings: list[dict[str, Any]] = []
        self._signals: list[dict[str, Any]] = []

    def load(self, conn: Connection) -> None:
        """Take up the stored states. A monitor whose series or detector has changed begins anew, learning."""
        d = s.detector_state
        ids = [one.id for one in self.monitors if not one.stored]
        rows = {
            (row.monitor_id, row.kind): row
            for start in range(0, len(ids), 500)
            for row in conn.execute(
                select(d).where(among(conn, d.c.monitor_id, ids[start : start + 500]))
            ).all()
        }
        for one in self.monitors:
            volume, negativity = rows.get((one.id, VOLUME)), rows.get((one.id, NEGATIVITY))
            if volume is None or negativity is None:
                continue
            one.next_window = volume.next_window
            if volume.series != one.series or volume.version != one.volume.version:
                continue
            kept, share = (
                msgspec.convert(volume.state, KindState),
                msgspec.convert(negativity.state, KindState),
            )
            one.volume_state = msgspec.convert(kept.detector, VolumeState)
            one.negativity_state = msgspec.convert(share.detector, NegativityState)
            one.episodes = {VOLUME: kept.episode, NEGATIVITY: share.episode}
            one.aside = one.stored_aside = kept.aside
            one.next_tick = volume.next_tick
            one.stored = True

    def tallies_from(self, conn: Connection) -> datetime | None:
        """Set monitors that were never judged to their first mention; the earliest time any of them needs tallies from."""
        unborn = [one for one in self.monitors if one.next_window is None]
        first = first_minutes(conn, [one.id for one in unborn])
        for one in unborn:
            if one.id in first:
                one.next_window = minute_start(first[one.id] - first[one.id] % WINDOW_MINUTES)
        return min((one.next_window for one in self.monitors if one.next_window is not None), default=None)

    def tick(
        self,
        conn: Connection,
        tallies: Tallies,
        now: datetime,
        closed_until: datetime,
        open_until: datetime,
        coverage: Coverage,
    ) -> int:
        """Judge every window that ends by `closed_until`, then what is open up to `open_until`; return the signals made.

        Needs tallies from the monitors' next windows to `open_until`.
        """
        before = len(self._signals)
        for one in self.monitors:
            if one.next_window is None:
                continue
            counts = tallies.get(one.id, {})
            while one.next_window + WINDOW <= closed_until:
                self._close(conn, one, counts, now, coverage)
            if one.next_window < open_until:
                self._peek(conn, one, counts, now, open_until, coverage)
        return len(self._signals) - before

    def has_closing(self, closed_until: datetime) -> bool:
        """Whether any of these monitors has a window that ends by then and was not judged."""
        return any(
            one.next_window is not None and one.next_window + WINDOW <= closed_until for one in self.monitors
        )

    def wakes(self, minute: int, tallies: Tallies) -> bool:
        """Whether that minute brought any of these monitors a mention: else an open window cannot newly fire."""
        return any(minute in tallies.get(one.id, {}) for one in self.monitors)

    def flush(self, conn: Connection, store: Store, next_tick: datetime, *, everyone: bool = False) -> int:
        """Write what was judged; `everyone`: the next tick of monitors on which nothing happened, too. Returns the signals."""
        born = [one for one in self.monitors if one.next_window is not None]
        fresh = [one for one in born if one.changed or not one.stored]
        store.put(conn, s.detector_state, [row for one in fresh for row in _state_rows(one, next_tick)])
        if everyone:
            rest = [one.id for one in born if one.stored and not one.changed]
            d = s.detector_state
            for start in range(0, len(rest), 500):
                conn.execute(
                    update(d)
                    .where(among(conn, d.c.monitor_id, rest[start : start + 500]))
                    .values(next_tick=next_tick)
                )
        store.insert_new(conn, s.readings, self._readings)
        store.insert_new(conn, s.signals, self._signals)
        written = len(self._signals)
        for one in fresh:
            one.changed, one.stored, one.stored_aside = False, True, one.aside
        for one in born if everyone else fresh:
            one.next_tick = next_tick
        self._readings, self._signals = [], []
        return written

    def _close(
        self, conn: Connection, one: _Monitor, counts: Mapping[int, Counts], now: datetime, coverage: Coverage
    ) -> None:
        assert one.next_window is not None
        window = _window(counts, one.next_window, one.next_window + WINDOW, coverage)
        end = window.end
        speaks = self._trigger_speaks(conn, one, counts, window.start, end)
        volume, share, window, copies = self._judged(conn, one, window, end)
        for reading in (volume, share):
            if reading.kind == VOLUME or window.scored or window.count:
                self._readings.append(
                    _reading_row(one, reading, window, now, copies if reading.kind == VOLUME else None)
                )
        for reading in (volume, share):
            state: SignalState | None = after_close(
                one.episodes[reading.kind], reading, speaks and reading.kind == VOLUME
            )
            if state is None and reading.kind == VOLUME and copies.aside:
                state = set_aside(one.episodes[VOLUME], reading)
            if state is not None:
                self._signal(conn, one, state, reading, (volume, share), window, end, now, coverage, copies)
        one.volume_state = one.volume.learn(one.volume_state, window, volume)
        if window.scored or window.count:
            one.negativity_state = one.negativity.learn(one.negativity_state, window, share)
        one.next_window = window.end
        one.changed = True

    def _peek(
        self,
        conn: Connection,
        one: _Monitor,
        counts: Mapping[int, Counts],
        now: datetime,
        until: datetime,
        coverage: Coverage,
    ) -> None:
        """Windows that are not closed yet, the newest of them still filling: each may fire once while it is open."""
        assert one.next_window is not None
        start = one.next_window
        while start < until:
            window = _window(counts, start, min(start + WINDOW, until), coverage)
            start += WINDOW
            end = min(window.end, until)  # nothing posted later may be looked at, though it may be stored
            speaks = self._trigger_speaks(conn, one, counts, window.start, end)
            few = window.count < one.sensitivity.at_least_mentions // 4
            if not window.complete or (few and not speaks):
                continue
            if not speaks and not self._may_be_over(one, window):
                continue
            volume, share, window, copies = self._judged(conn, one, window, end)
            for reading in (volume, share):
                episode = one.episodes[reading.kind]
                over = reading.over or (speaks and reading.kind == VOLUME)
                if over and (episode.told is None or episode.told < reading.start):
                    episode.told = reading.start
                    count_over(episode, reading.start)
                    one.changed = True
                    self._signal(
                        conn, one, "over", reading, (volume, share), window, end, now, coverage, copies
                    )

    def _may_be_over(self, one: _Monitor, window: WindowCounts) -> bool:
        """Whether it is worth judging a window of which only what is over counts."""
        return one.volume.may_be_over(
            one.volume_state, window, one.sensitivity
        ) or one.negativity.may_be_over(one.negativity_state, window, one.sensitivity)

    def _trigger_speaks(
        self, conn: Connection, one: _Monitor, counts: Mapping[int, Counts], start: datetime, end: datetime
    ) -> bool:
        """Whether a trigger is said in [start, end) by enough people to need no spike: it is armed while the baseline learns."""
        first = minute_of(start)
        for minute in range(first, first - (start - end) // MINUTE):
            if minute in counts and counts[minute][3]:
                return triggers_speak(conn, one.id, end)
        return False

    def _judged(
        self, conn: Connection, one: _Monitor, window: WindowCounts, until: datetime
    ) -> tuple[Reading, Reading, WindowCounts, Copies]:
        """Both readings of a window as seen at `until`; where the volume is over, copies are set aside and it is judged again."""
        volume = one.volume.judge(one.volume_state, window, one.sensitivity)
        copies = Copies(0, 0)
        if volume.over:
            span = timedelta(seconds=volume.detail["span_s"])
            found = copies_in(conn, one.id, window.end - span, until)
            known = sum(n for at, n in one.aside if window.end - span <= at < window.start)
            aside = min(window.count, max(0, found.aside - known))
            if aside:
                copies = Copies(aside, found.groups)
                window = msgspec.structs.replace(window, count=window.count - aside)
                window = msgspec.structs.replace(
                    window,
                    scored=min(window.scored, window.count),
                    negative=min(window.negative, window.count),
                )
                if until == window.end:  # a peek leaves no trace: only what is closed is remembered
                    one.aside = [
                        (at, n) for at, n in one.aside if window.start - ASIDE_KEPT <= at < window.start
                    ]
                    one.aside.append((window.start, aside))
                volume = one.volume.judge(one.volume_state, window, one.sensitivity)
        share = one.negativity.judge(one.negativity_state, window, one.sensitivity)
        return volume, share, window, copies

    def _signal(
        self,
        conn: Connection,
        one: _Monitor,
        state: SignalState,
        reading: Reading,
        both: tuple[Reading, Reading],
        window: WindowCounts,
        end: datetime,
        now: datetime,
        coverage: Coverage,
        copies: Copies,
    ) -> None:
        volume, share = both
        span = timedelta(seconds=reading.detail["span_s"])
        start = window.end - span
        seen = look(conn, one.id, one.defined.value, start, end)
        episode = one.episodes[reading.kind]
        mark = fingerprint(one.id, reading.kind)
        tenfold = reading.kind == VOLUME and projected_tenfold(one.volume_state, window, reading)
        rule = one.volume.version if reading.kind == VOLUME else one.negativity.version
        thin = is_thin(conn, one.id, episode.since or reading.start)
        stated = facts(reading, volume, share, window, seen, episode, tenfold, thin)
        shown = evidence(
            reading, share, start, end, seen, episode, copies, coverage.missing, rule, self._version
        )
        self._signals.append(
            {
                "id": stable_id("sig", mark, window.start.isoformat(), now.isoformat(), state),
                "monitor_id": one.id,
                "kind": reading.kind,
                "fingerprint": mark,
                "tick": now,
                "window_start": start,
                "window_end": end,
                "state": state,
                "score": reading.score,
                "facts": encode(stated),
                "evidence": encode(shown),
                "handled_at": None,
                "published_at": None,
            }
        )
        if state == "calm":
            one.episodes[reading.kind] = Episode()


def load_tallies(
    conn: Connection, monitors: Sequence[str], start: datetime, end: datetime
) -> dict[str, dict[int, Counts]]:
    """Counts per monitor and minute in [start, end), summed over partitions."""
    t = s.tallies
    tallies: dict[str, dict[int, Counts]] = {}
    query = (
        select(
            t.c.monitor_id,
            t.c.minute,
            total(t.c.count),
            total(t.c.negative),
            total(t.c.negative + t.c.neutral + t.c.positive),
            total(t.c.triggered),
        )
        .where(t.c.minute >= minute_of(start), t.c.minute < minute_of(end))
        .group_by(t.c.monitor_id, t.c.minute)
    )
    if len(monitors) <= FEW_MONITORS:  # by key; for many, one pass over the minutes costs less
        query = query.where(among(conn, t.c.monitor_id, monitors))
    wanted = set(monitors)
    for monitor, minute, count, negative, scored, triggered in conn.execute(query).all():
        if monitor in wanted and count:
            tallies.setdefault(monitor, {})[minute] = (count, negative, scored, triggered)
    return tallies


@lru_cache(maxsize=1024)
def _detectors(zone: tzinfo) -> tuple[Volume, Negativity]:
    """They remember nothing of a monitor, so those of one zone share them."""
    return Volume(zone, WINDOW), Negativity(zone, WINDOW)


def _fresh(defined: Defined[Monitor]) -> _Monitor:
    monitor = defined.value
    volume, negativity = _detectors(monitor.zone)
    return _Monitor(
        defined=defined,
        volume=volume,
        negativity=negativity,
        volume_state=volume.initial(),
        negativity_state=negativity.initial(),
        sensitivity=Sensitivity(false_alerts_per_week=monitor.false_alerts_per_week),
    )


def _window(counts: Mapping[int, Counts], start: datetime, end: datetime, coverage: Coverage) -> WindowCounts:
    first = minute_of(start)
    count = negative = scored = 0
    # Rounded up: the minute that is still filling counts with what it has, or a crisis waits for its end.
    for minute in range(first, first - (start - end) // MINUTE):
        if minute in counts:
            here = counts[minute]
            count, negative, scored = count + here[0], negative + here[1], scored + here[2]
    return WindowCounts(start, WINDOW, count, negative, scored, coverage.complete(start, start + WINDOW))


def _reading_row(
    one: _Monitor, reading: Reading, window: WindowCounts, now: datetime, copies: Copies | None
) -> dict[str, Any]:
    detail = dict(reading.detail)
    if copies is not None and copies.aside:
        detail["copies"] = copies.aside
    return {
        "monitor_id": one.id,
        "kind": reading.kind,
        "window_start": reading.start,
        "length_s": int(reading.length.total_seconds()),
        "series": one.series,
        "tick": now,
        "count": window.count,
        "negative": window.negative,
        "scored": window.scored,
        "complete": window.complete,
        "observed": reading.observed,
        "expected": reading.expected,
        "lower": reading.lower,
        "upper": reading.upper,
        "score": reading.score,
        "over": reading.over,
        "state": reading.state,
        "baseline": reading.baseline,
        "detail": detail,
    }


def _state_rows(one: _Monitor, next_tick: datetime) -> list[dict[str, Any]]:
    assert one.next_window is not None
    rows = []
    for kind, version, state in (
        (VOLUME, one.volume.version, one.volume_state),
        (NEGATIVITY, one.negativity.version, one.negativity_state),
    ):
        aside = one.aside if kind == VOLUME else []
        kept = {"detector": state, "episode": one.episodes[kind], "aside": aside}  # a `KindState`
        rows.append(
            {
                "monitor_id": one.id,
                "kind": kind,
                "series": one.series,
                "version": version,
                "next_window": one.next_window,
                "next_tick": next_tick,
                "state": msgspec.to_builtins(kept),
            }
        )
    return rows
