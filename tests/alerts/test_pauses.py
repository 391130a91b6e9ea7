"""Receivers that ask for a pause: they get it, within bounds, and other ways go first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.notifiers.port import Notice, Outcome
from alerts.outbox import outages, pauses
from alerts.outbox.retries import PATIENCE
from tests.alerts.lines import Line, play
from tests.alerts.scene import PEOPLE, POLICY, Scene
from tests.alerts.test_engine import CRISIS, ESCALATE
from tocsin.core.clock import Clock
from tocsin.definitions.models import Channel, Monitor, Person, Policy

BEN = Policy.model_validate({"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:ben"]}]})
BEN_ALONE = (PEOPLE[1],)
TWO_WAYS = Person(
    name="ada",
    channels=(
        Channel.model_validate({"kind": "webhook", "url": "https://ada.example/", "secret": "env:HOOK"}),
        Channel.model_validate({"kind": "email", "to": "ada@example.org"}),
    ),
)


class Busy(Line):
    """A line whose `busy` channel refuses what comes before its time and asks for a pause."""

    def __init__(self, clock: Clock, busy: str, asks: float, lasts: float) -> None:
        super().__init__(clock)
        self._busy, self._asks = busy, timedelta(seconds=asks)
        self._until = clock.now() + timedelta(seconds=lasts)

    def send(self, notice: Notice) -> Outcome:
        if notice.channel == self._busy and self.clock.now() < self._until:
            self.tried.append((self.clock.now(), notice))
            return Outcome("failed", "answered 429", pause=self._asks)
        return super().send(notice)


def seconds(scene: Scene, of: Sequence[tuple[datetime, Notice]], channel: str) -> list[int]:
    """When this channel was tried, in seconds since the alert opened."""
    opened = scene.alert().opened_at
    return [round((at - opened).total_seconds()) for at, notice in of if notice.channel == channel]


def test_a_short_pause_is_waited_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path, people=BEN_ALONE, policy=BEN)
    line = Busy(scene.clock, "email", asks=30, lasts=25)
    scene.over(**ESCALATE)
    play(scene, line, minutes=1)
    assert seconds(scene, line.tried, "email") == [5, 35]
    assert seconds(scene, line.rang, "email") == [35]


def test_pauses_in_a_row_do_not_keep_the_next_person_waiting_for_longer_than_our_own_tries_would(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    line = Busy(scene.clock, "email", asks=30, lasts=10_000)
    scene.over(**ESCALATE)
    play(scene, line, minutes=2)
    unreached = [row.ended_at for row in scene.notices() if row.person == "ada"]
    assert unreached[0] - scene.alert().opened_at <= PATIENCE + timedelta(seconds=5)


def test_where_a_long_pause_is_asked_for_other_channels_go_first_and_a_crisis_waits_five_minutes_at_most(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, people=(TWO_WAYS, *PEOPLE[1:]))
    line = Busy(scene.clock, "webhook", asks=3600, lasts=290)
    scene.over(**ESCALATE)
    play(scene, line, minutes=8)
    assert seconds(scene, line.tried, "webhook")[:2] == [5, 305], "asked once, and again after its bound"
    assert seconds(scene, line.rang, "email")[0] == 5, "the person's next channel rang at once"
    with scene.store.read() as conn:
        key = pauses.receiver_of("webhook", TWO_WAYS.channels[0].target)
        assert pauses.left(conn, key, scene.now) is None
        assert outages.standing(conn) == []


def test_another_story_does_not_ask_a_receiver_that_pauses(tmp_path: Path) -> None:
    scene = Scene(tmp_path, people=(TWO_WAYS, *PEOPLE[1:]))
    line = Busy(scene.clock, "webhook", asks=200, lasts=150)
    scene.over(**ESCALATE)
    play(scene, line, seconds=30)
    scene.monitor = scene.define(Monitor(name="Other", query="other"))
    scene.over(**CRISIS)
    play(scene, line, seconds=30)
    assert seconds(scene, line.tried, "webhook") == [-25], "only the first alert's page asked it"
    rung = [notice for _, notice in line.rang if notice.alert_id == scene.alert().id]
    assert [(one.person, one.channel) for one in rung] == [("ada", "email")]
    play(scene, line, minutes=3)
    rung = [notice for _, notice in line.rang if notice.channel == "webhook"]
    assert len({one.alert_id for one in rung}) == 2, "both ring on it when it takes notices again"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_ends_a_pause_and_never_makes_it_longer(tmp_path: Path, hours: int) -> None:
    scene = Scene(tmp_path)
    with scene.write() as conn:
        pauses.begin(conn, "some", timedelta(hours=2), scene.now)
        assert pauses.left(conn, "some", scene.now) == pauses.LONGEST
        assert pauses.left(conn, "some", scene.now + timedelta(hours=hours)) is None
        pauses.end(conn, "some")
        assert pauses.left(conn, "some", scene.now) is None


def test_who_is_left_over_still_has_a_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, policy=POLICY)
    line = Busy(scene.clock, "email", asks=100_000, lasts=100_000)
    scene.over(**CRISIS)
    play(scene, line, minutes=12)
    due = scene.alert().next_step_at
    assert line.rang == [] and due is not None and scene.now < due <= scene.now + timedelta(minutes=5)
    assert len(line.tried) <= 4, "a server is asked once in five minutes"
