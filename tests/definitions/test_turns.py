"""The turns of a schedule: by the clock of a zone, or by hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.directory import on_call
from alerts.on_call import shifts
from tocsin.definitions.models import Schedule
from tocsin.definitions.turns import turn_at, turn_begins

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def schedule(hours: int, start: datetime, zone: str | None = "Europe/Amsterdam") -> Schedule:
    return Schedule(name="desk", rotation=("ada", "ben"), starts_at=start, turn_hours=hours, timezone=zone)


def test_a_turn_of_days_begins_at_the_same_time_in_summer_and_in_winter() -> None:
    weeks = schedule(168, datetime(2026, 10, 19, 9, tzinfo=AMSTERDAM))
    begins = [turn_begins(weeks, n).astimezone(AMSTERDAM) for n in range(3)]
    assert [f"{at:%m-%d %H:%M %z}" for at in begins] == [
        "10-19 09:00 +0200",
        "10-26 09:00 +0100",
        "11-02 09:00 +0100",
    ]
    before, after = (datetime(2026, 10, 26, 8, m, tzinfo=AMSTERDAM) for m in (30, 59))
    assert [on_call(weeks, at) for at in (before, after, after + timedelta(minutes=1))] == [
        "ada",
        "ada",
        "ben",
    ]


def test_without_a_zone_a_turn_is_so_many_hours() -> None:
    weeks = schedule(168, datetime(2026, 10, 19, 9, tzinfo=AMSTERDAM), None)
    assert f"{turn_begins(weeks, 1).astimezone(AMSTERDAM):%m-%d %H:%M %z}" == "10-26 08:00 +0100"
    assert on_call(weeks, datetime(2026, 10, 26, 8, 30, tzinfo=AMSTERDAM)) == "ben"


def test_the_night_of_the_change_is_an_hour_longer() -> None:
    halves = schedule(12, datetime(2026, 10, 24, 9, tzinfo=AMSTERDAM))
    end = datetime(2026, 10, 25, 21, tzinfo=AMSTERDAM)
    told = list(shifts(halves, halves.starts_at, end))
    assert [(one.person, (one.ends_at - one.starts_at) // timedelta(hours=1)) for one in told] == [
        ("ada", 12),
        ("ben", 13),
        ("ada", 12),
    ]


def test_a_zone_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown time zone 'Amsterdam'"):
        schedule(24, datetime(2026, 10, 24, 9, tzinfo=UTC), "Amsterdam")


@given(
    hours=st.integers(1, 48),
    minute=st.integers(0, 2 * 365 * 24 * 60),
    hours_on=st.integers(-20_000, 20_000),
    minutes=st.integers(0, 59),
    zone=st.sampled_from(["Europe/Amsterdam", "Australia/Lord_Howe", "Asia/Kathmandu", None]),
)
def test_each_time_lies_in_the_turn_of_its_number(
    hours: int, minute: int, hours_on: int, minutes: int, zone: str | None
) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    one = schedule(hours, start, zone)
    at = start + timedelta(hours=hours_on, minutes=minutes)
    number = turn_at(one, at)
    assert turn_begins(one, number) <= at < turn_begins(one, number + 1)
