"""Whether a source is heard: one table of cases, and the same answer everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from pydantic import ValidationError

from tocsin.definitions.models import MOST_FOLLOWERS, Monitor, SourceDef
from tocsin.health.sources import LONGEST_EXPECTED, Level, SourceFacts, State, facts_of, judge

NOW = datetime(2031, 3, 5, 12, tzinfo=UTC)
BLIND_AFTER = timedelta(minutes=15)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


CASES = [
    ("switched off", SourceFacts(enabled=False, failures=9), "off", "ok"),
    ("defined just now", SourceFacts(defined_at=ago(minutes=1)), "never heard", "degraded"),
    (
        "asked for a day, empty",
        SourceFacts(defined_at=ago(days=1), last_success_at=NOW),
        "never heard",
        "degraded",
    ),
    (
        "never heard for three times what is expected",
        SourceFacts(defined_at=ago(minutes=31), expected_every=timedelta(minutes=10)),
        "silent",
        "blind",
    ),
    ("heard", SourceFacts(defined_at=ago(days=9), last_event_at=ago(hours=3)), "ok", "ok"),
    ("pushed, not defined", SourceFacts(last_event_at=ago(days=300)), "ok", "ok"),
    (
        "late, but not yet silent",
        SourceFacts(
            defined_at=ago(days=9), last_event_at=ago(minutes=30), expected_every=timedelta(minutes=10)
        ),
        "ok",
        "ok",
    ),
    (
        "silent, and not yet long enough to page",
        SourceFacts(
            defined_at=ago(days=9), last_event_at=ago(minutes=4), expected_every=timedelta(minutes=1)
        ),
        "silent",
        "degraded",
    ),
    (
        "silent for as long as pages",
        SourceFacts(
            defined_at=ago(days=9), last_event_at=ago(minutes=15), expected_every=timedelta(minutes=1)
        ),
        "silent",
        "blind",
    ),
    (
        "fails since a minute",
        SourceFacts(defined_at=ago(days=9), last_event_at=NOW, last_success_at=ago(minutes=1), failures=2),
        "failing",
        "degraded",
    ),
    (
        "fails for a quarter of an hour",
        SourceFacts(defined_at=ago(days=9), last_event_at=NOW, last_success_at=ago(minutes=15), failures=9),
        "failing",
        "blind",
    ),
    (
        "failed before it was paused for a day, and fails since it is on again",
        SourceFacts(
            defined_at=ago(days=9), last_success_at=ago(days=1), failures=2, on_since=ago(minutes=14)
        ),
        "failing",
        "degraded",
    ),
    (
        "paused for a day, and silent since it is on again, but not for long",
        SourceFacts(
            defined_at=ago(days=9),
            last_event_at=ago(days=1),
            expected_every=timedelta(minutes=10),
            on_since=ago(minutes=29),
        ),
        "ok",
        "ok",
    ),
    ("never worked", SourceFacts(defined_at=ago(minutes=20), failures=3), "failing", "blind"),
    (
        "fails since a minute, silent for an hour",
        SourceFacts(
            defined_at=ago(days=9),
            last_event_at=ago(hours=1),
            last_success_at=ago(minutes=1),
            failures=1,
            expected_every=timedelta(minutes=5),
        ),
        "failing",
        "blind",
    ),
    (
        "heard, and warns",
        SourceFacts(defined_at=ago(days=9), last_event_at=NOW, last_error="half of it could not be read"),
        "ok",
        "degraded",
    ),
]


@pytest.mark.parametrize(("facts", "state", "level"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_source_is_judged(facts: SourceFacts, state: str, level: str) -> None:
    verdict = judge(facts, NOW, BLIND_AFTER)
    assert (verdict.state, verdict.level) == (state, level)
    assert verdict.reason


def test_the_table_has_every_state_and_level() -> None:
    assert {case[2] for case in CASES} == set(get_args(State))
    assert {case[3] for case in CASES} == set(get_args(Level))


def test_a_source_that_was_never_heard_is_calm_nowhere() -> None:
    for minutes in (0, 1, 60, 100_000):
        verdict = judge(SourceFacts(defined_at=ago(minutes=minutes)), NOW, BLIND_AFTER)
        assert verdict.level != "ok"


def test_a_definition_expects_a_source_within_the_bounds_and_a_stored_one_is_bent_to_them() -> None:
    given = {"name": "shop", "kind": "push", "expected_every_minutes": 10**12}
    with pytest.raises(ValidationError, match="less than or equal to 5256000"):
        SourceDef.model_validate(given)
    longest = SourceDef.model_validate(given, context={"stored": True}).expected_every_minutes
    assert longest is not None and timedelta(minutes=longest) == LONGEST_EXPECTED


def test_a_stored_monitor_with_more_followers_than_there_are_is_readable() -> None:
    given = {"name": "Lumo", "query": "lumo", "influential_followers": 10**30}
    with pytest.raises(ValidationError, match="less than or equal"):
        Monitor.model_validate(given)
    stored = Monitor.model_validate(given, context={"stored": True})
    assert stored.influential_followers == MOST_FOLLOWERS


@pytest.mark.parametrize("minutes", [1e12, 10**30, -5, 0, "ten", None, [3]])
def test_an_expectation_without_sense_is_none_or_is_bounded(minutes: object) -> None:
    facts = facts_of({"expected_every_minutes": minutes}, ago(days=1), None)
    assert judge(facts, NOW, BLIND_AFTER).state == "never heard"
