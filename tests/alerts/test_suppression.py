"""Suppression of alerts and pages: each rule by itself, then their order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.suppression.expected_event import expected_event
from alerts.suppression.inhibition import inhibition
from alerts.suppression.night import next_morning, next_working_hour, night
from alerts.suppression.order import BEFORE_A_PERSON, BEFORE_A_STEP, BEFORE_FIRING, ORDER, first
from alerts.suppression.quiet_hours import quiet_hours
from alerts.suppression.silence import silence
from alerts.suppression.situation import Situation
from tests.alerts.scene import POLICY
from tocsin.core.signal import Facts
from tocsin.core.signal_kinds import BLIND, NEGATIVITY, VOLUME
from tocsin.definitions.models import ExpectedEvent, Person, Silence

# A Wednesday.
NOON = datetime(2031, 3, 5, 12, 0, tzinfo=UTC)
# Three hours ahead.
ISTANBUL = ZoneInfo("Europe/Istanbul")


def situation(
    now: datetime = NOON,
    severity: int = 3,
    kind: str = VOLUME,
    facts: dict[str, Any] | None = None,
    **more: Any,
) -> Situation:
    the_facts = Facts(
        kind=kind, score=4.0, observed=50.0, expected=10.0, ratio=5.0, windows_over=2, **(facts or {})
    )
    plain: dict[str, Any] = {"zone": ISTANBUL, "policy": POLICY}
    return Situation(now=now, severity=severity, kind=kind, facts=the_facts, **plain | more)


def a_silence(**more: Any) -> Silence:
    return Silence(
        name="move",
        starts_at=NOON - timedelta(hours=1),
        ends_at=NOON + timedelta(hours=1),
        reason="we move",
        **more,
    )


def test_a_silence_suppresses_until_it_ends_and_a_crisis_breaks_it() -> None:
    quiet: dict[str, Any] = {"silences": [a_silence()]}
    verdict = silence(situation(**quiet))
    assert verdict is not None
    assert (verdict.action, verdict.reason, verdict.until) == (
        "suppress",
        "silence: move",
        NOON + timedelta(hours=1),
    )
    assert silence(situation(now=NOON + timedelta(hours=1), **quiet)) is None
    assert silence(situation(now=NOON - timedelta(hours=2), **quiet)) is None
    assert silence(situation(severity=1, **quiet)) is None


def test_an_expected_event_explains_volume_but_not_a_souring_tone() -> None:
    events: dict[str, Any] = {
        "events": [
            ExpectedEvent(
                name="launch", starts_at=NOON - timedelta(hours=1), ends_at=NOON + timedelta(hours=1)
            )
        ]
    }
    verdict = expected_event(situation(**events))
    assert verdict is not None and (verdict.action, verdict.reason) == ("lower", "expected event: launch")
    assert expected_event(situation(facts={"negative_over": True}, **events)) is None
    assert expected_event(situation(facts={"triggers": {"safety": 1}}, **events)) is None
    assert expected_event(situation(kind=NEGATIVITY, **events)) is None
    assert expected_event(situation(now=NOON + timedelta(hours=2), **events)) is None


def test_what_a_live_alert_already_tells_joins_it() -> None:
    verdict = inhibition(situation(rival="al_1"))
    assert verdict is not None and (verdict.action, verdict.into) == ("merge", "al_1")
    assert inhibition(situation()) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Wednesday 15:00 in Istanbul.
        ("2031-03-05T12:00", None),
        # 08:59
        ("2031-03-05T05:59", "2031-03-05T06:00"),
        # 18:00
        ("2031-03-05T15:00", "2031-03-06T06:00"),
        # Friday evening: Monday.
        ("2031-03-07T16:00", "2031-03-10T06:00"),
        # Saturday.
        ("2031-03-08T09:00", "2031-03-10T06:00"),
    ],
)
def test_a_watch_waits_for_the_next_working_hour_by_the_monitors_clock(now: str, until: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    verdict = night(situation(now=at, severity=4))
    assert (verdict.until if verdict else None) == (
        datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    )


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # 21:59
        ("2031-03-05T18:59", None),
        # 22:00: 08:00 the next day
        ("2031-03-05T19:00", "2031-03-06T05:00"),
        # 04:00: 08:00 the same day
        ("2031-03-05T01:00", "2031-03-05T05:00"),
        # A Saturday noon is day.
        ("2031-03-08T10:00", None),
    ],
)
def test_a_review_waits_for_the_morning(now: str, until: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    verdict = night(situation(now=at, severity=3))
    assert (verdict.until if verdict else None) == (
        datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    )


def test_escalated_alerts_blindness_and_what_the_policy_lets_ring_do_not_wait() -> None:
    at_night = datetime(2031, 3, 5, 1, 0, tzinfo=UTC)
    assert night(situation(now=at_night, severity=2)) is None
    assert night(situation(now=at_night, severity=3, kind=BLIND)) is None
    assert (
        night(situation(now=at_night, severity=3, policy=POLICY.model_copy(update={"night_rings_from": 3})))
        is None
    )
    assert (
        night(situation(now=at_night, severity=4, policy=POLICY.model_copy(update={"night_rings_from": 4})))
        is None
    )
    only_crisis = POLICY.model_copy(update={"night_rings_from": 1})
    assert night(situation(now=at_night, severity=2, policy=only_crisis)) is not None
    assert night(situation(now=at_night, severity=1, policy=only_crisis)) is None


def test_the_night_ends_on_the_clock_through_a_change_of_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # 23:30, and the clocks go forward at 02:00
    saturday_night = datetime(2031, 3, 29, 22, 30, tzinfo=UTC)
    assert next_morning(saturday_night, berlin) == datetime(2031, 3, 30, 6, 0, tzinfo=UTC)
    assert next_working_hour(saturday_night, berlin) == datetime(2031, 3, 31, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        # 23:00 in Istanbul
        (("22:00", "07:00"), "2031-03-05T20:00", "2031-03-06T04:00"),
        (("22:00", "07:00"), "2031-03-05T03:59", "2031-03-05T04:00"),
        (("22:00", "07:00"), "2031-03-05T04:00", None),
        (("13:00", "14:00"), "2031-03-05T10:30", "2031-03-05T11:00"),
        (("13:00", "14:00"), "2031-03-05T11:00", None),
    ],
)
def test_quiet_hours_run_on_the_persons_clock(hours: tuple[str, str], now: str, until: str | None) -> None:
    person = Person(name="ada", timezone="Europe/Istanbul", quiet_hours=hours)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    verdict = quiet_hours(situation(now=at, person=person))
    assert (verdict.until if verdict else None) == (
        datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    )
    assert quiet_hours(situation(now=at, severity=2, person=person)) is None
    assert quiet_hours(situation(now=at)) is None


def test_the_first_answer_decides_and_every_rule_stands_in_the_order() -> None:
    quiet: dict[str, Any] = {"silences": [a_silence()], "rival": "al_1"}
    verdict = first(ORDER, situation(**quiet))
    assert verdict is not None and verdict.reason == "silence: move"
    assert {*BEFORE_FIRING, *BEFORE_A_STEP, *BEFORE_A_PERSON} == set(ORDER)
    files = {path.stem for path in Path("alerts/suppression").glob("*.py")} - {
        "__init__",
        "order",
        "situation",
    }
    assert files == {judge.__name__ for judge in ORDER}
