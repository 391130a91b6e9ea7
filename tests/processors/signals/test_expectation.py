"""The expectation: what a monitor's own hours say is due."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from processors.signals.due import DueSeries
from processors.signals.expectation import (
    Expectation,
    accepted,
    adaptive_due,
    due,
    heard,
    place_of,
    unmet,
)
from processors.signals.types import WindowCounts
from processors.signals.volume import Volume
from tests.contracts.worlds import FIVE, MONDAY, PROMISE, noisy

HOURS = 1.0 / 12.0


def taught(
    rate: float | list[float],
    days: float,
    known: Expectation | None = None,
    start: datetime = MONDAY,
    zone: tzinfo = UTC,
) -> Expectation:
    """The expectation after days of a rate a window, or of these rates by the hour of the day."""
    known = known or Expectation()
    for i in range(round(days * 288)):
        at = start + i * FIVE
        mine = rate if isinstance(rate, float) else rate[at.astimezone(zone).hour]
        here, after = place_of(at, FIVE, zone), place_of(at + FIVE, FIVE, zone)
        known = heard(known, here, after, HOURS, round(mine), mine)
    return known


def due_at(known: Expectation, at: datetime, zone: tzinfo = UTC) -> float:
    return due(known, place_of(at, FIVE, zone), HOURS)


def test_a_steady_brand_is_due_what_it_had() -> None:
    known = taught(6.0, 3)
    assert due_at(known, MONDAY + timedelta(days=3, hours=7)) == pytest.approx(6.0, rel=0.02)


def test_what_is_due_follows_the_hour_of_the_day() -> None:
    by_hour = [1.0] * 12 + [9.0] * 12
    known = taught(by_hour, 4)
    noon, night = (due_at(known, MONDAY + timedelta(days=4, hours=h, minutes=28)) for h in (17, 5))
    assert noon == pytest.approx(9.0, rel=0.25)
    assert night == pytest.approx(1.0, rel=0.5)


def test_what_is_due_does_not_jump_at_the_full_hour() -> None:
    known = taught([1.0] * 12 + [9.0] * 12, 4)
    before, after = (
        due_at(known, MONDAY + timedelta(days=4, hours=12) + step) for step in (-FIVE, timedelta(0))
    )
    assert after - before < 0.6


def test_a_loud_half_day_does_not_move_the_level() -> None:
    known = taught(5.0, 5)
    loud = taught(50.0, 0.5, known, MONDAY + timedelta(days=5))
    assert loud.level == pytest.approx(known.level, rel=0.35)


def test_a_change_that_stays_is_the_level_after_a_day() -> None:
    known = taught(12.0, 1.5, taught(4.0, 5), MONDAY + timedelta(days=5))
    assert known.level == pytest.approx(12.0, rel=0.1)


def test_weekends_differ_after_two_weeks() -> None:
    known = Expectation()
    for day in range(21):
        known = taught(2.0 if day % 7 >= 5 else 8.0, 1, known, MONDAY + timedelta(days=day))
    saturday, tuesday = (due_at(known, MONDAY + timedelta(days=21 + d, hours=12)) for d in (5, 1))
    assert saturday < 0.5 * tuesday


def test_days_that_were_not_heard_are_unknown_and_not_zero() -> None:
    known = taught(5.0, 1, taught(5.0, 5), MONDAY + timedelta(days=9))
    assert known.level == pytest.approx(5.0, rel=0.05)
    assert sum(hour >= 0 for day in known.days for hour in day) == 6 * 24


def test_the_clocks_change_and_nothing_breaks() -> None:
    """In New York an hour is missing on 8 March 2026 and comes twice on 1 November."""
    zone = ZoneInfo("America/New_York")
    by_hour = [1.0] * 12 + [9.0] * 12
    for start in (datetime(2026, 3, 5, 5, tzinfo=UTC), datetime(2026, 10, 29, 4, tzinfo=UTC)):
        known = taught(by_hour, 6, start=start, zone=zone)
        end = start + timedelta(days=6)
        noon = next(end + i * FIVE for i in range(400) if (end + i * FIVE).astimezone(zone).hour == 17)
        night = next(end + i * FIVE for i in range(400) if (end + i * FIVE).astimezone(zone).hour == 5)
        assert due_at(known, noon, zone) > 5 * due_at(known, night, zone)


def test_an_hour_never_met_is_known_as_such_on_the_first_day_only() -> None:
    known = taught(3.0, 0.25)
    assert unmet(known, place_of(MONDAY + timedelta(hours=9), FIVE, UTC))
    assert not unmet(known, place_of(MONDAY + timedelta(hours=3), FIVE, UTC))
    assert not unmet(taught(3.0, 2), place_of(MONDAY + timedelta(hours=9), FIVE, UTC))


def test_who_accepts_the_present_moves_the_level_at_once() -> None:
    known = taught(20.0, 0.25, taught(4.0, 5), MONDAY + timedelta(days=5))
    at = place_of(MONDAY + timedelta(days=5, hours=6), FIVE, UTC)
    now = adaptive_due(known, at)
    assert now > 12
    assert due(accepted(known), at, HOURS) == pytest.approx(now, rel=0.05)
    # The accepted hours stay behind the level as new ones come.
    later = taught(now, 0.1, accepted(known), MONDAY + timedelta(days=5, hours=6))
    assert later.level == pytest.approx(now, rel=0.1)


def test_before_anything_is_known_little_is_due() -> None:
    assert due_at(Expectation(), MONDAY) == 0.3


def test_an_hour_of_which_little_was_heard_is_unknown() -> None:
    # A monitor that begins at its first mention, five minutes before the hour is over, is not one of twelve mentions an hour.
    begun = taught(1.0, days=1 / 288, start=MONDAY + timedelta(minutes=55))
    known = taught(0.0, days=5 / 24, known=begun, start=MONDAY + timedelta(hours=1))
    assert (begun.hours, known.hours) == (0, 5)
    assert due_at(known, MONDAY + timedelta(hours=6)) < 0.02


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kathmandu")])
def test_the_dues_of_a_series_are_those_of_the_volume_detector(zone: tzinfo) -> None:
    """With crowds, gaps, a holiday, windows that were not heard, and one that comes twice."""
    volume, series, dice, at = Volume(zone), DueSeries(zone, FIVE), random.Random(8), MONDAY
    state = volume.initial()
    for place in range(700):
        loud = 12 if 500 <= place < 520 else 1
        feast = "Feast" if at.date() == MONDAY.date() + timedelta(days=2) else ""
        window = WindowCounts(at, FIVE, noisy(dice, 2.0 * loud), complete=place % 41 != 7, holiday=feast)
        state, _, said = volume.step(state, window, PROMISE)
        assert series.due(window) == said
        at += FIVE * (300 if place == 350 else 0 if place == 400 else 1)
