"""Episodes: what a closed window says of a story that goes on."""

from __future__ import annotations

from typing import Any

from processors.detection.episode import CALM_WINDOWS, Episode, after_close
from processors.signals.registry import WINDOW
from processors.signals.types import Reading
from tests.contracts.worlds import MONDAY

OVER: dict[str, Any] = {"score": 3.1, "over": True, "hour": 4.0}
A_HAIR_BELOW: dict[str, Any] = {"score": 1.0, "hour": 3.9}
LOWER: dict[str, Any] = {"score": 1.0, "hour": 2.9}
QUIET: dict[str, Any] = {"score": 0.1, "hour": 0.2}


def window(
    place: int, score: float, *, over: bool = False, hour: float | None = None, complete: bool = True
) -> Reading:
    hours = {} if hour is None else {"hour_score": hour}
    start = MONDAY + place * WINDOW
    detail = {"threshold": 3.0, "complete": complete, **hours}
    return Reading("volume", start, WINDOW, score, 30.0, 2.0, 0.0, 6.0, over, "warm", detail=detail)


def told(*windows: dict[str, Any]) -> tuple[Episode, list[str | None]]:
    episode = Episode()
    return episode, [
        after_close(episode, window(place, **one), speaks=False) for place, one in enumerate(windows)
    ]


def test_a_window_a_hair_below_the_limit_confirms_the_one_before_it() -> None:
    # Southwest, 17 February 2015: 34 mentions in an hour where 1.4 were due, then 38. The alert waited for a second window that
    # is over, while the talk stayed at ten times what was due for hours. When that calmed, the alert was given up.
    episode, news = told(OVER, A_HAIR_BELOW, A_HAIR_BELOW)
    assert news == ["over", "over", None]
    assert episode.windows_over == 2


def test_the_limit_that_an_alert_raised_does_not_deny_it() -> None:
    # Santa Maria, 27 January 2013: a leap of 18 nats and then of 17.4, with scores of 3.47 and 2.80, because the alert had raised
    # the limit of its own path by a fifth. The alert came two hours later.
    assert told({"score": 3.47, "over": True, "hour": 2.1}, {"score": 2.80, "hour": 2.1})[1] == [
        "over",
        "over",
    ]
    assert told({"score": 3.47, "over": True, "hour": 2.1}, {"score": 2.49, "hour": 2.1})[1] == ["over", None]


def test_an_hour_below_the_limit_confirms_nothing() -> None:
    assert told(OVER, LOWER, LOWER)[1] == ["over", None, None]
    assert told(OVER, *[QUIET] * CALM_WINDOWS)[1] == ["over", *[None] * (CALM_WINDOWS - 1), "calm"]


def test_a_high_hour_begins_nothing_by_itself() -> None:
    assert told(A_HAIR_BELOW, A_HAIR_BELOW)[1] == [None, None]


def test_what_was_not_heard_confirms_nothing() -> None:
    assert told(OVER, A_HAIR_BELOW | {"complete": False})[1] == ["over", None]


def test_a_kind_without_hours_waits_for_a_window_that_is_over() -> None:
    assert told({"score": 4.0, "over": True}, {"score": 4.0})[1] == ["over", None]
