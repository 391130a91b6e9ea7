"""The alerts that fired, as replays and back-tests print them: each with the figures of its own window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from alerts.fired import FIRING, fired_alerts
from tests.alerts.scene import Scene
from tocsin.store import schema as s


def fired(scene: Scene) -> list[dict[str, Any]]:
    e = s.alert_events.c
    with scene.store.read() as conn:
        told = conn.execute(select(e.alert_id, e.at).where(e.kind.in_(FIRING)).order_by(e.seq))
        return [alert for _, alert in fired_alerts(conn, {row.alert_id: row.at for row in told})]


def test_two_alerts_of_one_tick_have_the_figures_of_their_own_windows(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    # Both scores are as high as scores get.
    scene.signal("set_aside", observed=65.0, score=6.0)
    for minutes, observed in ((5, 120.0), (10, 90.0)):
        scene.signal("over", minutes_on=minutes, observed=observed, score=6.0)
    scene.step()
    assert [(one["status"], one["facts"]["observed"]) for one in fired(scene)] == [
        ("suppressed", 65.0),
        ("firing", 120.0),
    ]


def test_an_alert_that_the_second_window_of_a_tick_fired_has_that_windows_figures(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.signal("over", observed=12.0, score=3.1, windows_over=1)
    scene.signal("over", minutes_on=5, observed=120.0, score=5.0)
    scene.step()
    assert [(one["status"], one["facts"]["observed"]) for one in fired(scene)] == [("firing", 120.0)]
