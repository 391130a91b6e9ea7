"""Reach: who is heard far, against whom this monitor is used to."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from processors.signals import reach
from processors.signals.reach import Reach, ReachState
from processors.signals.types import FarVoice, WindowCounts, WindowFindings
from tests.contracts.worlds import FIVE, MONDAY, PROMISE

DETECTOR = Reach()


def window(hours: float, *voices: FarVoice) -> WindowCounts:
    at = MONDAY + timedelta(hours=hours)
    return WindowCounts(
        at, FIVE, 3, 1, 3, reach=sum(v.reach for v in voices), heard=WindowFindings(voices=voices)
    )


def said(followers: int, *, against: bool = True, outlet: str = "") -> FarVoice:
    return FarVoice("x", "1", followers, outlet, against)


def taught(*days: tuple[FarVoice, ...]) -> ReachState:
    """The state after days on each of which these people spoke once."""
    state = DETECTOR.initial()
    for number, voices in enumerate(days):
        one = window(24 * number, *voices)
        state = DETECTOR.learn(state, one, DETECTOR.judge(state, one, PROMISE))
    return state


QUIET_DAYS: tuple[tuple[FarVoice, ...], ...] = ((), (), ())
LOUD_DAYS = ((said(400_000, against=False),),) * 3


def test_an_influential_author_who_complains_of_a_brand_that_has_none_is_over_at_once() -> None:
    reading = DETECTOR.judge(taught(*QUIET_DAYS), window(75, said(200_000)), PROMISE)
    assert (reading.over, reading.score, reading.observed) == (True, 6.0, 1.0)


def test_praise_alerts_nobody() -> None:
    reading = DETECTOR.judge(taught(*QUIET_DAYS), window(75, said(10**7, against=False)), PROMISE)
    assert (reading.over, reading.detail["reason"]) == (False, "nobody who is heard far speaks against it")


@pytest.mark.parametrize(("followers", "over"), [(400_000, False), (790_000, False), (800_000, True)])
def test_a_brand_of_which_such_people_speak_daily_hears_twice_the_usual_first(
    followers: int, over: bool
) -> None:
    assert DETECTOR.judge(taught(*LOUD_DAYS), window(75, said(followers)), PROMISE).over is over


def test_an_outlet_that_writes_against_it_every_day_is_no_news_and_three_times_is() -> None:
    daily = taught(*((said(0, outlet="news.example"),),) * 3)
    one, three = (window(75, *[said(0, outlet="news.example")] * n) for n in (1, 3))
    assert not DETECTOR.judge(daily, one, PROMISE).over
    assert DETECTOR.judge(daily, three, PROMISE).over
    assert DETECTOR.judge(taught(*QUIET_DAYS), one, PROMISE).over


def test_a_story_is_told_once_a_day_unless_somebody_twice_as_loud_speaks() -> None:
    state, first = taught(*QUIET_DAYS), window(75, said(200_000))
    state = DETECTOR.learn(state, first, DETECTOR.judge(state, first, PROMISE))
    assert not DETECTOR.judge(state, window(76, said(300_000)), PROMISE).over
    assert DETECTOR.judge(state, window(76, said(400_000)), PROMISE).over


def test_a_window_that_was_not_heard_in_full_raises_nothing() -> None:
    deaf = msgspec.structs.replace(window(75, said(200_000)), complete=False)
    assert not DETECTOR.judge(taught(*QUIET_DAYS), deaf, PROMISE).over


@pytest.mark.parametrize("outlet", ["", "news.example"])
def test_the_arithmetic_comes_out_by_hand(outlet: str) -> None:
    state, loud = taught(*LOUD_DAYS), window(75, said(900_000, outlet=outlet))
    reading = DETECTOR.judge(state, loud, PROMISE)
    steps = reach.steps(state, loud, reading, None, 1.0)
    assert all(step.same for step in steps)
    assert steps[-1].value == pytest.approx(reading.score)
