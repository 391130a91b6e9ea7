"""Judging monitors on a clock tick: closed windows become readings and teach the baselines; open windows may fire early.

Reading, signal, state and next tick commit together. `Detection` works on the tallies that its caller gives it and asks the store
for evidence only once something is over, so a quiet tick costs arithmetic. The same code runs live and on a simulated clock.
The verdicts depend on the tallies and the tick alone, not on how the work was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, select, type_coerce, update

from processors.detection.acceptances import take_up
from processors.detection.coverage import Coverage
from processors.detection.early_firing import few
from processors.detection.episode import Episode, SignalState, after_close, count_over, set_aside
from processors.detection.evidence import triggers_speak
from processors.detection.judgement import Judgement, judgement
from processors.detection.rows import Tick, reading_rows, signal_row
from processors.detection.states import JudgedMonitor, Memory, Standing, fresh
from processors.detection.tallies import first_minutes
from processors.detection.text_memory import TextMemory
from processors.detection.windows import WINDOW_MINUTES, MinuteCounts, Tallies, has_trigger, window_of
from processors.signals.expectation import LEVEL_HOURS
from processors.signals.registry import WINDOW
from processors.signals.types import Reading, WindowCounts
from tocsin.core.clock import minute_of, minute_start
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.signals import write_signals
from tocsin.store.statements import among_given, once_for_each_engine
from tocsin.store.types import Text

# Monitors in one statement.
AT_ONCE = 500
# The level of a monitor rests on so many hours, so earlier silence would change nothing.
EXPOSURE = timedelta(hours=LEVEL_HOURS)

# A monitor, and its window that closes.
Closing = tuple[JudgedMonitor, WindowCounts]


class Detection:
    """The judging of some monitors. Call `load`, `tick` any number of times, then `flush`: in one transaction, or in several in
    that order.

    `claimed` holds the next ticks of the monitors that this transaction has claimed. States of these that `memory` still has need
    no loading. `texts` makes the stories of a window cheaper, and changes none.
    """

    def __init__(
        self,
        monitors: Iterable[Defined[Monitor]],
        monitors_version: int = 0,
        memory: Memory | None = None,
        claimed: Mapping[str, datetime] | None = None,
        texts: TextMemory | None = None,
    ) -> None:
        memory, claimed, texts = memory or Memory(), claimed or {}, texts or TextMemory()
        self.monitors = [
            memory.take(one, claimed.get(one.id)) or fresh(one) for one in monitors if one.value.enabled
        ]
        for one in self.monitors:
            one.texts = texts
        self._version = monitors_version
        self._readings: list[dict[str, Any]] = []
        self._signals: list[dict[str, Any]] = []

    def load(self, conn: Connection) -> None:
        """Take up the stored states, and what people have said of them since. A kind of signal whose series or detector has
        changed starts learning anew.
        """
        unknown = [one for one in self.monitors if not one.stored]
        rows = stored_states(conn, [one.id for one in unknown])
        for one in unknown:
            one.take_up(rows)
        take_up(conn, self.monitors)

    def tallies_from(self, conn: Connection, heard_since: datetime | None = None) -> datetime | None:
        """Set monitors that were never judged to their first window: that of their first mention, or up to `EXPOSURE` earlier
        where their sources were heard before. Silence that was heard is knowledge.

        Return the earliest time from which any monitor needs tallies.
        """
        unborn = [one for one in self.monitors if one.next_window is None]
        first = first_minutes(conn, [one.id for one in unborn])
        for one in unborn:
            if one.id in first:
                one.next_window = first_window(first[one.id], heard_since, one.defined.created_at)
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
        """Judge every window that ends by `closed_until`, then the open ones up to `open_until`. Return the number of signals.

        `tallies` must reach from the monitors' next windows to `open_until`.
        """
        before, at = len(self._signals), Tick(now, coverage, self._version)
        while closing := self._closing(tallies, closed_until, coverage):
            _hear_together(conn, closing)
            for one, window in closing:
                self._close(conn, one, window, tallies.get(one.id, {}), at)
        for one in self.monitors:
            if one.next_window is not None and one.next_window < open_until:
                self._peek(conn, one, one.next_window, tallies.get(one.id, {}), open_until, at)
        return len(self._signals) - before

    def has_closing(self, closed_until: datetime) -> bool:
        """Whether any of these monitors has an unjudged window that ends by `closed_until`."""
        return any(
            one.next_window is not None and one.next_window + WINDOW <= closed_until for one in self.monitors
        )

    def wakes(self, minute: int, tallies: Tallies) -> bool:
        """Whether the minute brought a mention to any of these monitors. Without one no open window can newly fire."""
        return any(minute in tallies.get(one.id, {}) for one in self.monitors)

    def flush(self, conn: Connection, store: Store, next_tick: datetime, *, everyone: bool = False) -> int:
        """Write the judgements and return the number of signals. With `everyone`, unchanged monitors get their next tick, too."""
        born = [one for one in self.monitors if one.next_window is not None]
        changed = [one for one in born if one.changed or not one.stored]
        store.put(conn, s.detector_state, [row for one in changed for row in one.rows(next_tick)])
        if everyone:
            _set_next_tick(conn, [one.id for one in born if one.stored and not one.changed], next_tick)
        store.insert_new(conn, s.readings, self._readings)
        write_signals(store, conn, self._signals)
        written = len(self._signals)
        for one in changed:
            one.was_stored()
        for one in born if everyone else changed:
            one.next_tick = next_tick
        self._readings, self._signals = [], []
        return written

    def _closing(self, tallies: Tallies, closed_until: datetime, coverage: Coverage) -> list[Closing]:
        """The next window of each monitor that has one which ends by `closed_until`."""
        return [
            (one, _window(one, tallies.get(one.id, {}), start, start + WINDOW, coverage))
            for one in self.monitors
            if (start := one.next_window) is not None and start + WINDOW <= closed_until
        ]

    def _close(
        self, conn: Connection, one: JudgedMonitor, window: WindowCounts, counts: MinuteCounts, at: Tick
    ) -> None:
        speaks = _trigger_speaks(conn, one, counts, window.start, window.end)
        judged = judgement(conn, one, window, window.end, spare_the_quiet=one.rests and not speaks)
        self._readings += reading_rows(judged, at.now)
        for standing, reading in judged:
            state = _after_close(standing, reading, judged, speaks)
            if state is not None:
                self._signal(conn, judged, standing, reading, state, at)
        judged.teach()
        one.next_window = window.end
        one.changed = True

    def _peek(
        self,
        conn: Connection,
        one: JudgedMonitor,
        start: datetime,
        counts: MinuteCounts,
        until: datetime,
        at: Tick,
    ) -> None:
        """Judge the windows that are not closed yet; the newest is still filling. Each may fire once while it is open."""
        while start < until:
            # Mentions posted after `until` do not count yet, though the store may have them.
            end = min(start + WINDOW, until)
            window = _window(one, counts, start, end, at.coverage)
            start += WINDOW
            speaks = _trigger_speaks(conn, one, counts, window.start, end)
            # What three people say needs no whole window: Tocsin may have been away, or a source may fail, just before a crisis.
            if not speaks and not (window.complete and _worth_judging(one, window)):
                continue
            judged = judgement(conn, one, window, end)
            for standing, reading in judged:
                if _fires_early(standing, reading, window, speaks):
                    one.changed = True
                    self._signal(conn, judged, standing, reading, "over", at)

    def _signal(
        self,
        conn: Connection,
        judged: Judgement,
        standing: Standing,
        reading: Reading,
        state: SignalState,
        at: Tick,
    ) -> None:
        self._signals.append(signal_row(conn, judged, standing, reading, state, at))
        if state == "calm":
            standing.episode = Episode()


def first_window(first: int, heard_since: datetime | None, defined: datetime) -> datetime:
    """The first window of a monitor that was defined at `defined` and whose first mention came in the minute `first`."""
    mention = minute_start(first - first % WINDOW_MINUTES)
    if heard_since is None:
        return mention
    heard = minute_of(max(heard_since, mention - EXPOSURE))
    # Posts from before the monitor was defined were not matched, unless somebody brought them in since.
    if defined <= mention:
        heard = max(heard, minute_of(defined))
    return min(mention, minute_start(heard + -heard % WINDOW_MINUTES))


def _window(
    one: JudgedMonitor, counts: MinuteCounts, start: datetime, end: datetime, coverage: Coverage
) -> WindowCounts:
    return window_of(counts, start, end, coverage.of(one.id), one.holiday(start))


def _hear_together(conn: Connection, closing: Iterable[Closing]) -> None:
    """Ask the store once for all of these windows what kinds of signals want to know of each. An empty window has no more to
    tell.
    """
    asking: dict[Callable[..., None], list[tuple[JudgedMonitor, Standing, WindowCounts]]] = {}
    for one, window in closing:
        for standing in one.standings if window.count else ():
            if standing.kind.hears_together is not None:
                asking.setdefault(standing.kind.hears_together, []).append((one, standing, window))
    for hears_together, some in asking.items():
        hears_together(conn, some)


def _trigger_speaks(
    conn: Connection, one: JudgedMonitor, counts: MinuteCounts, start: datetime, end: datetime
) -> bool:
    """Whether enough people say a trigger in [start, end) for it to need no spike.

    Triggers also work while the baseline learns.
    """
    return has_trigger(counts, start, end) and triggers_speak(conn, one.id, end)


def _worth_judging(one: JudgedMonitor, window: WindowCounts) -> bool:
    """Whether an open window is worth judging: only a verdict of "over" counts there."""
    if few(window.count, one.sensitivity):
        return False
    alerting = (standing for standing in one.standings if not standing.kind.signal.supports)
    return any(standing.may_be_over(window, one.sensitivity) for standing in alerting)


def _after_close(standing: Standing, reading: Reading, judged: Judgement, speaks: bool) -> SignalState | None:
    """Move the episode on by a closed window. Return the news for its alert, if any."""
    signal = standing.kind.signal
    if signal.supports:
        return None
    if signal.is_share and not judged.window.complete:
        # What is missing may be what would have made the share an ordinary one.
        return None
    state: SignalState | None = after_close(standing.episode, reading, speaks and signal.armed_by_triggers)
    if state is None and judged.set_aside_by(standing.name):
        return set_aside(standing.episode, reading)
    return state


def _fires_early(standing: Standing, reading: Reading, window: WindowCounts, speaks: bool) -> bool:
    """Whether an open window is over for the first time. If so, the episode counts it. A kind that supports others never is, and
    neither is a share of a window of which a part was not heard.
    """
    signal = standing.kind.signal
    if signal.supports or (signal.is_share and not window.complete):
        return False
    episode = standing.episode
    over = reading.over or (speaks and standing.kind.signal.armed_by_triggers)
    if not over or (episode.told is not None and episode.told >= reading.start):
        return False
    episode.told = reading.start
    count_over(episode, reading.start)
    return True


def stored_states(conn: Connection, ids: list[str]) -> dict[tuple[str, str], Row[Any]]:
    """The rows of `detector_state` of these monitors, by monitor and kind. The states are text."""
    query = _states_of(conn)
    return {
        (row.monitor_id, row.kind): row
        for start in range(0, len(ids), AT_ONCE)
        for row in conn.execute(query, {"monitors": ids[start : start + AT_ONCE]}).all()
    }


@once_for_each_engine
def _states_of(conn: Connection) -> Select[Any]:
    d = s.detector_state
    columns = (column for column in d.c if column is not d.c.state)
    state = type_coerce(d.c.state, Text()).label(d.c.state.name)
    return select(*columns, state).where(among_given(conn, d.c.monitor_id, "monitors"))


def _set_next_tick(conn: Connection, ids: list[str], next_tick: datetime) -> None:
    for start in range(0, len(ids), AT_ONCE):
        asked = {"monitors": ids[start : start + AT_ONCE], "at": next_tick}
        conn.execute(_tick_set(conn), asked)


@once_for_each_engine
def _tick_set(conn: Connection) -> Update:
    d = s.detector_state
    mine = among_given(conn, d.c.monitor_id, "monitors")
    return update(d).where(mine).values(next_tick=bindparam("at"))
