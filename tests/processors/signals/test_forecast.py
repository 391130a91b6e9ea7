"""A forecast of the next hours: near what comes by a season, with an interval that holds it, and none before a day is known."""

from __future__ import annotations

import random
from datetime import UTC

from processors.signals.forecast import FROM_HOURS, forecasts, held
from processors.signals.volume import Volume, VolumeState
from tests.contracts.worlds import FIVE, MONDAY, PROMISE, day_and_night, noisy, windows


def taught(counts: list[int]) -> VolumeState:
    volume = Volume(UTC, FIVE)
    state = volume.initial()
    for window in windows(counts):
        state, _, _ = volume.step(state, window, PROMISE)
    return state


def talk(hours: int) -> list[int]:
    dice = random.Random(8)
    return [noisy(dice, 4 * day_and_night(i)) for i in range(12 * hours)]


def test_there_is_none_before_a_day_is_known() -> None:
    assert forecasts(taught(talk(FROM_HOURS - 2)), MONDAY + 12 * (FROM_HOURS - 2) * FIVE, FIVE, UTC) == ()


def test_most_of_what_comes_lies_in_the_interval() -> None:
    counts, volume = talk(24 * 4), Volume(UTC, FIVE)
    state, told = volume.initial(), []
    for n, window in enumerate(windows(counts[: -12 * 6])):
        for one in forecasts(state, window.start, FIVE, UTC) if n >= 12 * 72 and n % 24 == 0 else ():
            assert one.lower <= one.expected <= one.upper
            told.append(one.lower <= sum(counts[n : n + 12 * one.hours]) <= one.upper)
        state, _, _ = volume.step(state, window, PROMISE)
    assert sum(told) >= 0.8 * len(told) > 10
    # The same is said of the hours behind the expectation, by what came in them.
    first = MONDAY.toordinal() * 24
    came = {first + hour: sum(counts[12 * hour : 12 * hour + 12]) for hour in range(24 * 3)}
    so_far = held(state.expected, FIVE, came)
    assert so_far[1][1] == 24 * 3 - 30 and so_far[6][1] == 24 * 3 - 30 - 5
    assert all(n >= 0.8 * of for n, of in so_far.values()), so_far
    # Ten times as much as was told came in no interval.
    loud = held(state.expected, FIVE, {hour: 10 * n + 100 for hour, n in came.items()})
    assert [n for n, _ in loud.values()] == [0, 0]


def test_what_is_loud_now_is_louder_ahead_and_calms() -> None:
    calm = talk(24 * 3)
    loud = [*calm[:-12], *(9 * one for one in calm[-12:])]
    at = MONDAY + 12 * 24 * 3 * FIVE
    (hour, six), (loud_hour, loud_six) = (forecasts(taught(one), at, FIVE, UTC) for one in (calm, loud))
    assert 2 * hour.expected < loud_hour.expected < 9 * hour.expected
    assert loud_six.expected / six.expected < loud_hour.expected / hour.expected
