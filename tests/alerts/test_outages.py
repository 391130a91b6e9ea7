"""Outages: a failed notice uses nothing up, a crisis goes on ringing, and what waits rings when its channel works again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import actions, on_clock
from alerts.apply import act
from alerts.deferred import Deferred
from alerts.notifiers.port import Notice, Outcome
from alerts.outbox import outages
from alerts.outbox.deliver import deliver_due
from alerts.still import how_long
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.lines import Line, play
from tests.alerts.scene import ADA, PEOPLE, POLICY, Scene
from tests.alerts.test_engine import CRISIS, ESCALATE, REVIEW
from tocsin.definitions.models import Channel, Person, Policy

FALLBACK = Policy.model_validate(POLICY.model_dump() | {"teams": {"fallback": ("person:pia",)}})
ONE_STEP = Policy.model_validate(POLICY.model_dump() | {"steps": [POLICY.steps[0]]})


def leap(scene: Scene, **duration: float) -> None:
    """Move on from one due thing to the next."""
    end = scene.now + timedelta(**duration)
    while True:
        rings = scene.alert().next_step_at
        if rings is None or rings > end:
            break
        scene.clock.set(max(rings, scene.now))
        scene.step()
    scene.clock.set(end)


def people(rang: Sequence[tuple[datetime, Notice]]) -> list[str]:
    return [notice.person for _, notice in rang]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, policy=FALLBACK)


@pytest.mark.slow("plays forty minutes in steps of five seconds")
@pytest.mark.parametrize("outcome", ["failed", "unknown"])
@pytest.mark.parametrize("facts", [CRISIS, ESCALATE, REVIEW])
def test_ten_minutes_away_use_nothing_up(scene: Scene, facts: dict[str, object], outcome: str) -> None:
    line = Line(scene.clock, ["email"], outcome)
    scene.over(**facts)
    play(scene, line, minutes=10)
    assert line.rang == []
    assert scene.alert().next_step_at and scene.alert().next_step_at > scene.now
    line.away.clear()
    back = scene.now
    play(scene, line, minutes=2)
    assert sorted(people(line.rang)) == ["ada", "ben", "pia"], "what waits rings at once, and once"
    assert line.rang[0][0] <= back + timedelta(minutes=1)
    play(scene, line, minutes=32)
    if scene.alert().severity == 3:
        assert scene.alert().next_step_at == datetime(2031, 3, 6, 8, 0, tzinfo=UTC)
    else:
        assert {"ada", "ben"} <= set(people(line.rang)[3:]), "the ladder goes on"


def test_the_next_person_of_the_round_is_asked_at_once_and_told_who_could_not_be_reached(
    scene: Scene,
) -> None:
    line = Line(scene.clock, ["email"])
    scene.over(**ESCALATE)
    play(scene, line, minutes=2)
    assert people(line.tried) == ["ada"] * 4 + ["ben"] * 3
    assert "Could not be reached: ada." in line.tried[-1][1].text
    timeline = scene.timeline(scene.alert())
    assert "unreached" in timeline and "hurry" in timeline


def test_a_round_that_reached_nobody_does_not_count_and_one_that_reached_somebody_does(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, policy=ONE_STEP)
    phone = Phone([Outcome("failed", "no such number", for_good=True)] * 3)
    scene.over(**ESCALATE)
    taken = []
    for _ in range(5):
        deliver_due(scene.store, scene.clock, OneForAll(phone), "test")
        taken.append(scene.alert().step)
        scene.wait(minutes=10)
    assert taken == [1, 1, 1, 1, 2]


def test_a_watch_that_reached_nobody_is_not_given_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, policy=ONE_STEP)
    scene.over()
    assert scene.alert().severity == 4
    deliver_due(
        scene.store, scene.clock, OneForAll(Phone([Outcome("failed", "gone", for_good=True)])), "test"
    )
    scene.clock.advance(timedelta(days=1))
    scene.step()
    assert [kind for _, kind, _ in scene.paged()] == ["page", "page"]
    deliver_due(scene.store, scene.clock, OneForAll(Phone()), "test")
    scene.clock.advance(timedelta(days=1))
    scene.step()
    assert scene.timeline(scene.alert())[-1] == "exhaust" and scene.alert().next_step_at is None


@pytest.mark.slow("hours of an alert's life")
def test_an_unanswered_crisis_rings_everybody_every_five_minutes(scene: Scene) -> None:
    scene.over(**CRISIS)
    leap(scene, hours=2)
    climbed = len(scene.notices())
    scene.wait(minutes=15)
    assert [one.person for one in scene.notices()][climbed:] == ["ada", "ben", "pia"] * 3
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    rung = len(scene.notices())
    scene.wait(minutes=30)
    assert len(scene.notices()) == rung


def test_an_unanswered_review_rings_each_morning(scene: Scene) -> None:
    scene.over(**REVIEW)
    leap(scene, hours=48)
    rings = [one.created_at for one in scene.notices()][3:]
    mornings = [datetime(2031, 3, day, 8, 0, tzinfo=UTC) for day in (6, 7)]
    assert rings == [morning for morning in mornings for _ in ("ada", "ben", "pia")]


def test_who_did_not_answer_on_one_channel_is_rung_on_the_others_in_the_second_round(tmp_path: Path) -> None:
    two = (Channel(kind="console"), Channel.model_validate({"kind": "email", "to": "ada@example.org"}))
    scene = Scene(tmp_path, people=(Person(name="ada", channels=two), *PEOPLE[1:]), policy=ONE_STEP)
    scene.over(**ESCALATE)
    scene.wait(minutes=10)
    assert sorted(one.channel for one in scene.notices()) == ["console", "console", "email"]


@pytest.mark.slow("hours of an alert's life")
def test_a_lowered_alert_rings_at_the_milder_pace(scene: Scene) -> None:
    scene.over(**CRISIS)
    leap(scene, hours=3)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.set_severity, scene.alert().id, 3, "one angry forum")
    assert scene.alert().next_step_at == datetime(2031, 3, 6, 8, 0, tzinfo=UTC)


@pytest.mark.slow("hours of an alert's life")
def test_a_crisis_that_is_lowered_to_a_watch_above_its_ladder_asks_nobody_and_pages_no_nobody(
    scene: Scene,
) -> None:
    scene.over(**CRISIS)
    leap(scene, hours=3)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.set_severity, scene.alert().id, 4, "one angry forum")
    before = len(scene.notices())
    leap(scene, hours=48)
    assert len(scene.notices()) == before
    assert scene.alert().next_step_at is None
    assert "nobody" not in {row.person for row in scene.notices()}


@pytest.mark.slow("six hours without an answer or a channel")
def test_notices_that_cannot_leave_do_not_pile_up(scene: Scene) -> None:
    scene.over(**CRISIS)
    leap(scene, hours=6)
    waiting = sorted(one.person for one in scene.notices() if one.status == "queued")
    assert waiting == ["ada", "ben", "pia"]


def test_who_has_been_reached_is_not_rung_again_when_the_channel_is_back(scene: Scene) -> None:
    line = Line(scene.clock, ["email"])
    scene.over(**ESCALATE)
    play(scene, line, seconds=70)
    line.away.clear()
    play(scene, line, minutes=2)
    assert people(line.rang) == ["ben", "ada"], (
        "ben by the retry that found the channel back, ada because she waited"
    )
    with scene.store.read() as conn:
        assert outages.standing(conn) == []


@pytest.mark.slow("hours of an alert's life")
def test_an_answer_ends_the_waiting_for_the_channel(scene: Scene) -> None:
    line = Line(scene.clock, ["email"])
    scene.over(**ESCALATE)
    play(scene, line, minutes=5)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    tried = len(line.tried)
    play(scene, line, minutes=5)
    line.away.clear()
    play(scene, line, minutes=5)
    assert len(line.tried) == tried and line.rang == []
    with scene.store.read() as conn:
        assert outages.standing(conn) == []


@pytest.mark.slow("plays ten minutes in steps of five seconds")
def test_a_story_that_cannot_be_handled_when_the_channel_is_back_rings_when_it_is_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(scene.clock, ["email"])
    scene.turns.deferred = Deferred()
    scene.over(**ESCALATE)
    play(scene, line, minutes=10)

    def broken(*_: Any) -> bool:
        raise ValueError("its facts cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(on_clock, "_ring_again", broken)
        line.away.clear()
        play(scene, line, minutes=1)
        assert len(line.rang) == 1, "the notice that found the channel back"
    play(scene, line, minutes=2)
    assert sorted(people(line.rang)) == ["ada", "ben", "pia"]
    with scene.store.read() as conn:
        assert outages.standing(conn) == []


def test_a_wrong_address_says_nothing_of_the_channel(scene: Scene) -> None:
    scene.over(**ESCALATE)
    deliver_due(
        scene.store, scene.clock, OneForAll(Phone([Outcome("failed", "gone", for_good=True)])), "test"
    )
    with scene.store.read() as conn:
        assert outages.standing(conn) == []


@pytest.mark.slow("hours of an alert's life")
def test_a_channel_that_may_have_delivered_is_not_tried_again_each_minute(scene: Scene) -> None:
    phone = Phone([Outcome("unknown", "cut")] * 1000)
    scene.over(**ESCALATE)
    for _ in range(60):
        scene.clock.advance(timedelta(seconds=10))
        scene.step()
        while deliver_due(scene.store, scene.clock, OneForAll(phone), "test"):
            pass
    assert [one.person for one in phone.got] == ["ada", "ada", "ben", "ben", "pia", "pia"]


@pytest.mark.slow("hours of an alert's life")
def test_a_repeated_page_says_for_how_long_and_what_has_changed(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.wait(minutes=10)
    scene.over(**ESCALATE, observed=80.0)
    scene.wait(minutes=5)
    text = scene.notices()[-1].body["text"]
    assert "Still, for 15 minutes: nobody has answered.\nSince the last page: seen 80, was 50.\n" in text
    leap(scene, hours=2)
    assert (
        "Still, for the third hour: nobody has answered.\nNothing has changed"
        in scene.notices()[-1].body["text"]
    )


def test_hours_in_words() -> None:
    spans = {
        1: "a minute",
        59: "59 minutes",
        60: "the second hour",
        150: "the third hour",
        60 * 20: "the 21st hour",
    }
    assert {minutes: how_long(timedelta(minutes=minutes)) for minutes in spans} == spans
    assert how_long(timedelta(hours=111)) == "the 112th hour"


def test_an_alert_without_a_time_is_taken_up(scene: Scene) -> None:
    """An earlier version left a firing alert without a time once its ladder was climbed."""
    from sqlalchemy import update

    from tocsin.store import schema as s

    scene.over(**CRISIS)
    with scene.write() as conn:
        conn.execute(update(s.alerts).values(step=9, next_step_at=None))
    scene.wait(minutes=1)
    assert [one.person for one in scene.notices()][1:] == ["ada", "ben", "pia"]
