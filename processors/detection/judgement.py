"""The judgement of one window of one monitor by every kind of signal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from processors.detection.copies import NO_COPIES, Copies, SpanTexts, copies_in, texts_in
from processors.detection.episode import ASIDE_KEPT
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.types import NOT_LOOKED, Reading, WindowCounts


@dataclass(frozen=True, slots=True)
class Judgement:
    """A window as seen at `until`: a reading of each standing that was judged, and the window without the copies that were set
    aside.
    """

    monitor: JudgedMonitor
    window: WindowCounts
    until: datetime
    # By kind, the copies that were set aside before that kind was judged.
    copies: Mapping[str, Copies]
    # One reading for each standing that was judged, in the monitor's order.
    readings: tuple[Reading, ...]
    # The states after this window of the kinds that had nothing to say in it and were not judged.
    quiet: Mapping[str, Any] = field(default_factory=dict)
    # By its start, the texts of each span up to `until` that was looked at.
    read: dict[datetime, SpanTexts] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[Standing, Reading]]:
        judged = (one for one in self.monitor.standings if one.name not in self.quiet)
        return zip(judged, self.readings, strict=True)

    def teach(self) -> None:
        """Fold the window into the states, once nobody asks any more what they were."""
        readings, quiet, window = iter(self.readings), self.quiet, self.window
        for standing in self.monitor.standings:
            after = quiet.get(standing.name)
            reading = next(readings) if after is None else None
            if not standing.heeds(window):
                continue
            if reading is not None:
                standing.learn(window, reading)
            else:
                standing.state = after

    def set_aside_by(self, kind: str) -> int:
        """The copies that this kind itself set aside."""
        return self.copies.get(kind, NO_COPIES).aside

    def texts(self, conn: Connection, start: datetime) -> SpanTexts:
        """The texts of the span from `start` up to `until`. The search for copies has mostly read them already."""
        return _texts(conn, self.monitor, start, self.until, self.read)

    def copies_before(self, kind: str, start: datetime) -> Copies:
        """The copies that were set aside in the span from `start` before this kind was judged: its own, or else those of a kind
        before it. A window in which nobody looked for copies has those of the windows before it.
        """
        found = self.copies.get(kind) or next(iter(self.copies.values()), NO_COPIES)
        if found.in_span:
            return found
        setting = [one for one in self.monitor.standings if one.kind.signal.sets_copies_aside]
        own = next((one for one in setting if one.name == kind), None) or next(iter(setting), None)
        return Copies(0, 0, in_span=_known(self.monitor, own, start, self.window.start)) if own else NO_COPIES


def judgement(
    conn: Connection,
    one: JudgedMonitor,
    window: WindowCounts,
    until: datetime,
    *,
    spare_the_quiet: bool = False,
) -> Judgement:
    """Every reading of the window. A kind that sets copies aside and is over judges the window again without them, and the kinds
    after it judge without them, too. A share sets aside the negatives among the copies, and among reposts beyond their voices.
    A kind that asks the store for more than counts does so before it is judged; an empty window has no more to tell.

    Most closed windows are quiet. With `spare_the_quiet`, a kind that has nothing to say in the window is not judged, because no
    row and no signal would come of its reading. It is judged all the same as soon as anything may ask for that.
    """
    readings, copies, read = dict[str, Reading](), dict[str, Copies](), dict[datetime, SpanTexts]()
    quiet, spared = dict[str, Any](), list[tuple[Standing, WindowCounts]]()
    for standing in one.standings:
        signal, hears = standing.kind.signal, standing.kind.hears
        if hears is not None and window.count and not signal.hears_half_way:
            window = hears(conn, one, standing, window, until, list(readings.values()))
        if spare_the_quiet and (after := standing.quiet(window, one.sensitivity)) is not None:
            quiet[standing.name] = after
            spared.append((standing, window))
            continue
        reading = standing.judge(window, one.sensitivity)
        if hears is not None and window.count and signal.hears_half_way:
            asked = hears(conn, one, standing, window, until, [reading])
            if asked is not window:
                window, reading = asked, standing.judge(asked, one.sensitivity)
        if reading.over and signal.sets_copies_aside:
            gone = sum(other.negative for other in copies.values())
            found = _copies(conn, one, standing, reading, window, until, read, gone)
            if found.in_span:
                copies[standing.name] = found
            if found.aside:
                # A look at an open window leaves no trace: only closed windows are remembered.
                if until == window.end:
                    _remember(standing, window.start, found.aside)
                window = _without(window, found, of_share=signal.is_share)
                reading = standing.judge(window, one.sensitivity)
        if signal.says_due:
            window = msgspec.structs.replace(window, due=reading.detail["window_expected"])
        readings[standing.name] = reading
    if quiet and (copies or window.heard != NOT_LOOKED or any(reading.over for reading in readings.values())):
        readings |= {standing.name: standing.judge(seen, one.sensitivity) for standing, seen in spared}
        quiet = {}
    inorder = (readings[standing.name] for standing in one.standings if standing.name in readings)
    return Judgement(one, window, until, copies, tuple(inorder), quiet, read)


def _copies(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,
    reading: Reading,
    window: WindowCounts,
    until: datetime,
    read: dict[datetime, SpanTexts],
    gone: int,
) -> Copies:
    """The copies in this window: the copies in the reading's span minus those that earlier windows have set aside. For a share
    these are the negatives among the copies and those of reposts beyond the voices that they count as, and what any kind has set
    aside counts. `gone` are the negatives that kinds before this one have taken out of this window.
    """
    start = window.end - timedelta(seconds=reading.detail["span_s"])
    found = copies_in(conn, one.id, start, until, _texts(conn, one, start, until, read))
    share = standing.kind.signal.is_share
    known = _known(one, standing, start, window.start)
    if not share:
        aside = min(window.count, max(0, found.aside - known))
        in_span, of = known + aside, max(1, found.aside)
        negative = aside * found.negative // of
        return Copies(aside, found.groups, negative, in_span * found.automated // of, in_span=in_span)
    there = found.negative + found.reposted
    aside = min(window.negative, max(0, there - known - gone))
    in_span = min(known + gone + aside, there)
    reposted = -(-in_span * found.reposted // max(1, there))
    automated = (in_span - reposted) * found.automated // max(1, found.aside)
    return Copies(aside, found.groups, aside, automated, reposted, in_span)


def _known(one: JudgedMonitor, standing: Standing, start: datetime, until: datetime) -> int:
    """The copies that the windows in [start, until) have set aside; of a share those that any kind has set aside."""
    share = standing.kind.signal.is_share
    return sum(
        n
        for other in (one.standings if share else (standing,))
        for at, n in other.aside
        if start <= at < until
    )


def _texts(
    conn: Connection, one: JudgedMonitor, start: datetime, until: datetime, read: dict[datetime, SpanTexts]
) -> SpanTexts:
    """The texts of this span, which are `read` once for all that one judgement and its signals ask of them."""
    if start not in read:
        read[start] = texts_in(conn, one.id, start, until, one.known_texts)
    return read[start]


def _without(window: WindowCounts, copies: Copies, *, of_share: bool) -> WindowCounts:
    """The window without these copies. A share keeps the count, which was judged already."""
    count = window.count if of_share else window.count - copies.aside
    scored = max(0, window.scored - copies.negative) if of_share else min(window.scored, count)
    negative = min(max(0, window.negative - copies.negative), scored)
    return msgspec.structs.replace(window, count=count, scored=scored, negative=negative)


def _remember(standing: Standing, start: datetime, copies: int) -> None:
    kept = [(at, n) for at, n in standing.aside if start - ASIDE_KEPT <= at < start]
    standing.aside = [*kept, (start, copies)]
