"""The judgement of one window of one monitor by every kind of signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from processors.detection.episode import ASIDE_KEPT
from processors.detection.evidence import Copies, copies_in
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.types import Reading, WindowCounts

NO_COPIES = Copies(0, 0)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A window as seen at `until`: one reading per standing, and the window without the copies that were set aside."""

    monitor: JudgedMonitor
    window: WindowCounts
    until: datetime
    copies: Copies
    # One reading for each standing of the monitor, in the same order.
    readings: tuple[Reading, ...]

    def __iter__(self) -> Iterator[tuple[Standing, Reading]]:
        return zip(self.monitor.standings, self.readings, strict=True)


def judgement(conn: Connection, one: JudgedMonitor, window: WindowCounts, until: datetime) -> Judgement:
    """Every reading of the window. A kind that sets copies aside and is over judges the window again without them, and the kinds
    after it judge without them, too.
    """
    readings, copies = [], NO_COPIES
    for standing in one.standings:
        reading = standing.judge(window, one.sensitivity)
        if reading.over and standing.kind.signal.sets_copies_aside and not copies.aside:
            copies = _copies(conn, one.id, standing, reading, window, until)
            if copies.aside:
                window = _without(window, copies.aside)
                # A look at an open window leaves no trace: only closed windows are remembered.
                if until == window.end:
                    _remember(standing, window.start, copies.aside)
                reading = standing.judge(window, one.sensitivity)
        if standing.kind.signal.says_due:
            window = msgspec.structs.replace(window, due=reading.detail["window_expected"])
        readings.append(reading)
    return Judgement(one, window, until, copies, tuple(readings))


def _copies(
    conn: Connection,
    monitor: str,
    standing: Standing,
    reading: Reading,
    window: WindowCounts,
    until: datetime,
) -> Copies:
    """The copies in this window: the copies in the reading's span minus those that earlier windows have set aside."""
    start = window.end - timedelta(seconds=reading.detail["span_s"])
    found = copies_in(conn, monitor, start, until)
    known = sum(n for at, n in standing.aside if start <= at < window.start)
    aside = min(window.count, max(0, found.aside - known))
    return Copies(aside, found.groups) if aside else NO_COPIES


def _without(window: WindowCounts, copies: int) -> WindowCounts:
    count = window.count - copies
    return msgspec.structs.replace(
        window, count=count, scored=min(window.scored, count), negative=min(window.negative, count)
    )


def _remember(standing: Standing, start: datetime, copies: int) -> None:
    kept = [(at, n) for at, n in standing.aside if start - ASIDE_KEPT <= at < start]
    standing.aside = [*kept, (start, copies)]
