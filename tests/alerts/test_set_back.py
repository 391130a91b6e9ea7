"""A clock that jumps ahead and is set back: no ring is lost for as long, and none comes twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from alerts import actions
from alerts.apply import act
from alerts.notifiers.port import Notice, Outcome
from alerts.outbox.deliver import deliver_due
from tests.alerts.scene import ADA, START, Scene
from tests.alerts.test_engine import CRISIS
from tocsin.core.clock import SimulatedClock
from tocsin.store import schema as s

HOUR = timedelta(hours=1)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def set_clock(scene: Scene, to: datetime) -> None:
    scene.clock = SimulatedClock(to)


def rings(scene: Scene) -> list[datetime]:
    return sorted({row.created_at for row in scene.notices()})


def crisis(scene: Scene) -> None:
    scene.over(**CRISIS)
    assert scene.alert().severity <= 2, scene.alert()


def test_an_unanswered_crisis_keeps_its_pace_through_a_clock_that_jumps_an_hour_ahead_and_back(
    scene: Scene,
) -> None:
    crisis(scene)
    scene.wait(minutes=3)
    set_clock(scene, scene.now + HOUR)
    scene.wait(minutes=5)
    back = scene.now - HOUR
    set_clock(scene, back)
    before = len(rings(scene))
    scene.wait(minutes=16)
    after = rings(scene)
    assert len(after) > before
    alert = scene.alert()
    assert alert.next_step_at is not None
    assert scene.now < alert.next_step_at <= scene.now + timedelta(minutes=15)
    assert len({row.id for row in scene.notices()}) == len(scene.notices())


def test_a_signal_that_comes_before_anything_else_after_the_clock_was_set_back_loses_no_ring(
    scene: Scene,
) -> None:
    crisis(scene)
    set_clock(scene, START + 2 * HOUR)
    scene.step()
    due = scene.alert().next_step_at
    assert due is not None
    waits = due - scene.now
    set_clock(scene, START + timedelta(minutes=1))
    # The crisis goes on: its signal is handled in the first round after.
    crisis(scene)
    assert scene.alert().next_step_at == scene.now + waits
    before = len(rings(scene))
    scene.wait(minutes=16)
    assert len(rings(scene)) > before


def test_an_acknowledgement_made_while_the_clock_was_ahead_lasts_as_long_as_any(scene: Scene) -> None:
    crisis(scene)
    set_clock(scene, START + HOUR)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    lasts = scene.alert().ack_expires_at - scene.now
    set_clock(scene, START + timedelta(minutes=1))
    scene.step()
    assert scene.alert().ack_expires_at == scene.now + lasts
    assert scene.alert().acknowledged_by == "ada"


def test_a_notice_that_was_to_be_tried_again_by_a_clock_ahead_is_tried_now(scene: Scene) -> None:
    class Receiver:
        kind, honours_id, time_limit = "email", False, timedelta(seconds=5)

        def __init__(self) -> None:
            self.got: list[str] = []
            self.away = True

        def send(self, notice: Notice) -> Outcome:
            self.got.append(notice.id)
            return Outcome("failed", "away") if self.away else Outcome("sent", "")

    crisis(scene)
    receiver = Receiver()

    def deliver() -> int:
        return deliver_due(scene.store, scene.clock, {"email": receiver}, "test")

    set_clock(scene, START + HOUR)
    assert deliver() == 1
    receiver.away = False
    set_clock(scene, START + timedelta(seconds=30))
    assert deliver() == 1
    assert deliver() == 0
    assert receiver.got == [receiver.got[0]] * 2
    # One that a worker left behind while the clock was ahead is seen too.
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="attempting", attempts=3, attempting_at=START + HOUR))
    deliver()
    assert "attempting" not in {row.status for row in scene.notices()}
