"""A brand's day goes by the clocks of its people: Amsterdam's and Bucharest's change twice a year, Istanbul's do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from processors.signals.expectation import due, place_of
from processors.signals.types import Sensitivity, WindowCounts
from processors.signals.volume import Volume
from tests.contracts.worlds import FIVE

HOURS = 1.0 / 12.0
# Mentions each five minutes, by the hour of the local day.
QUIET, LOUD = 1, 6
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)


def count_at(at: datetime, zone: ZoneInfo) -> int:
    return LOUD if at.astimezone(zone).hour >= 12 else QUIET


@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize(
    ("name", "shift"), [("Europe/Amsterdam", 1), ("Europe/Bucharest", 1), ("Europe/Istanbul", 0)]
)
def test_a_day_keeps_its_rhythm_across_the_change_of_the_clocks_and_nothing_alerts(
    name: str, shift: int, change: datetime
) -> None:
    zone, detector, promise = ZoneInfo(name), Volume(ZoneInfo(name), FIVE), Sensitivity()
    state, over = detector.initial(), []
    start = change - timedelta(days=4, hours=1)
    for place in range(5 * 288):
        at = start + place * FIVE
        window = WindowCounts(at, FIVE, count_at(at, zone))
        reading = detector.judge(state, window, promise)
        # The first days are still being learnt.
        over += [at] if reading.over and at >= change else []
        state = detector.learn(state, window, reading)
    assert over == []
    before, after = (change + days * timedelta(days=1) for days in (-1, 1))
    moved = before.astimezone(zone).utcoffset(), after.astimezone(zone).utcoffset()
    assert moved[0] is not None and moved[1] is not None
    assert abs(moved[1] - moved[0]) == timedelta(hours=shift)
    noon = after.astimezone(zone).replace(hour=12, minute=30)
    for hours, loud in ((-1, False), (0, True), (1, True)):
        expected = due(state.expected, place_of(noon + timedelta(hours=hours), FIVE, zone), HOURS)
        assert (expected > (QUIET + LOUD) / 2) is loud, (hours, expected)
