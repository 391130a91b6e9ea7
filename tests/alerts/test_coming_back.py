"""A story that comes back: its alert is opened again, or it is a new one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import actions
from alerts.apply import act
from tests.alerts.scene import ADA, Scene
from tests.alerts.test_engine import ESCALATE


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
