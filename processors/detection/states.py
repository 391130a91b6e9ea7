"""The memory of detection: a monitor's row of `detector_state` for each kind of signal, decoded while the monitor is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Row

from processors.detection.episode import Episode
from processors.detection.text_memory import TextMemory
from processors.signals.registry import JudgedKind, detectors
from processors.signals.types import NOT_LOOKED, Reading, Sensitivity, WindowCounts
from processors.understand.likeness import KnownTexts
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.calendar import holiday_name
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined

# Monitors whose states a process keeps decoded: some tens of MB at most.
MOST_REMEMBERED = 2000

# A state goes into its row as the bytes that the column `state` holds: keys in order, of structs too.
_as_stored = msgspec.json.Encoder(order="sorted").encode

# Copies set aside per window.
Aside = list[tuple[datetime, int]]


S = TypeVar("S")


class KindState(msgspec.Struct, Generic[S]):
    """One state as the column `state` of `detector_state` keeps it. `detector` is the state of the detector."""

    detector: S
    episode: Episode
    # Empty except for a kind that sets copies aside.
    aside: Aside = []


@cache
def _reader(state: type[S]) -> msgspec.json.Decoder[KindState[S]]:
    """Reads the text of a state in one step. By way of plain dictionaries it would take twice as long."""
    return msgspec.json.Decoder(KindState[state])  # type: ignore[valid-type]  # known when it runs


@dataclass(slots=True)
class Standing:
    """The standing of one monitor with one kind of signal."""

    kind: JudgedKind
    # The state of the detector.
    state: Any
    episode: Episode = field(default_factory=Episode)
    aside: Aside = field(default_factory=list)
    # `aside` as in the stored row.
    stored_aside: Aside = field(default_factory=list)
    # What the store told of the window that closes, where it was asked for many monitors at once; the kind's own.
    told: Any = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.kind.name

    def judge(self, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        return self.kind.detector.judge(self.state, window, sensitivity)

    def quiet(self, window: WindowCounts, sensitivity: Sensitivity) -> Any:
        """The state after this closed window, where the detector tells without a judgement that it is not over; else None."""
        return self.kind.quiet(self.state, window, sensitivity) if self.kind.quiet is not None else None

    def may_be_over(self, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return self.kind.detector.may_be_over(self.state, window, sensitivity)

    def tells(self, window: WindowCounts, reading: Reading, *, speaks: bool) -> dict[str, Any]:
        return self.kind.detector.tells(self.state, window, reading, speaks=speaks)

    def learn(self, window: WindowCounts, reading: Reading) -> None:
        self.state = self.kind.detector.learn(self.state, window, reading)

    def heeds(self, window: WindowCounts) -> bool:
        """Whether this window teaches this kind anything."""
        return bool(self.kind.signal.judges_empty or window.scored or window.count)

    def records(self, window: WindowCounts, reading: Reading) -> bool:
        """Whether this window has a stored reading of this kind. The first kind has one of every window. The readings of others
        about an empty window follow from that one; so do those of a kind beside the volume that says nothing and asked nothing.
        """
        signal = self.kind.signal
        if signal is SIGNAL_KINDS.lead:
            return True
        if (signal.watch or signal.supports) and not reading.over and window.heard == NOT_LOOKED:
            return False
        return bool(window.scored or window.count)

    def takes_up(self, series: str, row: Row[Any] | None) -> bool:
        """Take up the stored state, which the row has as text.

        Return False, and start learning anew, without a row or with one of another series or detector.
        """
        if row is None or row.series != series or not self.kind.reads(row.version):
            return False
        kept = _reader(type(self.state)).decode(row.state)  # type: ignore[arg-type]  # a type is hashable
        self.state, self.episode = kept.detector, kept.episode
        self.aside = self.stored_aside = kept.aside
        return True


@dataclass(slots=True)
class JudgedMonitor:
    """One monitor while it is being judged."""

    defined: Defined[Monitor]
    # In the order in which the kinds judge; the first stands for the monitor.
    standings: tuple[Standing, ...]
    sensitivity: Sensitivity
    next_window: datetime | None = None
    changed: bool = False
    # Whether `detector_state` has rows that are the same as this monitor.
    stored: bool = False
    # The next tick in these rows.
    next_tick: datetime | None = None
    texts: TextMemory = field(default_factory=TextMemory)
    _series: str | None = None

    @property
    def id(self) -> str:
        return self.defined.id

    @property
    def rests(self) -> bool:
        """Whether no episode of any kind goes on, so that a reading which is not over moves nothing."""
        return all(one.episode.since is None and not one.episode.windows_over for one in self.standings)

    @property
    def known_texts(self) -> KnownTexts:
        return self.texts.of(self.id)

    @property
    def series(self) -> str:
        if self._series is None:
            self._series = self.defined.value.series
        return self._series

    def holiday(self, start: datetime) -> str:
        """The name of the holiday of its countries on the day of the window that begins at `start`; "" on any other day."""
        value = self.defined.value
        return _holiday(start, value.countries, value.zone) if value.countries else ""

    def take_up(self, rows: Mapping[tuple[str, str], Row[Any]]) -> None:
        """Take up the rows of this monitor, by id and kind. A monitor without a row for its first kind was never judged."""
        lead = rows.get((self.id, self.standings[0].name))
        if lead is None:
            return
        self.next_window = lead.next_window
        taken = [one.takes_up(self.series, rows.get((self.id, one.name))) for one in self.standings]
        if all(taken):
            self.next_tick, self.stored = lead.next_tick, True

    def was_stored(self) -> None:
        """Note that the rows now hold this state."""
        self.changed, self.stored = False, True
        for one in self.standings:
            one.stored_aside = one.aside

    def rows(self, next_tick: datetime) -> list[dict[str, Any]]:
        """The rows of `detector_state` for this monitor."""
        return [
            {
                "monitor_id": self.id,
                "kind": one.name,
                "series": self.series,
                "version": one.kind.detector.version,
                "next_window": self.next_window,
                "next_tick": next_tick,
                # A `KindState`. Making plain dictionaries of it first would cost three times as much.
                "state": msgspec.Raw(
                    _as_stored({"detector": one.state, "episode": one.episode, "aside": one.aside})
                ),
            }
            for one in self.standings
        ]


# The windows of many monitors begin at the same times.
_holiday = lru_cache(maxsize=4096)(holiday_name)


def fresh(defined: Defined[Monitor]) -> JudgedMonitor:
    """A monitor about which nothing is known yet."""
    monitor = defined.value
    return JudgedMonitor(
        defined=defined,
        standings=tuple(Standing(kind, kind.detector.initial()) for kind in detectors(monitor.zone)),
        sensitivity=Sensitivity(false_alerts_per_week=monitor.false_alerts_per_week),
    )


class Memory:
    """The decoded states that this process has committed.

    A state belongs to the `next_tick` that was written with it. Every judge claims a monitor first, and each claim moves the next
    tick on. So while the next tick is the same, the state is the same.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._known: dict[str, JudgedMonitor] = {}

    def keep(self, monitors: Iterable[JudgedMonitor]) -> None:
        """Remember the states of judged monitors, once they are committed."""
        for one in monitors:
            if one.stored and (len(self._known) < self._most or one.id in self._known):
                for standing in one.standings:
                    standing.aside = standing.stored_aside
                self._known[one.id] = one

    def take(self, defined: Defined[Monitor], next_tick: datetime | None) -> JudgedMonitor | None:
        """The monitor in its last state, if nobody has judged it since. The memory gives it away and forgets it, because nobody
        knows yet whether the next change to it will be committed.
        """
        known = self._known.pop(defined.id, None)
        if known is None or known.defined is not defined or known.next_tick != next_tick:
            return None
        return known

    def forget(self) -> None:
        self._known = {}
