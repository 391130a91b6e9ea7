"""Newcomers: a share of people who never spoke before, against the monitor's own, from a bounded memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from processors.signals import newcomers
from processors.signals.newcomers import MOST, Newcomers, NewcomersState
from processors.signals.types import Reading, WindowCounts, WindowFindings
from tests.contracts.worlds import FIVE, MONDAY, PROMISE
from tocsin.core.signal import Agreement

DETECTOR = Newcomers()
HOUR = timedelta(hours=1)


def asked(hour: int, people: Sequence[int]) -> WindowCounts:
    return WindowCounts(MONDAY + hour * HOUR, FIVE, 5, heard=WindowFindings(people=tuple(people)))


def talk(
    regulars: int, an_hour: int, hours: int, dice: random.Random
) -> tuple[NewcomersState, list[Reading]]:
    """Hours in which regulars speak, a tenth of them strangers."""
    crowd = [dice.getrandbits(64) - 2**63 for _ in range(regulars)]
    state, readings = DETECTOR.initial(), []
    for hour in range(hours):
        said = dice.sample(crowd, an_hour - an_hour // 10)
        said += [dice.getrandbits(64) - 2**63 for _ in range(an_hour // 10)]
        one = asked(hour, said)
        readings.append(DETECTOR.judge(state, one, PROMISE))
        state = DETECTOR.learn(state, one, readings[-1])
    return state, readings


def test_a_crowd_of_strangers_is_over_and_the_same_crowd_of_regulars_is_not() -> None:
    dice = random.Random(1)
    state, readings = talk(60, 20, 48, dice)
    assert not any(one.over for one in readings)
    strangers = asked(49, [dice.getrandbits(62) for _ in range(40)])
    reading = DETECTOR.judge(state, strangers, PROMISE)
    assert (reading.over, reading.observed > 0.9, reading.expected < 0.3) == (True, True, True)
    # They are known from now on.
    after = DETECTOR.learn(state, strangers, reading)
    again = msgspec.structs.replace(strangers, start=MONDAY + 51 * HOUR)
    assert DETECTOR.judge(after, again, PROMISE).detail["new"] == 0


def test_a_loud_brand_is_remembered_by_a_sample_of_its_people() -> None:
    state, readings = talk(4000, 400, 48, random.Random(2))
    assert state.level >= 3
    assert len(state.known) <= 4 * MOST
    assert not any(one.over for one in readings[24:])


def test_few_people_are_no_share() -> None:
    state, _ = talk(60, 20, 48, random.Random(3))
    assert DETECTOR.judge(state, asked(49, [2**50, 2**51, 2**52]), PROMISE).score == 0.0


def test_where_nobody_was_asked_for_nothing_is_learned_but_the_beginning() -> None:
    bare = WindowCounts(MONDAY, FIVE, 5)
    state = DETECTOR.learn(DETECTOR.initial(), bare, DETECTOR.judge(DETECTOR.initial(), bare, PROMISE))
    assert state == NewcomersState(first=MONDAY)


def test_the_arithmetic_comes_out_by_hand() -> None:
    dice = random.Random(4)
    state, _ = talk(60, 20, 48, dice)
    reading = DETECTOR.judge(state, asked(49, [dice.getrandbits(62) for _ in range(40)]), PROMISE)
    numbers = {name: reading.detail[name] for name in ("new", "of", "usual")}
    shown = Agreement("newcomers", reading.score, reading.observed, 0.0, 0.0, 1.0, 3600.0, [], numbers)
    assert all(step.same for step in newcomers.checks(shown))
    assert newcomers.checks(shown)[0].value == pytest.approx(reading.observed, abs=1e-5)
