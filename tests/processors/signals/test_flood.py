"""Flood: many authors of one text, against what this monitor is used to."""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from processors.signals import flood
from processors.signals.flood import Flood, FloodState, in_the_hour
from processors.signals.types import OneText, Sensitivity, WindowCounts, WindowFindings
from tests.contracts.worlds import FIVE, MONDAY, PROMISE

DETECTOR = Flood(UTC, FIVE)


def window(hours: float, authors: int = 0, count: int = 3) -> WindowCounts:
    told = WindowFindings(text=OneText(authors, 2 * authors)) if authors else WindowFindings()
    return WindowCounts(MONDAY + timedelta(hours=hours), FIVE, count, heard=told)


def taught(*authors: int) -> FloodState:
    """The state after days on each of which one text had so many authors at most."""
    state = DETECTOR.initial()
    for day, most in enumerate(authors):
        one = window(24 * day, most)
        state = DETECTOR.learn(state, one, DETECTOR.judge(state, one, PROMISE))
    return state


@pytest.mark.parametrize(
    ("usual", "authors", "score"),
    [((0, 2, 1), 9, 2.543991), ((0, 2, 1), 10, 3.0), ((12, 12, 30), 20, 2.210897), ((12, 12, 30), 48, 6.0)],
)
def test_a_flood_has_twice_the_authors_that_are_usual_and_ten_at_least(
    usual: tuple[int, ...], authors: int, score: float
) -> None:
    reading = DETECTOR.judge(taught(*usual), window(75, authors), PROMISE)
    assert (reading.score, reading.over) == (score, score >= 3)
    assert reading.observed == authors


def test_a_monitor_learns_for_a_day_which_texts_are_usual() -> None:
    reading = DETECTOR.judge(taught(0), window(23, 80), PROMISE)
    assert (reading.state, reading.over) == ("learning", False)
    assert DETECTOR.judge(taught(0), window(24, 80), PROMISE).over


def test_a_flood_is_told_once_a_day_unless_it_doubles() -> None:
    state, first = taught(0, 0, 0), window(75, 16)
    state = DETECTOR.learn(state, first, DETECTOR.judge(state, first, PROMISE))
    assert DETECTOR.judge(state, window(76, 20), PROMISE).detail["reason"] == "told within a day"
    assert DETECTOR.judge(state, window(76, 32), PROMISE).over


def test_a_stricter_promise_asks_for_more_authors() -> None:
    state, strict = taught(0, 0, 0), Sensitivity(false_alerts_per_week=0.2)
    assert not DETECTOR.judge(state, window(75, 10), strict).over
    assert DETECTOR.judge(state, window(75, 20), strict).over


def test_an_hour_is_the_windows_that_were_heard_in_it() -> None:
    state = DETECTOR.initial()
    for n in range(20):
        one = window(n / 12, count=2)
        state = DETECTOR.learn(state, one, DETECTOR.judge(state, one, PROMISE))
    assert in_the_hour(state, window(20 / 12)) == 11 * 2 + 3
    assert in_the_hour(state, window(20 / 12 + 0.5)) == 5 * 2 + 3
    assert in_the_hour(state, window(9)) == 3
    deaf = msgspec.structs.replace(window(20 / 12, 40), complete=False)
    assert not DETECTOR.judge(taught(0, 0, 0), deaf, PROMISE).over


def test_the_arithmetic_comes_out_by_hand() -> None:
    state, now = taught(12, 7, 30), window(75, 17)
    steps = flood.steps(state, now, DETECTOR.judge(state, now, PROMISE), ZoneInfo("UTC"), 1.0)
    assert [(one.value, one.same) for one in steps] == [(12, True), (pytest.approx(1.507501), True)]
    assert steps[1].formula == "3 * log2(17 / 12), from 0 to 6"
