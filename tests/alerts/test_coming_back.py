"""A story that comes back: its alert is opened again, or it is a new one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import actions
from alerts.apply import act
from tests.alerts.scene import ADA, Scene
from tests.alerts.test_engine import CRISIS, ESCALATE


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def resolved(scene: Scene) -> str:
    """The id of an alert that has fired and that a person has resolved."""
    scene.over(**ESCALATE)
    alert = scene.alert().id
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, alert)
    return alert


def test_a_story_that_comes_back_within_six_hours_is_reopened_and_later_is_a_new_alert(scene: Scene) -> None:
    first = resolved(scene)
    scene.clock.advance(timedelta(hours=5))
    scene.over(windows_over=1)
    assert scene.alert().status == "resolved"
    scene.over(**ESCALATE, score=5.0)
    assert (scene.alert().id, scene.alert().status) == (first, "firing")
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, first)
    scene.clock.advance(timedelta(hours=7))
    scene.over(**ESCALATE)
    assert scene.alert().id != first


def test_copies_that_are_set_aside_in_between_do_not_hide_a_story_that_comes_back(scene: Scene) -> None:
    first = resolved(scene)
    scene.clock.advance(timedelta(hours=1))
    scene.signal("set_aside")
    scene.step()
    scene.clock.advance(timedelta(hours=1))
    scene.over(**ESCALATE, score=5.0)
    assert [(one.id == first, one.status) for one in scene.alerts()] == [
        (True, "firing"),
        (False, "suppressed"),
    ]


def test_an_old_calm_alert_that_nobody_looked_at_does_not_hide_a_new_story(scene: Scene) -> None:
    scene.over(**ESCALATE)
    first = scene.alert().id
    scene.calm()
    scene.clock.advance(timedelta(hours=7))
    scene.over(**ESCALATE)
    old, new = scene.alerts()
    assert (old.id, old.status) == (first, "resolved") and "never acknowledged" in (old.reason or "")
    assert new.status == "firing" and [kind for _, kind, _ in scene.paged()] == ["page", "page"]


def _away_while_it_rose(scene: Scene, *then: str) -> None:
    """The engine handles, at once, a rise of the severity and what came after it."""
    scene.over(**ESCALATE)
    assert scene.paged() == [("ada", "page", "queued")]
    for minute, state in enumerate(("over", *then)):
        worse = {**CRISIS, "score": 6.0} if state == "over" else {"score": 0.1, "windows_over": 0}
        scene.signal(state, minutes_on=5.0 * minute, **worse)
    scene.clock.advance(timedelta(hours=1))
    scene.step()


def test_nobody_is_paged_for_a_rise_that_has_calmed_by_now(scene: Scene) -> None:
    _away_while_it_rose(scene, "calm")
    assert scene.alert().severity == 1 and scene.alert().calmed_at is not None
    assert [kind for _, kind, _ in scene.paged() if kind == "worsened"] == []
    scene.wait(minutes=30)
    assert [kind for _, kind, _ in scene.paged() if kind != "told"] == ["page"]


def test_a_rise_that_has_calmed_pages_when_the_story_goes_on(scene: Scene) -> None:
    _away_while_it_rose(scene, "calm")
    scene.clock.advance(timedelta(minutes=5))
    scene.over(**CRISIS, score=6.0)
    assert scene.alert().calmed_at is None
    assert len([kind for _, kind, _ in scene.paged() if kind in ("page", "worsened")]) > 1


def test_a_rise_pages_where_the_story_calmed_and_went_on_while_the_engine_was_away(scene: Scene) -> None:
    _away_while_it_rose(scene, "calm", "over")
    assert "worsened" in [kind for _, kind, _ in scene.paged()]
