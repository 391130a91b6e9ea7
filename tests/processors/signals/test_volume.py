"""Volume, on the days of made-up brands."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest

from processors.signals.types import Sensitivity, WindowCounts, calm
from processors.signals.volume import Volume, VolumeState
from tests.contracts.worlds import (
    DAY,
    FIVE,
    MONDAY,
    PROMISE,
    background,
    day_and_night,
    fold,
    noisy,
    onsets,
    windows,
)


@pytest.fixture(scope="module")
def known_brand() -> VolumeState:
    """Ten days of a brand with some 60 mentions an hour by day and 12 by night."""
    state: VolumeState = fold(Volume(), windows(background(1, 10, 40)))[0]
    return state


def after_ten_days(counts: list[int], hour: int = 12) -> list[WindowCounts]:
    """Windows that begin ten days later, at this hour of the day."""
    return windows(counts, MONDAY + timedelta(days=10, hours=hour))


def to_noon(state: VolumeState) -> VolumeState:
    state, _ = fold(Volume(), windows(background(2, 0.5, 40), MONDAY + timedelta(days=10)), state)
    return state


def crowd(seed: int, factor: list[float], hour: int = 12, per_hour: float = 40) -> list[int]:
    rng = random.Random(seed)
    return [noisy(rng, per_hour / 12 * day_and_night(i + hour * 12) * f, 0.1) for i, f in enumerate(factor)]


@pytest.mark.slow("folds days of windows")
def test_a_sudden_burst_is_over_within_two_windows(known_brand: VolumeState) -> None:
    _, readings = fold(Volume(), after_ten_days(crowd(3, [10.0] * 6)), to_noon(known_brand))
    assert any(r.over for r in readings[:2])
    assert readings[1].observed > 2 * readings[1].expected
    assert readings[1].lower < readings[1].expected < readings[1].upper < readings[1].observed


def test_a_slow_ramp_is_seen_in_the_longer_spans(known_brand: VolumeState) -> None:
    ramp = [1 + 4 * min(1.0, i / 72) for i in range(120)]
    _, readings = fold(Volume(), after_ten_days(crowd(4, ramp)), to_noon(known_brand))
    first = next(i for i, r in enumerate(readings) if r.over)
    assert first <= 84
    assert any(r.over and r.detail["span_s"] >= 3600 for r in readings)


@pytest.mark.slow("folds days of windows")
def test_day_and_night_are_no_news() -> None:
    _, readings = fold(Volume(), windows(background(5, 12, 40, extra=0.05)))
    assert onsets(readings) == []


def test_expectation_follows_the_hour(known_brand: VolumeState) -> None:
    by_day = Volume().judge(known_brand, after_ten_days([0], hour=15)[0], PROMISE)
    by_night = Volume().judge(known_brand, after_ten_days([0], hour=3)[0], PROMISE)
    assert by_day.detail["window_expected"] > 3 * by_night.detail["window_expected"]


@pytest.mark.slow("learns weeks of windows")
def test_the_hour_is_that_of_the_monitors_own_zone() -> None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    # The clocks change on 8 March 2026.
    summer = MONDAY + timedelta(days=6)
    rng = random.Random(6)
    series = [
        WindowCounts(at, FIVE, noisy(rng, 8 if 9 <= at.astimezone(zone).hour < 21 else 0.5, 0))
        for at in (MONDAY - timedelta(days=14) + i * FIVE for i in range(20 * DAY))
    ]
    detector = Volume(zone)
    state, _ = fold(detector, series)
    noon = detector.judge(state, WindowCounts(summer + timedelta(hours=16), FIVE, 8), PROMISE)
    five = detector.judge(state, WindowCounts(summer + timedelta(hours=9), FIVE, 0), PROMISE)
    assert noon.detail["window_expected"] > 5 * five.detail["window_expected"]


@pytest.mark.slow("judges weeks of windows")
@pytest.mark.parametrize("per_hour", [1, 12, 200])
def test_overdispersed_noise_keeps_the_promise(per_hour: float) -> None:
    weeks, alerts = 0.0, 0
    for seed in (11, 12):
        _, readings = fold(Volume(), windows(background(seed, 14, per_hour, extra=0.6)))
        weeks, alerts = weeks + 2, alerts + len(onsets(readings))
    assert alerts / weeks <= 1.0


def test_a_tighter_promise_never_alerts_more(known_brand: VolumeState) -> None:
    series = after_ten_days(crowd(7, [1.0] * 24 + [3.0] * 72))
    strict = fold(Volume(), series, to_noon(known_brand), Sensitivity(false_alerts_per_week=0.05))[1]
    loose = fold(Volume(), series, to_noon(known_brand), Sensitivity(false_alerts_per_week=10))[1]
    assert all(b.over for a, b in zip(strict, loose, strict=True) if a.over)
    assert sum(r.over for r in strict) < sum(r.over for r in loose)
    assert [r.score for r in strict] != []


def test_a_crisis_is_not_learned_while_it_happens(known_brand: VolumeState) -> None:
    before = to_noon(known_brand)
    after, _ = fold(Volume(), after_ten_days(crowd(8, [8.0] * 72)), before)
    next_noon = after_ten_days([0], hour=36)[0]
    due = [Volume().judge(state, next_noon, PROMISE).detail["window_expected"] for state in (before, after)]
    assert due[1] < 1.4 * due[0]


@pytest.mark.slow("folds days of windows")
def test_a_change_that_stays_is_normal_within_ten_days(known_brand: VolumeState) -> None:
    state, readings = fold(
        Volume(), windows(background(9, 12, 120), MONDAY + timedelta(days=10)), known_brand
    )
    assert any(r.over for r in readings[:DAY])
    assert not any(r.over for r in readings[10 * DAY :])
    assert 12 * state.expected.level > 90


def test_a_person_may_accept_the_new_normal_at_once(known_brand: VolumeState) -> None:
    raised, readings = fold(Volume(), after_ten_days(crowd(10, [6.0] * 72)), to_noon(known_brand))
    assert readings[-1].over
    following = after_ten_days(crowd(11, [6.0] * 72, hour=18), hour=18)
    _, readings = fold(Volume(), following, Volume().accept(raised))
    assert not any(r.over for r in readings)


def test_an_alert_calms_after_the_crowd_has_gone_and_not_before(known_brand: VolumeState) -> None:
    there, gone = [10.0] * 24, [1.0] * 48
    _, readings = fold(Volume(), after_ten_days(crowd(12, there + gone)), to_noon(known_brand))
    assert not any(calm(r) for r in readings[1:24])
    assert sum(calm(r) for r in readings[24 + 14 :]) > 0.7 * len(readings[24 + 14 :])


def test_missing_windows_are_unknown_and_not_zero(known_brand: VolumeState) -> None:
    later = windows(background(13, 2, 40), MONDAY + timedelta(days=13))
    state, readings = fold(Volume(), later, known_brand)
    assert not any(r.over for r in readings)
    assert 0.8 < state.expected.level / known_brand.expected.level < 1.25


def test_an_open_window_may_cross_early(known_brand: VolumeState) -> None:
    state = to_noon(known_brand)
    so_far = Volume().judge(state, after_ten_days([60])[0], PROMISE)
    assert so_far.over


@pytest.mark.slow("folds days of windows")
def test_nobody_is_woken_by_a_handful() -> None:
    quiet = [1 if i % 200 == 0 else 0 for i in range(14 * DAY)]
    state, readings = fold(Volume(), windows(quiet))
    assert not any(r.over for r in readings)
    assert not Volume().judge(state, WindowCounts(MONDAY + timedelta(days=14), FIVE, 7), PROMISE).over
    few = Sensitivity(at_least_mentions=20)
    reading = Volume().judge(state, WindowCounts(MONDAY + timedelta(days=14), FIVE, 19), few)
    assert (reading.over, reading.detail["reason"]) == (False, "too few mentions")
    assert Volume().judge(state, WindowCounts(MONDAY + timedelta(days=14), FIVE, 9), PROMISE).over


def test_a_brand_nobody_mentions_is_known_to_be_silent() -> None:
    """Silence that was heard is knowledge: the first crowd is news after a few posts."""
    state, readings = fold(Volume(), windows([0] * 500))
    assert {r.over for r in readings} == {False}
    burst = windows([1, 3, 8], MONDAY + 500 * FIVE)
    assert [r.over for r in fold(Volume(), burst, state)[1]] == [False, False, True]


def test_silence_that_was_not_heard_is_no_knowledge() -> None:
    deaf = [WindowCounts(MONDAY + i * FIVE, FIVE, 0, complete=False) for i in range(500)]
    state, _ = fold(Volume(), deaf)
    assert state == Volume().initial()
    _, readings = fold(Volume(), windows([1, 3, 8, 20], MONDAY + 500 * FIVE), state)
    assert {r.state for r in readings} == {"learning"}


def test_the_first_two_hours_are_learning_whatever_comes() -> None:
    _, readings = fold(Volume(), windows([1] * 6 + [90] * 18))
    assert {r.state for r in readings} == {"learning"}
    assert not any(r.over for r in readings)


def test_a_burst_a_few_hours_after_the_first_mention_is_seen() -> None:
    hours = [1 if i in (0, 30, 60) else 0 for i in range(96)]
    _, readings = fold(Volume(), windows([*hours, 2, 4, 9, 20]))
    assert any(r.over for r in readings[96:])


def test_a_collector_that_begins_at_full_volume_is_no_crisis() -> None:
    """Three days in which nothing could be heard, and then all at once a busy brand with its day and night."""
    rng = random.Random(14)
    deaf = [WindowCounts(MONDAY + i * FIVE, FIVE, 0, complete=False) for i in range(1050)]
    busy = [noisy(rng, 8 * day_and_night(1050 + i), 0.15) for i in range(2 * DAY)]
    _, readings = fold(Volume(), [*deaf, *windows(busy, MONDAY + 1050 * FIVE)])
    assert onsets(readings) == []


def test_growth_over_hours_on_a_first_day_is_seen() -> None:
    """From four an hour to three hundred over five hours, as after a fire at night."""
    rng = random.Random(18)
    hours = [4, 4, 4, 12, 40, 90, 180, 300]
    counts = [noisy(rng, hours[i // 12] / 12, 0.1) for i in range(12 * len(hours))]
    _, readings = fold(Volume(), windows(counts))
    first = next(i for i, r in enumerate(readings) if r.over)
    assert 36 < first < 72


def test_a_first_morning_is_no_crisis() -> None:
    rng = random.Random(15)
    night = [noisy(rng, 0.8, 0.1) for i in range(96)]
    morning = [noisy(rng, min(2.4, 0.8 + i / 24), 0.1) for i in range(96)]
    _, readings = fold(Volume(), windows(night + morning))
    assert onsets(readings) == []


def test_on_course_for_tenfold_needs_growth_and_more_than_a_few(known_brand: VolumeState) -> None:
    def course(factor: list[float]) -> bool:
        state, window, reading = to_noon(known_brand), None, None
        for window in after_ten_days(crowd(16, factor)):
            before, reading = state, Volume().judge(state, window, PROMISE)
            state = Volume().learn(state, window, reading)
        assert window is not None
        assert reading is not None
        return bool(Volume().tells(before, window, reading, speaks=True)["tenfold"])

    assert course([1.0] * 12 + [4.0] * 12)
    assert course([12.0] * 24)
    assert not course([3.0] * 24)
    assert not course([1.0] * 24)
    assert not course([6.0] * 12 + [3.0] * 12)


def test_windows_of_another_length_are_judged_alike() -> None:
    length = timedelta(hours=1)
    counts = background(17, 14, 480)
    hourly = [sum(counts[i : i + 12]) // 12 for i in range(0, len(counts), 12)]
    state, readings = fold(Volume(length=length), windows(hourly, length=length))
    assert onsets(readings, quiet=6) == []
    reading = Volume(length=length).judge(
        state, WindowCounts(MONDAY + timedelta(days=14), length, 400), PROMISE
    )
    assert reading.over


def test_a_window_that_was_learned_is_not_learned_again(known_brand: VolumeState) -> None:
    window = after_ten_days([40], hour=0)[0]
    reading = Volume().judge(known_brand, window, PROMISE)
    once = Volume().learn(known_brand, window, reading)
    assert Volume().learn(once, window, reading) == once


def test_what_is_kept_is_small(known_brand: VolumeState) -> None:
    assert len(msgspec.json.encode(known_brand)) < 16_384


@pytest.mark.parametrize("seed", range(4))
def test_what_is_over_is_seen_from_the_counts(seed: int) -> None:
    rng = random.Random(seed)
    counts = [n * (10 if i > DAY and i % 200 < 6 else 1) for i, n in enumerate(background(seed, 4, 30))]
    detector = Volume()
    state, over, passed_over = detector.initial(), 0, 0
    for window in windows(counts):
        if rng.random() < 0.1:
            # A window that is missing.
            continue
        reading, may = detector.judge(state, window, PROMISE), detector.may_be_over(state, window, PROMISE)
        assert may or not reading.over
        over, passed_over = over + reading.over, passed_over + (not may)
        state = detector.learn(state, window, reading)
    assert over and passed_over > len(counts) / 10


def test_who_was_all_but_silent_needs_few_mentions_that_go_on() -> None:
    # Thirty silent hours that were heard, then a post each quarter of an hour.
    posts = [0] * (30 * 12) + [1 if i % 3 == 0 else 0 for i in range(6 * 12)]
    _, readings = fold(Volume(), windows(posts))
    first = next(i for i, r in enumerate(readings) if r.over)
    assert readings[first].detail["path"] == "rise"
    assert 8 <= sum(posts[: first + 1]) <= 17


def test_a_state_from_before_the_leap_goes_on(known_brand: VolumeState) -> None:
    kept = msgspec.to_builtins(known_brand)
    del kept["leap"]
    assert msgspec.convert(kept, VolumeState) == msgspec.structs.replace(known_brand, leap=VolumeState().leap)
    window = after_ten_days([9])[0]
    reading = Volume().judge(known_brand, window, PROMISE)
    del reading.detail["leap"]
    assert Volume().learn(known_brand, window, reading).leap == VolumeState().leap


def test_a_promise_moves_what_a_burst_needs(known_brand: VolumeState) -> None:
    state, detector = to_noon(known_brand), Volume()

    def needs(promise: float) -> int:
        asked = Sensitivity(false_alerts_per_week=promise)
        return next(n for n in range(1, 600) if detector.judge(state, after_ten_days([n])[0], asked).over)

    needed = [needs(promise) for promise in (0.1, 0.5, 1, 2, 10)]
    assert needed == sorted(set(needed), reverse=True)
    assert needed[0] > 1.5 * needed[2] > 1.5 * 1.3 * needed[4]
