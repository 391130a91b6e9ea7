"""Channels that are away for a while, and time that goes on as the worker would work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from alerts.engine import anything_due
from alerts.notifiers.port import Notice, Outcome
from alerts.outbox.deliver import deliver_due, due
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import Scene
from tocsin.core.clock import Clock


class Line(Phone):
    """A notifier for every channel. The channels in `away` are not reached."""

    def __init__(self, clock: Clock, away: Sequence[str] = (), outcome: str = "failed") -> None:
        super().__init__(honours_id=True)
        self.away, self.clock, self.outcome = set(away), clock, outcome
        self.tried: list[tuple[datetime, Notice]] = []
        self.rang: list[tuple[datetime, Notice]] = []

    def send(self, notice: Notice) -> Outcome:
        self.tried.append((self.clock.now(), notice))
        if notice.channel in self.away:
            return (
                Outcome("failed", "no connection") if self.outcome == "failed" else Outcome("unknown", "cut")
            )
        self.rang.append((self.clock.now(), notice))
        return Outcome("sent", "it rang")


def play(scene: Scene, line: Line, **duration: float) -> None:
    """Move on in steps of five seconds, as the worker would."""
    for _ in range(round(timedelta(**duration) / timedelta(seconds=5))):
        scene.clock.advance(timedelta(seconds=5))
        while _anything(scene):
            scene.step()
            deliver_due(scene.store, scene.clock, OneForAll(line), "test")


def _anything(scene: Scene) -> bool:
    with scene.store.read() as conn:
        passed_over = scene.turn(conn).passed_over
        return anything_due(conn, scene.now, passed_over) or due(conn, scene.now)
