"""Severity: each rule of the table, alone and together with others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerts.severity import CLOCKS, RULES, Decision, severity, worsening
from tocsin.core.promise import threshold
from tocsin.core.signal import Facts
from tocsin.core.signal_kinds import BLIND, NEGATIVITY, REACH, SILENCE, VOLUME

NOW = datetime(2031, 3, 5, 10, 0, tzinfo=UTC)


def facts(kind: str = VOLUME, **values: Any) -> Facts:
    plain: dict[str, Any] = {
        "score": 4.0,
        "observed": 50.0,
        "expected": 10.0,
        "ratio": 5.0,
        "windows_over": 2,
    }
    return Facts(kind=kind, **plain | values)


@pytest.mark.parametrize(
    ("level", "given"),
    [
        (None, facts(windows_over=1)),
        (None, facts(score=2.9)),
        (None, facts(ratio=1.9)),
        (None, facts(learning=True)),
        # The second window needs no more than a last hour that is still as high.
        (4, facts(score=1.0, lasts=True)),
        (None, facts(score=1.0, lasts=True, windows_over=1)),
        (None, facts(score=1.0, lasts=True, ratio=1.9)),
        (None, facts(score=1.0, lasts=True, learning=True)),
        (4, facts()),
        (4, facts(windows_over=1, score=6.0)),
        (4, facts(windows_over=1, score=0.0, ratio=1.0, triggers={"safety": 1})),
        (4, facts(learning=True, triggers={"safety": 2})),
        (3, facts(negative_over=True)),
        (3, facts(influential=True)),
        (3, facts(triggers={"safety": 1})),
        (4, facts(negative_over=True, complete=False)),
        (None, facts(negative_over=True, windows_over=1)),
        (2, facts(negative_over=True, networks=2, networks_heard=2)),
        (3, facts(negative_over=True, networks=1, networks_heard=2)),
        (3, facts(negative_over=True, networks=1, networks_heard=1)),
        (2, facts(influential=True, tier1=True)),
        (2, facts(influential=True, tenfold=True)),
        (4, facts(tier1=True, tenfold=True, networks=3, networks_heard=3)),
        (1, facts(negative_over=True, tenfold=True, triggers={"recall": 1})),
        (1, facts(triggers={"safety": 3})),
        (1, facts(learning=True, triggers={"safety": 3})),
        (3, facts(triggers={"safety": 2, "violence": 2})),
        (3, facts(NEGATIVITY, ratio=1.0, negative_over=True)),
        (3, facts(NEGATIVITY, ratio=1.9, negative_over=True, tier1=True, networks=2, networks_heard=2)),
        (2, facts(NEGATIVITY, ratio=2.0, negative_over=True, tier1=True)),
        (1, facts(NEGATIVITY, ratio=1.0, negative_over=True, triggers={"safety": 3})),
        (3, facts(BLIND, score=0.0, ratio=0.0, windows_over=1)),
        # A signal beside the volume is a watch; agreement makes it a SEV3, and no more without volume.
        (4, facts(REACH, windows_over=1, ratio=1.0, influential=True)),
        (4, facts(REACH, score=6.0, ratio=9.0, influential=True, tier1=True, networks=2, networks_heard=2)),
        (None, facts(REACH, score=2.9)),
        (None, facts(REACH, learning=True)),
        (3, facts(REACH, windows_over=1, ratio=1.0, influential=True, triggers={"safety": 1})),
        (3, facts(REACH, windows_over=1, ratio=9.0, tenfold=True, negative_over=True, tier1=True)),
        # Nobody speaks, so the share of negatives is of what was said before.
        (4, facts(SILENCE, windows_over=1, observed=0.0, ratio=0.0, negative_over=True)),
    ],
)
def test_the_worst_level_whose_rules_hold_decides(level: int | None, given: Facts) -> None:
    decision = severity(given)
    assert decision.severity == level
    assert bool(decision.reasons) == (level is not None)


def test_each_reason_is_the_name_of_a_rule() -> None:
    reasons = severity(
        facts(negative_over=True, networks=2, networks_heard=2, triggers={"safety": 3})
    ).reasons
    assert reasons == (
        "clearly over expected in two windows",
        "a trigger was said",
        "share of negatives over its baseline",
        "a trigger within a spike",
        "on two networks",
        "a trigger said by three or more people",
        "a trigger within an escalated spike",
    )
    assert set(reasons) <= {rule.name for rule in RULES}
    # Three people make a crisis by themselves, and no spike.
    alone = severity(facts(score=0.2, ratio=1.0, windows_over=0, triggers={"safety": 3}))
    assert alone == Decision(1, ("a trigger was said", "a trigger said by three or more people"))


def test_the_engine_raises_and_never_lowers() -> None:
    assert severity(facts(), previous=2).severity == 2
    assert severity(facts(windows_over=0, score=0.0), previous=3).severity == 3
    assert severity(facts(negative_over=True), previous=4).severity == 3


def test_an_escalated_spike_that_worsens_for_30_minutes_is_a_crisis() -> None:
    grave = facts(negative_over=True, networks=2, networks_heard=2)
    since = NOW - timedelta(minutes=29)
    assert severity(grave, 2, since, NOW).severity == 2
    assert severity(grave, 2, NOW - timedelta(minutes=30), NOW).severity == 1
    # What the reposts of one text carry is none by lasting; a trigger in it is.
    carried = msgspec.structs.replace(grave, one_text=True)
    assert severity(carried, 2, NOW - timedelta(minutes=30), NOW).severity == 2
    assert severity(carried).severity == 3
    assert severity(msgspec.structs.replace(carried, tenfold=True)).severity == 2
    said = msgspec.structs.replace(carried, triggers={"safety": 3})
    assert severity(said, 2, NOW - timedelta(minutes=30), NOW).severity == 1
    assert severity(facts(), 2, NOW - timedelta(minutes=30), NOW).severity == 2


def test_a_worsening_is_broken_by_a_reading_well_under_the_peak() -> None:
    began = worsening(None, 5.0, 4.0, NOW)
    assert began == NOW
    assert worsening(began, 4.6, 5.0, NOW + timedelta(minutes=5)) == NOW
    assert worsening(began, 4.4, 5.0, NOW + timedelta(minutes=5)) is None
    assert worsening(None, 4.9, 5.0, NOW) is None


def test_a_monitor_that_accepts_more_false_alerts_is_told_sooner() -> None:
    assert threshold(1) == 3.0
    assert threshold(10) == 2.0
    assert severity(facts(score=2.5), clearly_over=threshold(10)).severity == 4
    assert severity(facts(score=3.5), clearly_over=threshold(0.1)).severity is None


def test_a_worse_severity_never_has_a_slower_clock() -> None:
    for worse, better in ((1, 2), (2, 3), (3, 4)):
        assert CLOCKS[worse].assessment <= CLOCKS[better].assessment
        assert CLOCKS[worse].next_update <= CLOCKS[better].next_update


def test_one_voice_in_a_thousand_that_says_a_trigger_raises_nothing() -> None:
    burst = facts(score=4.0, ratio=4.0, windows_over=3, tenfold=True, triggers={"safety": 1}, voices=1000)
    assert severity(burst).severity == 4
    said = facts(score=4.0, ratio=4.0, windows_over=3, triggers={"safety": 30}, voices=1000)
    assert severity(said).severity == 1


def test_a_monitor_that_has_just_begun_to_listen_is_a_watch_that_says_so() -> None:
    loud = {
        "score": 5.0,
        "ratio": 10.0,
        "windows_over": 4,
        "negative_over": True,
        "tenfold": True,
        "networks": 2,
        "networks_heard": 3,
    }
    assert severity(facts(**loud)).severity == 2
    young = severity(facts(**loud, thin=True))
    assert young.severity == 4
    assert "little was heard before: this may be normal" in young.reasons
    assert severity(facts(**loud, thin=True, triggers={"safety": 4}, voices=20)).severity == 1
