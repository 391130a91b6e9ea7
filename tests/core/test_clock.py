"""Times as whole numbers: exact, also before 1970 and in any zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.clock import (
    EPOCH,
    MINUTE,
    from_micros,
    minute_of,
    minute_start,
    minutes_until,
    passed,
    to_micros,
    which_of_two,
)

_ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
_TIMES = st.datetimes(timezones=st.just(UTC) | _ZONES).filter(lambda at: 2 < at.year < 9998)


@pytest.mark.slow("many values")
@given(_TIMES)
def test_microseconds_are_exact_there_and_back(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at
    assert EPOCH + timedelta(microseconds=to_micros(at)) == at


@pytest.mark.slow("a hundred made-up examples")
@given(_TIMES)
def test_every_time_lies_in_its_minute(at: datetime) -> None:
    assert minute_start(minute_of(at)) <= at < minute_start(minute_of(at)) + MINUTE


@given(_TIMES)
def test_what_was_posted_before_a_time_lies_in_the_minutes_until_then(at: datetime) -> None:
    assert minute_start(minutes_until(at)) >= at > minute_start(minutes_until(at)) - MINUTE


def test_a_pause_is_over_after_its_time_and_at_once_where_the_clock_was_set_back() -> None:
    began, pause = datetime(2026, 3, 2, 12, tzinfo=UTC), timedelta(minutes=1)
    assert passed(pause, None, began)
    assert not passed(pause, began, began + timedelta(seconds=59))
    assert passed(pause, began, began + pause)
    assert passed(pause, began, began - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("zone", "utc", "said"),
    [
        ("Europe/Amsterdam", datetime(2026, 10, 25, 0, 15, tzinfo=UTC), " UTC+2"),
        ("Europe/Amsterdam", datetime(2026, 10, 25, 1, 15, tzinfo=UTC), " UTC+1"),
        ("Europe/Amsterdam", datetime(2026, 10, 25, 2, 15, tzinfo=UTC), ""),
        ("Europe/Amsterdam", datetime(2026, 3, 29, 1, 15, tzinfo=UTC), ""),
        ("Europe/Istanbul", datetime(2026, 10, 25, 0, 15, tzinfo=UTC), ""),
        ("America/St_Johns", datetime(2026, 11, 1, 4, 0, tzinfo=UTC), " UTC-2:30"),
    ],
)
def test_a_time_that_the_clock_shows_twice_is_told_with_its_offset(
    zone: str, utc: datetime, said: str
) -> None:
    assert which_of_two(utc.astimezone(ZoneInfo(zone))) == said
