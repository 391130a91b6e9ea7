"""The rhythm of a source: a silence is told from a quiet hour, and a burst does not make a rhythm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from tocsin.health.rhythm import UNKNOWN, Rhythm, rhythm_of
from tocsin.health.sources import facts_of, judge

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def taught(count: Callable[[datetime], int], hours: int, start: datetime = MONDAY) -> Rhythm:
    rhythm, received = UNKNOWN, 0
    for n in range(hours):
        at = start + n * HOUR
        rhythm = rhythm.after(received, at, heard=True)
        received += count(at)
    return rhythm.after(received, start + hours * HOUR, heard=True)


def busy_by_day(at: datetime) -> int:
    return 60 if 8 <= at.hour < 20 else 0


def test_nothing_is_expected_before_it_is_known() -> None:
    assert taught(busy_by_day, 47).per_hour(MONDAY + 10 * HOUR) is None
    assert taught(busy_by_day, 47).due(MONDAY, MONDAY + DAY) == 0


def test_each_hour_has_its_own_expectation() -> None:
    week = taught(busy_by_day, 7 * 24)
    assert week.per_hour(MONDAY + 10 * HOUR) == pytest.approx(60, rel=0.01)
    assert week.per_hour(MONDAY + 3 * HOUR) == 0
    # Half an hour of the morning, and none of the night.
    assert week.due(MONDAY + 7 * HOUR, MONDAY + 8.5 * HOUR) == pytest.approx(30, rel=0.01)
    # The weekend has been heard twice, which is too little.
    assert week.per_hour(MONDAY + 5 * DAY + 10 * HOUR) is None


def test_a_burst_on_one_day_is_no_rhythm() -> None:
    bursts = taught(lambda at: 1000 if at.day % 5 == 0 else 0, 14 * 24)
    assert (bursts.per_hour(MONDAY + 10 * HOUR) or 0) < 10


def test_an_hour_that_was_not_heard_whole_teaches_nothing() -> None:
    rhythm = UNKNOWN.after(0, MONDAY, heard=True)
    assert rhythm.whole
    spoilt = rhythm.after(5, MONDAY + HOUR / 2, heard=False)
    assert spoilt.after(10, MONDAY + HOUR, heard=True).days == UNKNOWN.days
    # Nor does one that began while nobody looked, or a count that went back.
    assert not rhythm.after(9, MONDAY + 1.5 * HOUR, heard=True).whole
    assert rhythm.after(9, MONDAY + 5 * HOUR, heard=True).days == UNKNOWN.days
    back = msgspec.structs.replace(rhythm, received=100)
    assert back.after(9, MONDAY + HOUR, heard=True).days == UNKNOWN.days
    assert rhythm.after(9, MONDAY + HOUR, heard=True).days != UNKNOWN.days
    assert rhythm.after(3, MONDAY + HOUR / 2, heard=True) is rhythm


def test_a_rhythm_is_stored_and_read_and_one_that_cannot_be_read_is_learnt_anew() -> None:
    week = taught(busy_by_day, 7 * 24)
    assert rhythm_of(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(week)))) == week
    for odd in (None, {}, {"logs": [1.0]}, {"hour": "x"}, [], "x", {"days": [1] * 48, "logs": []}):
        assert rhythm_of(odd) in (UNKNOWN, Rhythm(days=(1,) * 48))


@pytest.mark.parametrize(
    ("silent_since", "now", "state"),
    [
        # 24 posts are missing, but it is not half an hour
        (10 * HOUR, 10.4 * HOUR, "ok"),
        (10 * HOUR, 10.6 * HOUR, "silent"),
        # The night is quiet.
        (19.9 * HOUR, 24 * HOUR + 8.2 * HOUR, "ok"),
        (19.9 * HOUR, 24 * HOUR + 8.5 * HOUR, "silent"),
    ],
)
def test_silence_where_talk_is_the_rule_is_blind(silent_since: timedelta, now: timedelta, state: str) -> None:
    monday = MONDAY + 7 * DAY
    row = SimpleNamespace(
        last_event_at=monday + silent_since,
        last_news_at=monday + silent_since,
        last_success_at=monday + now,
        last_error=None,
        failures=0,
        rhythm=msgspec.to_builtins(taught(busy_by_day, 7 * 24)),
    )
    verdict = judge(facts_of({}, MONDAY, row), monday + now, timedelta(minutes=15))
    assert (verdict.state, verdict.blind) == (state, state == "silent")
    if verdict.blind:
        assert "posts used to come in such a time" in verdict.reason
    # What a person expects wins over what was learnt.
    patient = facts_of({"expected_every_minutes": 1440}, MONDAY, row)
    assert judge(patient, monday + now, timedelta(minutes=15)).state == "ok"
