"""A holiday: judged by what is known of holidays, and no lesson for the weekday that it falls on."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Container
from datetime import UTC, timedelta

import msgspec
import pytest

from processors.signals import holidays, volume_steps
from processors.signals.expectation import Expectation, due, heard, holiday_factor, place_of
from processors.signals.holidays import NAMES, Holidays, begun, ended
from processors.signals.types import WindowCounts
from processors.signals.volume import Volume, VolumeState
from tests.contracts.worlds import DAY, FIVE, MONDAY, PROMISE, day_and_night, noisy

HOURS = 1.0 / 12.0
# An hour is a step: these tests are about days.
HOUR = timedelta(hours=1)
NAME = "Harvest Day"


def days_of(rates: list[float], on: Container[int] = ()) -> Expectation:
    """The expectation after days with these rates; those with the numbers in `on` are holidays."""
    known = Expectation()
    for n, rate in enumerate(rates):
        for hour in range(24):
            at = MONDAY + timedelta(days=n, hours=hour)
            name = NAME if n in on else ""
            here, after = place_of(at, HOUR, UTC, name), place_of(at + HOUR, HOUR, UTC)
            known = heard(known, here, after, 1.0, round(rate), rate)
    return known


def due_on(known: Expectation, day: int, holiday: str = "") -> float:
    return due(known, place_of(MONDAY + timedelta(days=day, hours=12), HOUR, UTC, holiday), 1.0)


WEEKS = [40.0] * 5 + [10.0] * 2


def test_a_holiday_that_nobody_knows_yet_lies_between_its_weekday_and_a_sunday() -> None:
    known = days_of(WEEKS * 4)
    monday, sunday, holiday = due_on(known, 28), due_on(known, 34), due_on(known, 28, NAME)
    assert holiday == pytest.approx(math.sqrt(monday * sunday), rel=0.01)
    assert due_on(known, 34, NAME) == pytest.approx(sunday, rel=0.01)


def test_a_quiet_holiday_lowers_neither_the_day_after_nor_its_weekday() -> None:
    before = days_of(WEEKS * 4)
    told, not_told = (days_of([*WEEKS * 4, 8.0], on) for on in ({28}, ()))
    assert due_on(told, 29) == pytest.approx(due_on(before, 29), rel=0.05)
    assert due_on(not_told, 29) < 0.5 * due_on(before, 29)
    assert told.weekdays == before.weekdays
    assert not_told.weekdays[0] < 0.95 * before.weekdays[0]


def test_holidays_teach_holidays_and_those_of_one_name_more() -> None:
    rates = [*WEEKS * 4, 160.0, *WEEKS[1:]]
    known = days_of(rates, {28})
    same, other = due_on(known, 35, NAME), due_on(known, 35, "Another Day")
    assert due_on(days_of(WEEKS * 4), 28, NAME) < other < same
    # One busy holiday is not the rule yet.
    assert same < 160


def test_a_holiday_teaches_a_factor_of_four_at_most_and_few_mentions_teach_little() -> None:
    at = begun(holidays.NONE, 5, NAME, 1.0, 1.0, 15)
    assert ended(at, 50.0, 1.0, 1.0).off == pytest.approx(math.log(4))
    assert ended(at, 0.0001, 0.25, 1.0).off == pytest.approx(-0.25 * math.log(4))
    assert ended(begun(holidays.NONE, 5, NAME, 0.0, 1.0, 15), 3.0, 1.0, 1.0).n == 0


def test_a_holiday_counts_for_no_more_than_an_ordinary_day_or_than_was_due() -> None:
    def factor(due: float, came: float, weekday: float) -> float:
        return ended(begun(holidays.NONE, 5, NAME, 1.0, due, 15), came, 1.0, weekday).days[-1][3]

    assert factor(due=0.5, came=0.3, weekday=1.0) == pytest.approx(0.3)
    assert factor(due=0.5, came=2.5, weekday=1.0) == 1.0
    # Where holidays are known to be busy, more of it is the holiday's.
    assert factor(due=2.0, came=2.5, weekday=1.0) == 2.0


def test_what_is_kept_of_holidays_is_small_and_states_of_before_have_none() -> None:
    known = Holidays()
    for n in range(60):
        known = ended(begun(known, n, f"The {n}th day of a long feast", 1.0, 1.0, 15), 2.0, 1.0, 1.0)
    assert len(known.names) == NAMES
    assert known.names[-1][0].startswith("The 59th")
    assert len(known.days) == 15
    assert len(json.dumps(msgspec.to_builtins(known))) < 4_000
    stored = msgspec.to_builtins(Expectation())
    del stored["holidays"]
    assert msgspec.convert(stored, Expectation) == Expectation()


@pytest.mark.slow("plays weeks of talk")
def test_a_quiet_holiday_is_less_of_a_silence_and_the_day_after_is_no_rise() -> None:
    dice = random.Random(8)
    told, untold = Volume(), Volume()
    states: list[VolumeState] = [told.initial(), untold.initial()]
    missing, after = [0.0, 0.0], [0.0, 0.0]
    for i in range(24 * DAY):
        day = i // DAY
        rate = 0.2 if day == 22 else 0.5 if day % 7 >= 5 else 1.5
        count = noisy(dice, rate * day_and_night(i))
        for place, name in enumerate((NAME if day == 22 else "", "")):
            window = WindowCounts(MONDAY + i * FIVE, FIVE, count, holiday=name)
            states[place], score, was_due = told.step(states[place], window, PROMISE)
            if day == 22:
                missing[place] += was_due
            if day == 23:
                after[place] = max(after[place], score)
    assert missing[0] < 0.85 * missing[1]
    assert after[0] < PROMISE.threshold < after[1]


def test_the_arithmetic_of_a_holiday_can_be_followed() -> None:
    known = days_of([*WEEKS * 4, 8.0, *WEEKS[1:]], {28})
    state, window = (
        VolumeState(first=MONDAY, expected=known),
        WindowCounts(MONDAY + timedelta(days=35, hours=9, minutes=40), HOUR, 30, holiday=NAME),
    )
    reading = Volume(UTC, HOUR).judge(state, window, PROMISE)
    steps = {one.name: one for one in volume_steps.steps(state, window, reading, UTC, 1.0)}
    factor, season = steps["Factor of the holiday"], steps["Season at that time"]
    assert factor.formula.startswith(f"{NAME}: exp((")
    place = place_of(window.start, HOUR, UTC, NAME)
    assert factor.value == holiday_factor(known, place) < 1
    assert f"x {NAME} " in season.formula
    assert "weekday" not in season.formula
    assert steps["Due in the window"].same
    # The formula of this test's own step.
    by_hand = eval(
        factor.formula.split(": ")[1].replace("ln √", "0.5 x log").replace(" x ", "*"),
        {"exp": math.exp, "log": math.log},
    )
    assert by_hand == pytest.approx(factor.value, rel=0.01)
