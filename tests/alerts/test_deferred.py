"""One story that cannot be handled stops itself only; and what was held for good is found again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from alerts import auditor
from alerts.deferred import WAITS
from alerts.engine import step
from alerts.worker import BATCH, AlertsWorker
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import Scene, write_signal
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.core.clock import to_micros
from tocsin.core.signal import fingerprint
from tocsin.core.signal_kinds import VOLUME
from tocsin.definitions.models import Monitor, Silence
from tocsin.definitions.repository import delete, find, listed, save
from tocsin.settings import Settings
from tocsin.store import schema as s

ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}
YEAR_10000 = "9999-12-31T23:59:59-01:00"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def silence_from_before(scene: Scene) -> None:
    """A silence as a version that knew no bounds stored it."""
    scene.define(
        Silence(
            name="never",
            monitor="Lumo",
            starts_at=scene.now - timedelta(hours=1),
            ends_at=scene.now + timedelta(days=1),
            reason="quiet",
        )
    )
    d = s.definitions
    with scene.write() as conn:
        body = find(conn, Silence, "never").value.model_dump(mode="json") | {"ends_at": YEAR_10000}
        conn.execute(update(d).where(d.c.kind == "silence").values(definition=body))


def ring(scene: Scene, monitor: str) -> None:
    with scene.write() as conn:
        write_signal(conn, monitor, scene.now, "over", VOLUME, {}, ESCALATE)


def test_a_stored_silence_that_ends_in_the_year_10000_stops_nobody_elses_pages(scene: Scene) -> None:
    ben = scene.define(Monitor(name="Velora", query="velora"))
    scene.over(**ESCALATE)
    silence_from_before(scene)
    # The next step is due, and held.
    scene.wait(minutes=16)
    held = scene.alert()
    assert held.next_step_at is not None and held.next_step_at > scene.now + timedelta(days=365)
    scene.over(**ESCALATE)
    ring(scene, ben)
    scene.step()
    assert [one.monitor for one in scene.alerts() if one.status == "firing"] == ["Lumo", "Velora"]


def test_a_row_that_holds_a_step_beyond_the_calendar_is_readable_and_is_found_again(scene: Scene) -> None:
    scene.over(**ESCALATE)
    silence_from_before(scene)
    scene.wait(minutes=16)
    alert = scene.alert()
    beyond = to_micros(alert.opened_at) * 200
    with scene.write() as conn:
        conn.exec_driver_sql(f"UPDATE alerts SET next_step_at = {beyond}")
        t = s.alert_timeline
        conn.execute(
            update(t)
            .where(t.c.action == "hold")
            .values(detail={"waits": "silence: never", "until": YEAR_10000})
        )
        delete(conn, Silence, "never", now=scene.now, actor="test")
    assert scene.alert().next_step_at is not None
    scene.wait(minutes=1)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_a_silence_that_is_deleted_holds_nothing_any_more(scene: Scene) -> None:
    scene.over(**ESCALATE)
    silence_from_before(scene)
    scene.wait(minutes=20)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    with scene.write() as conn:
        delete(conn, Silence, "never", now=scene.now, actor="test")
    scene.wait(minutes=1)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_a_change_of_another_silence_takes_no_step_before_its_time(scene: Scene) -> None:
    scene.over(**ESCALATE)
    silence_from_before(scene)
    scene.wait(minutes=20)
    first = scene.alert()
    scene.define(
        Silence(
            name="other",
            monitor="Velora",
            starts_at=scene.now,
            ends_at=scene.now + timedelta(hours=1),
            reason="quiet",
        )
    )
    scene.wait(minutes=3)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    assert scene.alert().next_step_at == first.next_step_at
    assert scene.timeline(first).count("hold") == 2, "looked at again once, not each minute"


@pytest.mark.slow("hours of an alert's life")
def test_one_story_that_cannot_be_handled_waits_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    other = scene.define(Monitor(name="Velora", query="velora"))
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(Phone()))
    # More than one transaction's worth, and they come first.
    for _ in range(6):
        scene.signal("over", **ESCALATE)
        scene.clock.advance(timedelta(seconds=1))
    bad_facts(scene)
    ring(scene, other)
    while worker.work():
        pass
    assert [(one.monitor, one.status) for one in scene.alerts()] == [("Velora", "firing")]
    with scene.store.read() as conn:
        reported = conn.execute(s.health.select()).one()
        waiting = auditor.signals_not_handled(conn, scene.now + timedelta(minutes=3))
    assert reported.state == "degraded" and "the story Lumo (volume)" in reported.detail["reason"]
    assert [(one.object, "6 signals" in one.text) for one in waiting] == [
        (fingerprint(scene.monitor, VOLUME), True)
    ]


@pytest.mark.slow("hours of an alert's life")
def test_a_story_that_was_deferred_is_tried_again_in_its_order(scene: Scene) -> None:
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(Phone()))
    id = scene.signal("over", **ESCALATE)
    bad_facts(scene)
    worker.work()
    scene.clock.advance(timedelta(seconds=30))
    scene.signal("calm", score=0.1, ratio=1.0, windows_over=0)
    worker.work()
    assert scene.alerts() == []
    c = s.signals.c
    with scene.write() as conn:
        good = conn.execute(s.signals.select().where(c.state == "calm")).one().facts
        conn.execute(update(s.signals).where(c.id == id).values(facts=good | {"ratio": 5.0, "score": 4.0}))
    scene.clock.advance(WAITS[0])
    while worker.work():
        pass
    assert [row.handled_at is not None for row in signals(scene)] == [True, True]
    with scene.store.read() as conn:
        assert conn.execute(s.health.select()).one().state == "ok"


def test_after_a_time_away_nobody_is_woken_for_what_is_over_and_others_ring_meanwhile(scene: Scene) -> None:
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(Phone()))
    other = scene.define(Monitor(name="Velora", query="velora"))
    for _ in range(BATCH):
        scene.signal("over", **ESCALATE)
        scene.clock.advance(timedelta(minutes=5))
    ring(scene, other)
    scene.clock.advance(timedelta(minutes=5))
    scene.signal("calm", score=0.1, ratio=1.0, windows_over=0)
    worker.work()
    assert scene.paged() == [], "the calm of this story still waits"
    while worker.work():
        pass
    assert {one.monitor: one.calmed_at is not None for one in scene.alerts()} == {
        "Lumo": True,
        "Velora": False,
    }
    assert [(one.person, "Velora" in one.subject) for one in scene.notices()] == [("ada", True)]


def test_a_story_that_was_settled_otherwise_is_no_trouble_any_more(scene: Scene) -> None:
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(Phone()))
    scene.signal("over", **ESCALATE)
    bad_facts(scene)
    worker.work()
    assert state_of_alerts(scene) == "degraded"
    with scene.write() as conn:
        conn.execute(update(s.signals).values(handled_at=scene.now))
    worker.work()
    assert state_of_alerts(scene) == "degraded", "it is not tried again before its time"
    scene.clock.advance(WAITS[0])
    worker.work()
    assert state_of_alerts(scene) == "ok"


def test_a_silence_that_is_deleted_while_the_story_is_deferred_holds_nothing_any_more(scene: Scene) -> None:
    worker = AlertsWorker(scene.store, Settings(), scene.clock, OneForAll(Phone()))
    scene.over(**ESCALATE)
    silence_from_before(scene)
    scene.wait(minutes=20)
    id = scene.signal("over", **ESCALATE)
    bad_facts(scene)
    worker.work()
    with scene.write() as conn:
        delete(conn, Silence, "never", now=scene.now, actor="test")
    worker.work()
    assert [person for person, _, _ in scene.paged()] == ["ada"], "the story waits"
    with scene.write() as conn:
        conn.execute(update(s.signals).where(s.signals.c.id == id).values(handled_at=scene.now))
    scene.clock.advance(WAITS[0])
    while worker.work():
        pass
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]
    assert state_of_alerts(scene) == "ok"


def test_a_replay_stops_at_a_story_that_it_cannot_handle(scene: Scene) -> None:
    scene.signal("over", **ESCALATE)
    bad_facts(scene)
    with pytest.raises(ValueError), scene.write() as conn:
        step(scene.turn(conn))


def test_a_definition_that_cannot_be_read_is_left_out_named_and_can_be_defined_anew(scene: Scene) -> None:
    d = s.definitions
    quiet = {"monitor": "Lumo", "starts_at": scene.now, "ends_at": scene.now + timedelta(hours=1)}
    for name in ("broken", "whole"):
        scene.define(Silence(name=name, reason="quiet", **quiet))
    with scene.write() as conn:
        conn.execute(update(d).where(d.c.name == "broken").values(definition={"name": "broken"}))
        assert [one.name for one in listed(conn, Silence)] == ["whole"]
        assert [one.object for one in auditor.unreadable_definitions(conn)] == ["broken"]
        save(conn, Silence(name="broken", reason="mended", **quiet), now=scene.now, actor="test")
        assert [one.name for one in listed(conn, Silence)] == ["broken", "whole"]


def test_an_audit_whose_check_fails_makes_the_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> list[auditor.Finding]:
        raise OverflowError("date value out of range")

    monkeypatch.setitem(auditor.CHECKS, "sources", broken)
    scene.signal("over", **ESCALATE)
    with scene.store.read() as conn:
        found = auditor.audit(conn, scene.now + timedelta(minutes=5))
    assert [one.kind for one in found] == ["signal not handled", "check failed"]


def bad_facts(scene: Scene) -> None:
    """The signals as another version may have written them: their facts cannot be read."""
    with scene.write() as conn:
        conn.execute(update(s.signals).values(facts={"kind": 7}))


def state_of_alerts(scene: Scene) -> str:
    """The state that the alerts role has reported."""
    with scene.store.read() as conn:
        return str(conn.execute(s.health.select()).one().state)


def signals(scene: Scene) -> list[Any]:
    with scene.store.read() as conn:
        return list(conn.execute(s.signals.select()))
