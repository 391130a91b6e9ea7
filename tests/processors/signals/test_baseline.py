"""The baseline alone: seasons, doubt, and what it learns from an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from processors.signals.baseline import Baseline, absorb, accepted, expect, rate
from processors.signals.types import WindowCounts
from tests.processors.signals.worlds import DAY, FIVE, MONDAY


def learned(
    counts: list[int],
    most: Callable[[float, float], float] = lambda seen, due: seen,
    base: Baseline | None = None,
) -> Baseline:
    base = base or Baseline()
    for i, count in enumerate(counts):
        window = WindowCounts(MONDAY + i * FIVE, FIVE, count)
        base = absorb(base, window, UTC, expect(base, window.start, FIVE, UTC).protected, most)
    return base


def by_hour(shape: Callable[[int, int], int], days: int) -> list[int]:
    """Counts from a function of (weekday, hour)."""
    return [shape((i // DAY) % 7, (i % DAY) // 12) for i in range(days * DAY)]


def test_a_level_is_learned_and_the_doubt_shrinks() -> None:
    first, later = learned([4] * 24), learned([4] * 10 * DAY)
    assert rate(later.level) == pytest.approx(48, rel=0.05)
    assert expect(later, MONDAY, FIVE, UTC).doubt < expect(first, MONDAY, FIVE, UTC).doubt / 5


def test_nights_and_weekends_are_learned() -> None:
    base = learned(by_hour(lambda day, hour: 0 if hour < 7 else (2 if day >= 5 else 8), 28))
    monday = MONDAY + timedelta(days=28)

    def due(day: int, hour: int) -> float:
        return expect(base, monday + timedelta(days=day, hours=hour, minutes=30), FIVE, UTC).protected

    assert due(1, 3) < 0.5
    assert due(1, 14) == pytest.approx(8, rel=0.2)
    assert due(5, 14) == pytest.approx(2, rel=0.35)


def test_the_seasons_mean_stays_one_so_that_level_and_season_cannot_drift_apart() -> None:
    base = learned([1] * 7 * DAY + [6] * 14 * DAY)
    assert rate(base.level) == pytest.approx(72, rel=0.2)


def test_the_hour_is_taught_when_it_is_over_and_not_before() -> None:
    base = learned([4] * 2 * DAY)
    noon = MONDAY + timedelta(days=2)
    within = base
    for i in range(11):
        within = absorb(within, WindowCounts(noon + i * FIVE, FIVE, 400), UTC, 4.0, lambda seen, due: seen)
    assert rate(within.level) == pytest.approx(rate(base.level), rel=0.05)
    assert rate(within.adaptive) > 5 * rate(base.adaptive)
    after = absorb(within, WindowCounts(noon + 12 * FIVE, FIVE, 4), UTC, 4.0, lambda seen, due: seen)
    assert rate(after.level) > 1.5 * rate(base.level)


def test_the_protected_level_is_taught_no_more_than_it_is_told() -> None:
    base = learned([4] * 2 * DAY)
    for i in range(13):
        window = WindowCounts(MONDAY + timedelta(days=2) + i * FIVE, FIVE, 400)
        base = absorb(base, window, UTC, 4.0, lambda seen, due: min(seen, 1.5 * due))
    assert rate(base.level) < 1.08 * 48


def test_while_learning_each_window_is_taught_at_once() -> None:
    base = Baseline()
    for i in range(6):
        base = absorb(base, WindowCounts(MONDAY + i * FIVE, FIVE, 10), UTC, 0.1, None)
    assert rate(base.level) > 30
    assert expect(base, MONDAY + 6 * FIVE, FIVE, UTC).protected > 3


def test_a_first_morning_is_allowed_for_until_its_hour_has_been_met() -> None:
    one_night = learned([0, 0, 1] * 28)
    waking = one_night
    for i in range(84, 96):
        waking = absorb(waking, WindowCounts(MONDAY + i * FIVE, FIVE, 3), UTC, 0.4, lambda seen, due: due)
    assert expect(waking, MONDAY + 96 * FIVE, FIVE, UTC).dawn > 2 * one_night.level[0] / 100
    known = learned([3] * 7 * DAY)
    due = expect(known, MONDAY + timedelta(days=7), FIVE, UTC)
    assert due.dawn < 0.25 * due.protected


def test_a_level_that_was_still_a_guess_leaves_no_season_behind() -> None:
    base = learned([3] * 7 * DAY)
    due = [expect(base, MONDAY + timedelta(days=7, hours=h), FIVE, UTC).protected for h in range(168)]
    assert max(due) < 1.3 * 3
    assert min(due) > 0.8 * 3


def test_accepting_makes_the_adaptive_level_the_protected_one() -> None:
    base = learned([4] * 3 * DAY)
    for i in range(36):
        base = absorb(
            base,
            WindowCounts(MONDAY + timedelta(days=3) + i * FIVE, FIVE, 40),
            UTC,
            4.0,
            lambda seen, due: due,
        )
    assert rate(base.level) < 60
    assert rate(accepted(base).level) == pytest.approx(rate(base.adaptive), rel=0.05)


def test_the_night_is_the_zones_own() -> None:
    istanbul = ZoneInfo("Europe/Istanbul")
    base = Baseline()
    for i in range(5 * DAY):
        window = WindowCounts(
            MONDAY + i * FIVE, FIVE, 6 if 9 <= (MONDAY + i * FIVE).astimezone(istanbul).hour < 21 else 0
        )
        base = absorb(base, window, istanbul, 3.0, lambda seen, due: seen)
    at = MONDAY + timedelta(days=5)
    assert expect(base, at + timedelta(hours=9), FIVE, istanbul).protected > 4
    assert expect(base, at + timedelta(hours=20), FIVE, istanbul).protected < 2


def test_a_baseline_survives_being_stored() -> None:
    base = learned([1, 2, 3] * DAY)
    assert msgspec.json.decode(msgspec.json.encode(base), type=Baseline) == base
