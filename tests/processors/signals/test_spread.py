"""Spread: over its usual on a second network, or in a second language, within hours."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from processors.signals import spread
from processors.signals.spread import Spread, SpreadState
from processors.signals.types import Reading, TalkPlace, WindowCounts, WindowFindings
from tests.contracts.worlds import FIVE, MONDAY, PROMISE
from tocsin.core.signal import Agreement, SpreadPlace

DETECTOR = Spread()
KNOWN = SpreadState(first=MONDAY)


def window(hours: float, **networks: int) -> WindowCounts:
    """A window of a monitor that is due twelve mentions an hour, most on x; so many came in the last hour, by network."""
    usual = {"x": 0.9, "reddit": 0.1}
    places = tuple(TalkPlace("network", name, seen, usual.get(name, 0.0)) for name, seen in networks.items())
    at = MONDAY + timedelta(days=2, hours=hours)
    return WindowCounts(at, FIVE, 9, due=1.0, heard=WindowFindings(places=places))


def judged(*windows: WindowCounts) -> list[Reading]:
    state, readings = KNOWN, []
    for one in windows:
        readings.append(DETECTOR.judge(state, one, PROMISE))
        state = DETECTOR.learn(state, one, readings[-1])
    return readings


def test_a_talk_on_one_network_has_not_spread() -> None:
    assert not any(one.over for one in judged(window(0, x=90, reddit=1), window(1, x=200, reddit=2)))


def test_it_spreads_when_a_second_network_is_over_its_own_usual_within_hours() -> None:
    first, second = judged(window(0, x=90, reddit=1), window(2, x=30, reddit=14))
    assert (first.over, second.over, second.observed) == (False, True, 2.0)
    names = [(one["value"], one["seen"]) for one in second.detail["places"]]
    assert names == [("x", 90), ("reddit", 14)]


def test_six_hours_later_it_is_another_talk() -> None:
    assert not judged(window(0, x=90), window(7, reddit=14))[-1].over


def test_a_few_on_a_network_that_was_never_heard_are_no_spread() -> None:
    assert not judged(window(0, x=90, forum=4))[-1].over
    assert judged(window(0, x=90, forum=10))[-1].over


def test_a_network_that_always_has_its_part_is_no_spread() -> None:
    assert not judged(window(0, x=90, reddit=2), window(1, x=90, reddit=3))[-1].over


def test_the_arithmetic_comes_out_by_hand() -> None:
    [reading] = judged(window(0, x=90, reddit=14))
    places = msgspec.convert(reading.detail["places"], list[SpreadPlace])
    steps = spread.checks(Agreement("spread", reading.score, 2.0, 1.0, 1.0, 1.0, 3600.0, places))
    assert len(steps) == 2
    assert all(step.same for step in steps)
