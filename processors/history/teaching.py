"""Teaching of baselines from history: the windows before the first that was judged are folded into what detection knows.

A window that nobody recorded teaches nothing; one without a mention, within the time that a file covers, is silence that was
heard. No reading, signal or alert is made. The windows judged since are learnt again on top, from their readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from processors.detection.coverage import Coverage
from processors.detection.judge import stored_states
from processors.detection.rebuilding import learn_again
from processors.detection.set_back import LEARNED_FROM, learn_up_to
from processors.detection.states import JudgedMonitor, fresh
from processors.detection.tallies import load_tallies
from processors.detection.windows import window_of
from processors.signals.registry import WINDOW
from tocsin.core.clock import minute_of, minute_start
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import schema as s
from tocsin.store.port import Store

Span = tuple[datetime, datetime]
"""A time that a file covers: its first mention and its last."""

TRIES: Final = 50
UNDER_WAY: Final = ("recent", "rise", "leap", "evidence", "since", "missing", "hot")
"""The fields of the detectors' states that hold the last hours, and sums that still run."""
_ALL_HEARD: Final = Coverage()


def taught(store: Store, monitor: Defined[Monitor], spans: Sequence[Span], now: datetime) -> bool:
    """Teach the monitor all history that is stored, within these spans. False where a ticker held it: try again.

    Without spans the monitor forgets what history had taught it.
    """
    with store.read() as conn:
        before = _stored(conn, monitor)
        until = before.next_window or _window_at(now)
        one = fresh(monitor)
        _fold(conn, one, spans, _first_judged(conn, one) or until)
        _rest(one)
        learn_up_to(conn, one, until)
    with store.write() as conn:
        d = s.detector_state
        lead = (d.c.monitor_id == monitor.id) & (d.c.kind == SIGNAL_KINDS.lead.kind)
        held = store.claim(conn, d, lead, [d.c.monitor_id], 1)
        present = _stored(conn, monitor)
        if present.next_window is not None and not held:
            return False
        if present.next_window is None:
            present.next_window = until
        elif present.next_window > until:
            learn_again(conn, one, until, present.next_window)
        for standing, knows in zip(present.standings, one.standings, strict=True):
            standing.state = knows.state
        # Due at once: a ticker that remembers the monitor reads it anew.
        store.put(conn, s.detector_state, present.rows(now))
    return True


def monitors_of(conn: Connection, partition: int) -> list[str]:
    """The ids of the monitors to which this import brought mentions."""
    t = s.tallies.c
    return list(conn.execute(select(t.monitor_id).where(t.partition == partition).distinct()).scalars())


def _stored(conn: Connection, monitor: Defined[Monitor]) -> JudgedMonitor:
    one = fresh(monitor)
    one.take_up(stored_states(conn, [monitor.id]))
    return one


def _first_judged(conn: Connection, one: JudgedMonitor) -> datetime | None:
    r = s.readings.c
    first = select(func.min(r.window_start)).where(r.monitor_id == one.id, r.series == one.series)
    found: datetime | None = conn.execute(first).scalar()
    return found


def _fold(conn: Connection, one: JudgedMonitor, spans: Sequence[Span], until: datetime) -> None:
    """Judge and learn the windows of the spans that end by `until`, in order. Of the last four weeks of it."""
    ends = [_window_at(min(last, until)) for _, last in spans]
    if not ends:
        return
    since = max(ends) - LEARNED_FROM
    counts = load_tallies(conn, [one.id], since, until, history=True).get(one.id, {})
    for start in _windows(spans, since, until):
        window = window_of(counts, start, start + WINDOW, _ALL_HEARD, one.holiday(start))
        for standing in one.standings:
            if standing.heeds(window):
                standing.learn(window, standing.judge(window, one.sensitivity))


def _rest(one: JudgedMonitor) -> None:
    """Leave out what was under way when history ended: what comes next is judged by itself, not with a recorded burst."""
    for standing in one.standings:
        nothing, knows = standing.kind.detector.initial(), standing.state
        under_way = {name: getattr(nothing, name) for name in UNDER_WAY if name in knows.__struct_fields__}
        standing.state = msgspec.structs.replace(knows, **under_way)


def _windows(spans: Sequence[Span], since: datetime, until: datetime) -> list[datetime]:
    starts: set[datetime] = set()
    for first, last in spans:
        at = max(_window_at(first), _window_at(since))
        while at <= last and at + WINDOW <= until:
            starts.add(at)
            at += WINDOW
    return sorted(starts)


def _window_at(at: datetime) -> datetime:
    length = WINDOW // timedelta(minutes=1)
    minute = minute_of(at)
    return minute_start(minute - minute % length)
