"""Times as whole numbers: exact, also before 1970 and in any zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.clock import EPOCH, MINUTE, from_micros, minute_of, minute_start, to_micros

_ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
_TIMES = st.datetimes(timezones=st.just(UTC) | _ZONES).filter(lambda at: 2 < at.year < 9998)


@given(_TIMES)
def test_microseconds_are_exact_there_and_back(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at
    assert EPOCH + timedelta(microseconds=to_micros(at)) == at


@given(_TIMES)
def test_every_time_lies_in_its_minute(at: datetime) -> None:
    assert minute_start(minute_of(at)) <= at < minute_start(minute_of(at)) + MINUTE
