"""Spread: the talk is over its usual on a second network, or in a second language, within hours.

A network (or a language) is hot when the mentions of the last hour there are five or more, twice what is due there, and three of
its own deviations above it. Due there is what the monitor is due, times the share that the network had in the two weeks before.
It stays hot for six hours. Two hot networks, one of them now, are a spread: first seen on this one at that time, now also on that
one. A spread opens no alert: the alert of the volume names it. The store is not asked for places while the volume is far from an
alert.

`detail`: span_s, complete, threshold, places (those that spread, each {dimension, value, since, until, seen, due, z}, the first
first), hot (all that are hot, as the state keeps them), reason.
"""

# ruff: noqa: ARG002  # the port has arguments that this kind does not need

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from processors.signals.beside import Beside, bounded, learns, reaches
from processors.signals.calculation import Calculation, shown
from processors.signals.types import Reading, Sensitivity, WindowCounts
from tocsin.core.clock import HOUR
from tocsin.core.counts import steady
from tocsin.core.signal import Agreement, SpreadPlace

HOT_FOR = timedelta(hours=6)
AT_LEAST, TWICE, DEVIATIONS = 5, 2.0, 3.0
# The spread of talk on the steady scale, and the share that a place has which was never heard.
SPREAD, LEAST_SHARE = 1.5, 0.01
# The hot places that are kept.
MOST = 12


class SpreadState(msgspec.Struct, frozen=True):
    """The memory of one monitor. The figures of a hot place are of the hour in which it was furthest over."""

    first: datetime | None = None
    hot: tuple[SpreadPlace, ...] = ()


class Spread(Beside[SpreadState]):
    """The detector. It needs `due`, which the volume detector gives, and `heard.places`."""

    kind = "spread"
    version = "spread-1"

    def initial(self) -> SpreadState:
        return SpreadState()

    def judge(self, state: SpreadState, window: WindowCounts, sensitivity: Sensitivity) -> Reading:
        learning = learns(state.first, window.start)
        hot = _hot(state, window) if state.hot or window.heard.places else ()
        spread = _spread(hot, window.end) if hot else []
        score = bounded(max((one.z for one in spread if one.until == window.end), default=0.0))
        over = bool(spread) and reaches(window, sensitivity, score, learning=learning)
        return self.reading(
            window,
            sensitivity,
            max(HOUR, window.length),
            {
                "places": msgspec.to_builtins(spread),
                "hot": msgspec.to_builtins([*hot]),
                "reason": "spreads"
                if over
                else "learning what is usual where"
                if learning
                else "in one place",
            },
            score=score,
            observed=float(len(spread)),
            expected=1.0,
            interval=(1.0, 1.0),
            learning=learning,
            over=over,
        )

    def quiet(self, state: SpreadState, window: WindowCounts, sensitivity: Sensitivity) -> SpreadState | None:
        """The state where no place is hot, and the store was not asked for places."""
        return state if state.first is not None and not state.hot and not window.heard.places else None

    def may_be_over(self, state: SpreadState, window: WindowCounts, sensitivity: Sensitivity) -> bool:
        return bool(window.heard.places)

    def learn(self, state: SpreadState, window: WindowCounts, reading: Reading) -> SpreadState:
        if not window.complete:
            return state
        if state.first and not state.hot and not reading.detail["hot"]:
            return state
        hot = msgspec.convert(reading.detail["hot"], tuple[SpreadPlace, ...])
        return SpreadState(state.first or window.start, hot)

    def accept(self, state: SpreadState) -> SpreadState:
        return msgspec.structs.replace(state, hot=())


def checks(agreement: Agreement) -> list[Calculation]:
    """The arithmetic behind a spread that stands in an alert's evidence."""
    return [
        Calculation(
            name="Distance where it spread (z)",
            formula=f"{one.value}: (g({one.seen}) - g({shown(one.due)})) / {SPREAD}",
            value=_z(one.seen, one.due),
            judged=one.z,
        )
        for one in agreement.places
    ]


def _z(seen: int, due: float) -> float:
    return round((steady(seen) - steady(due)) / SPREAD, 4)


def _hot(state: SpreadState, window: WindowCounts) -> tuple[SpreadPlace, ...]:
    """The places that are hot now or were in the last six hours, the first first."""
    found = {(one.dimension, one.value): one for one in state.hot if window.end - one.until < HOT_FOR}
    due_an_hour = (window.due or 0.0) * (HOUR / window.length)
    for place in window.heard.places or ():
        due = due_an_hour * max(LEAST_SHARE, place.share)
        z = _z(place.seen, due)
        if place.seen >= AT_LEAST and place.seen >= TWICE * due and z >= DEVIATIONS:
            key = place.dimension, place.value
            before = found.get(key)
            new = SpreadPlace(*key, window.start, window.end, place.seen, round(due, 4), z)
            found[key] = new if before is None else _longer(before, new)
    ordered = sorted(found.values(), key=lambda one: (one.since, one.dimension, one.value))
    return tuple(ordered[-MOST:])


def _longer(before: SpreadPlace, now: SpreadPlace) -> SpreadPlace:
    worst = now if now.z > before.z else before
    return msgspec.structs.replace(worst, since=before.since, until=now.until)


def _spread(hot: tuple[SpreadPlace, ...], end: datetime) -> list[SpreadPlace]:
    """The places of the dimension in which the talk has spread: two or more, one of them hot now. Networks before languages."""
    for dimension in ("network", "lang"):
        places = [one for one in hot if one.dimension == dimension]
        if len(places) > 1 and any(one.until == end for one in places):
            return places
    return []
