"""One story, one alert: which signals join an alert, what a new story replaces, and that an ended alert stays ended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import actions
from alerts.apply import act
from alerts.notifiers.record import RecordNotifier
from alerts.outbox.deliver import deliver_due
from tests.alerts.scene import ADA, Scene
from tests.alerts.test_engine import CRISIS, ESCALATE, REVIEW
from tocsin.core.errors import IllegalTransition
from tocsin.core.signal_kinds import NEGATIVITY


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_negativity_joins_the_volume_alert_that_already_tells_it(scene: Scene) -> None:
    scene.over(**REVIEW)
    scene.wait(minutes=1)
    scene.over(NEGATIVITY, **REVIEW)
    merged = scene.alert(NEGATIVITY)
    assert (merged.status, merged.merged_into) == ("merged", scene.alert().id)
    assert scene.paged() == [("ada", "page", "queued")]
    scene.over(NEGATIVITY, **CRISIS, score=5.0)
    assert scene.alert().severity == 1, "what is merged raises what it was merged into"


def test_nothing_joins_a_volume_alert_that_calmed_long_ago_and_nobody_answered(scene: Scene) -> None:
    """The crisis of today must not be told as that of the giveaway of last week, with its start and its peak."""
    scene.over(**REVIEW, score=9.0)
    old = scene.alert().id
    scene.calm()
    scene.clock.advance(timedelta(days=4))
    scene.over(NEGATIVITY, **CRISIS)
    assert (scene.alert(NEGATIVITY).status, scene.alert().severity) == ("firing", 3)
    scene.wait(minutes=1)
    scene.over(**CRISIS, score=4.0)
    new = scene.alert()
    assert new.id != old and not new.has_fallen
    assert (scene.alert(NEGATIVITY).status, scene.alert(NEGATIVITY).merged_into) == ("merged", new.id)


def test_a_volume_alert_absorbs_the_open_negativity_alert(scene: Scene) -> None:
    scene.over(NEGATIVITY, ratio=1.0)
    assert scene.paged() == [("ada", "page", "queued")]
    scene.wait(minutes=5)
    scene.over(**ESCALATE)
    assert scene.alert(NEGATIVITY).status == "merged"
    assert scene.paged() == [("ada", "page", "cancelled"), ("ada", "page", "queued")]


def test_a_volume_alert_leaves_alone_what_calmed_long_ago_and_nobody_answered(scene: Scene) -> None:
    """The crisis of today does not tell the sour evening of last week: that one stays until a person has looked."""
    scene.over(NEGATIVITY, **REVIEW)
    scene.calm(NEGATIVITY)
    scene.clock.advance(timedelta(days=4))
    scene.over(**ESCALATE)
    evening = scene.alert(NEGATIVITY)
    assert (evening.status, evening.merged_into, evening.calmed_unacknowledged) == ("firing", None, True)


def test_one_story_pages_one_person_once_whichever_of_its_two_alerts_fires_first(scene: Scene) -> None:
    scene.over(NEGATIVITY, **REVIEW)
    deliver_due(scene.store, scene.clock, RecordNotifier.for_every_channel(), "test")
    scene.wait(minutes=5)
    scene.over(**REVIEW)
    assert scene.alert(NEGATIVITY).status == "merged"
    assert scene.paged() == [("ada", "page", "sent")]
    scene.wait(minutes=12)
    assert [(who, kind) for who, kind, _ in scene.paged()] == [("ada", "page"), ("ben", "page")], (
        "the ladder goes on"
    )


def test_who_answered_the_negativity_alert_has_answered_the_story(scene: Scene) -> None:
    scene.over(NEGATIVITY, **REVIEW)
    deliver_due(scene.store, scene.clock, RecordNotifier.for_every_channel(), "test")
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert(NEGATIVITY).id)
    scene.wait(minutes=5)
    scene.over(**REVIEW)
    volume = scene.alert()
    assert (volume.status, volume.acknowledged_by) == ("acknowledged", "ada")
    scene.wait(minutes=40)
    assert scene.paged() == [("ada", "page", "sent")]


def test_a_volume_alert_that_is_worse_asks_anew(scene: Scene) -> None:
    scene.over(NEGATIVITY, **REVIEW)
    deliver_due(scene.store, scene.clock, RecordNotifier.for_every_channel(), "test")
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert(NEGATIVITY).id)
    scene.wait(minutes=5)
    scene.over(**ESCALATE)
    assert scene.alert().status == "firing"
    assert [(who, kind) for who, kind, _ in scene.paged()] == [("ada", "page"), ("ada", "page")]


def test_what_was_merged_goes_on_alone_when_the_other_has_ended(scene: Scene) -> None:
    scene.over(**REVIEW)
    scene.over(NEGATIVITY, **REVIEW)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, scene.alert().id)
    scene.wait(minutes=5)
    scene.over(NEGATIVITY, **REVIEW)
    assert scene.alert(NEGATIVITY).status == "firing"


def test_a_page_that_never_left_ends_with_the_alert_that_a_new_story_replaces(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.calm()
    assert scene.paged() == [("ada", "page", "queued")]
    scene.clock.advance(timedelta(hours=7))
    scene.over(**ESCALATE)
    old, new = scene.alerts()
    assert (old.status, new.status) == ("resolved", "firing")
    assert {n.status for n in scene.notices() if n.alert_id == old.id} == {"cancelled"}
    assert {n.status for n in scene.notices() if n.alert_id == new.id} == {"queued"}


def test_an_alert_that_is_over_cannot_be_merged_into_a_live_one(scene: Scene) -> None:
    scene.signal("set_aside")
    scene.step()
    over = scene.alert()
    scene.over(NEGATIVITY, **ESCALATE)
    other = scene.alert(NEGATIVITY)
    with pytest.raises(IllegalTransition, match="is over"), scene.write() as conn:
        act(scene.turn(conn, ADA), actions.merge, over.id, other.id)
    assert scene.alert().status == "suppressed"


def test_an_older_calm_alert_does_not_hide_a_flood_that_was_set_aside(scene: Scene) -> None:
    scene.over(**REVIEW)
    scene.calm()
    scene.clock.advance(timedelta(hours=30))
    scene.signal("set_aside")
    scene.step()
    assert [alert.status for alert in scene.alerts()] == ["firing", "suppressed"]
