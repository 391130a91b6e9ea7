"""A held outbox: no waiting notice leaves before a person has said so, and everybody sees that it is held."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.actor import Actor
from alerts.auditor import Auditor, audit
from alerts.outbox import hold
from alerts.outbox.deliver import deliver_due, due
from alerts.outbox.test_notice import page_once
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import Scene
from tocsin.core.errors import IllegalTransition
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.offsets import record_gap
from tocsin.stream.port import RecordGap

ADA = Actor("ada", "ada", "admin")
ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def statuses(scene: Scene) -> list[str]:
    with scene.store.read() as conn:
        return sorted(conn.execute(select(s.notices.c.status)).scalars())


def held_scene(scene: Scene) -> tuple[Scene, Phone]:
    """An alert whose page waits in an outbox that is held."""
    scene.over(**ESCALATE)
    with scene.write() as conn:
        hold.hold(conn, scene.now, "restored from monday.db")
    return scene, Phone()


def deliver(scene: Scene, phone: Phone) -> int:
    return deliver_due(scene.store, scene.clock, OneForAll(phone), "me")


def test_nothing_leaves_until_a_person_releases_it_and_then_it_does(scene: Scene) -> None:
    scene, phone = held_scene(scene)
    with scene.store.read() as conn:
        assert not due(conn, scene.now)
    assert deliver(scene, phone) == 0
    assert phone.got == []
    with scene.write() as conn:
        done = hold.release(conn, ADA, scene.now)
    assert (done.waiting, done.cancelled) == (1, 0)
    assert deliver(scene, phone) == 1
    assert len(phone.got) == 1
    with scene.write() as conn, pytest.raises(IllegalTransition, match="not held"):
        hold.release(conn, ADA, scene.now)
    with scene.store.read() as conn:
        assert "outbox.released" in conn.execute(select(s.audit.c.action)).scalars().all()


def test_what_was_being_sent_when_the_backup_was_made_is_held_too(scene: Scene) -> None:
    scene, phone = held_scene(scene)
    with scene.write() as conn:
        conn.execute(s.notices.update().values(status="attempting", attempts=1, attempting_at=scene.now))
    scene.clock.advance(timedelta(hours=3))
    assert deliver(scene, phone) == 0
    assert statuses(scene) == ["attempting"]


def test_what_waits_can_be_taken_back(scene: Scene) -> None:
    scene, phone = held_scene(scene)
    with scene.write() as conn:
        assert hold.release(conn, ADA, scene.now, discard=True).cancelled == 1
    assert deliver(scene, phone) == 0
    assert statuses(scene) == ["cancelled"]


def test_a_test_page_rings_all_the_same(scene: Scene) -> None:
    scene, phone = held_scene(scene)
    rang = page_once(scene.store, scene.clock, OneForAll(phone), "ada", "https://tocsin.example")
    assert {one.outcome for one in rang} == {"sent"}
    assert "queued" in statuses(scene)


def test_the_auditor_says_so_and_says_what_helps(scene: Scene) -> None:
    scene, _ = held_scene(scene)
    scene.clock.advance(timedelta(minutes=30))
    with scene.store.read() as conn:
        (found,) = [one for one in audit(conn, scene.now) if one.kind in ("outbox held", "notice stuck")]
    assert found.kind == "outbox held"
    assert "1 wait" in found.text
    assert "tocsin notify release" in found.text


def test_records_that_were_lost_raise_blind_and_calm_after_an_hour(scene: Scene) -> None:
    auditor = Auditor(scene.store, Settings(), scene.clock, ping=lambda _url: None)
    with scene.write() as conn:
        record_gap(conn, "here", "mentions", RecordGap(0, 5, 12), scene.now)
    (found,) = [one for one in auditor.check() if one.kind == "blind"]
    assert "7 records were gone" in found.text
    signals = select(s.signals.c.state).where(s.signals.c.kind == "blind").order_by(s.signals.c.tick)
    with scene.store.read() as conn:
        assert conn.execute(signals).scalars().all() == ["over"]
    scene.step()
    scene.clock.advance(timedelta(minutes=61))
    auditor.check()
    with scene.store.read() as conn:
        assert conn.execute(signals).scalars().all() == ["over", "calm"]
