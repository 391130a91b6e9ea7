"""Silence: nothing where something is the rule, and no alert on nights that are always quiet."""

from __future__ import annotations

import random
from datetime import UTC, timedelta

import msgspec
import pytest

from processors.signals import silence
from processors.signals.registry import detectors
from processors.signals.silence import SilenceDetector, SilenceState
from processors.signals.types import Reading, WindowCounts
from processors.signals.volume import Volume
from tests.contracts.worlds import DAY, FIVE, MONDAY, PROMISE, noisy

DETECTOR = SilenceDetector()
DAYS = 5


def due(i: int) -> float:
    """Three mentions an hour from eight to ten at night, and one in ten hours at night."""
    return 0.25 if 8 <= i % DAY / 12 < 22 else 0.008


def quiet_from(first: int, windows: int, *, complete: bool = True) -> tuple[SilenceState, list[Reading]]:
    """Days of talk by that season; from window `first` on nobody speaks."""
    dice, state, readings = random.Random(3), DETECTOR.initial(), []
    for i in range(windows):
        silent = i >= first
        count = 0 if silent else noisy(dice, due(i), extra=0.0)
        window = WindowCounts(MONDAY + i * FIVE, FIVE, count, complete=complete or not silent, due=due(i))
        readings.append(DETECTOR.judge(state, window, PROMISE))
        state = DETECTOR.learn(state, window, readings[-1])
    return state, readings


def test_nights_that_are_always_quiet_raise_nothing() -> None:
    _, readings = quiet_from(DAYS * DAY, DAYS * DAY)
    assert not [one for one in readings if one.over]
    assert readings[-1].state == "warm"


def test_the_first_night_of_a_monitor_that_began_in_the_morning_is_no_silence() -> None:
    """Its hours are not known before the day is over, so what is due is the mean of its talk by day."""
    dice, state, readings = random.Random(3), DETECTOR.initial(), []
    begun, mean = 4 * 12 + 5, 0.5
    for i in range(begun, 2 * DAY):
        count = noisy(dice, mean, extra=0.0) if 5 <= i % DAY / 12 < 24 else 0
        known = mean if i < begun + DAY else mean * (5 <= i % DAY / 12 < 24)
        window = WindowCounts(MONDAY + i * FIVE, FIVE, count, due=known)
        readings.append(DETECTOR.judge(state, window, PROMISE))
        quiet = DETECTOR.quiet(state, window, PROMISE)
        learnt = DETECTOR.learn(state, window, readings[-1])
        assert quiet in (None, learnt)
        state = learnt
    assert not [one for one in readings if one.over]
    assert max(one.expected for one in readings) < 12
    assert sum(one.expected for one in readings[:DAY]) == 0.0


def test_a_day_of_silence_is_told_once_by_day_with_what_was_due() -> None:
    _, readings = quiet_from(DAYS * DAY + 8 * 12, (DAYS + 1) * DAY)
    [told] = [one for one in readings if one.over]
    hours = (told.start - MONDAY - timedelta(days=DAYS)) / timedelta(hours=1)
    assert 11 < hours < 22
    assert (told.observed, told.expected >= 12) == (0.0, True)
    # The silence goes on, so the alert does not calm; it is not told again.
    assert readings[-1].score > PROMISE.threshold


def test_sources_that_are_not_heard_are_no_silence() -> None:
    _, readings = quiet_from(DAYS * DAY, (DAYS + 2) * DAY, complete=False)
    assert not [one for one in readings if one.over]


def bursts(*hours: int, days: int = 4) -> tuple[SilenceState, list[Reading]]:
    """Forty mentions in forty minutes at each of these hours, and nothing else; due is what the volume expects."""
    volume, state = Volume(), DETECTOR.initial()
    known, readings = volume.initial(), []
    for i in range(days * DAY):
        window = WindowCounts(MONDAY + i * FIVE, FIVE, 5 if any(0 <= i - 12 * at < 8 for at in hours) else 0)
        known, _, expected = volume.step(known, window, PROMISE)
        window = msgspec.structs.replace(window, due=expected)
        readings.append(DETECTOR.judge(state, window, PROMISE))
        quiet = DETECTOR.quiet(state, window, PROMISE)
        assert not readings[-1].over or DETECTOR.may_be_over(state, window, PROMISE)
        state = DETECTOR.learn(state, window, readings[-1])
        assert quiet in (None, state)
    return state, readings


@pytest.mark.parametrize("begun", [0, 5])
def test_one_burst_is_no_rule_so_what_follows_it_is_no_silence(begun: int) -> None:
    """After it more than twice what a silence needs is due, because nothing else is known."""
    state, readings = bursts(begun)
    assert not [one for one in readings if one.over]
    assert max(one.expected for one in readings) > 20
    assert (state.hours, readings[-1].state) == (1, "learning")


def test_a_silence_is_told_once_talk_came_in_six_different_hours() -> None:
    few, many = (bursts(*range(hours)) for hours in (5, 6))
    assert not [one for one in few[1] if one.over]
    assert [one for one in many[1] if one.over]
    assert (few[0].hours, many[0].hours) == (5, 6)


def test_a_state_of_the_version_before_is_carried_over_and_keeps_what_it_can_tell() -> None:
    [judged] = [one for one in detectors(UTC) if one.name == "silence"]
    assert judged.reads("silence-2")
    assert judged.detector.version == "silence-3"
    assert not judged.reads("silence-1")
    state, _ = quiet_from(DAYS * DAY, DAYS * DAY + 100)
    kept = msgspec.to_builtins(state)
    del kept["hours"], kept["spoke"]
    carried = msgspec.convert(kept, SilenceState)
    window = WindowCounts(MONDAY + (DAYS * DAY + 100) * FIVE, FIVE, 0, due=20.0)
    assert DETECTOR.judge(carried, window, PROMISE) == DETECTOR.judge(state, window, PROMISE)
    assert DETECTOR.judge(carried, window, PROMISE).over


def test_a_mention_ends_the_silence() -> None:
    state, _ = quiet_from(DAYS * DAY, (DAYS + 1) * DAY)
    assert state.missing > 12
    window = WindowCounts(MONDAY + (DAYS + 1) * DAY * FIVE, FIVE, 1, due=0.25)
    reading = DETECTOR.judge(state, window, PROMISE)
    after = DETECTOR.learn(state, window, reading)
    assert (reading.score, after.missing, after.since) == (0.0, 0.0, None)
    # What this silence was is usual from now on.
    assert after.longest.highest == pytest.approx(state.missing)


def test_the_arithmetic_comes_out_by_hand() -> None:
    state, _ = quiet_from(DAYS * DAY, DAYS * DAY + 150)
    window = WindowCounts(MONDAY + (DAYS * DAY + 150) * FIVE, FIVE, 0, due=0.25)
    reading = DETECTOR.judge(state, window, PROMISE)
    assert all(step.same for step in silence.steps(state, window, reading, None, 1.0))
    assert msgspec.json.decode(msgspec.json.encode(state), type=SilenceState) == state
