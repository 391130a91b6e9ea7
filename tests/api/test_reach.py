"""A crisis that reaches nobody is said loudly: on every page, in the status, in the metrics and by the auditor."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from alerts import actions
from alerts.apply import act
from alerts.auditor import audit
from alerts.notifiers.port import Outcome
from alerts.outbox.deliver import deliver_due
from alerts.unreached import unreached
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import ADA, Scene
from tests.api.world import HERE, Client, World
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role

CRISIS: dict[str, Any] = {"triggers": {"safety": 3}}
GONE = Outcome("failed", "no such number", for_good=True)


def deliver(scene: Scene, *outcomes: Outcome) -> None:
    deliver_due(scene.store, scene.clock, OneForAll(Phone(outcomes)), "test")


def lost(scene: Scene) -> None:
    """A crisis whose first person cannot be reached: the channel is away."""
    scene.over(**CRISIS)
    for pause in (0, 5, 15, 45):
        scene.clock.advance(timedelta(seconds=pause))
        deliver(scene, Outcome("failed", "no connection"))


def found(scene: Scene) -> list[str]:
    with scene.store.read() as conn:
        return [one.words for one in unreached(conn, scene.now)]


def findings(scene: Scene) -> list[tuple[str, str]]:
    with scene.store.read() as conn:
        return [(one.kind, one.text) for one in audit(conn, scene.now)]


def drawn(client: Client, path: str) -> str:
    return unescape(" ".join(client.get(path, headers={"Accept": "text/html"}).text.split()))


@pytest.mark.slow("asks for many answers")
def test_a_crisis_that_reaches_nobody_is_said_everywhere_until_somebody_answers(world: World) -> None:
    scene = world.scene
    browser, _ = world.session("ada")
    scrape = world.key(Role.ADMIN, "metrics", address=HERE)
    assert "NOBODY REACHED" not in drawn(browser, "/")
    lost(scene)

    words = "SEV1 Lumo reaches nobody since 10:00Z: ada could not be reached"
    assert found(scene) == [words]
    status = world.key(Role.ADMIN).get("/v1/status").json()
    assert status["alerts_unreached"] == 1 and status["mode"] != "ok"
    assert words in status["why"] and "the channel email is away since 10:01Z" in status["why"]
    metrics = scrape.get("/metrics").text
    assert "tocsin_alerts_unreached 1.0" in metrics
    assert 'tocsin_channels_away{channel="email"} 1.0' in metrics
    for path in ("/", "/monitors", f"/alerts/{scene.alert().id}"):
        assert "NOBODY REACHED" in drawn(browser, path)
    assert "Could not be reached: ada." in drawn(browser, f"/alerts/{scene.alert().id}")
    assert "NOBODY REACHED" not in drawn(world.stranger, "/signin"), "strangers learn nothing"
    with scene.store.read() as conn:
        assert "nobody reached" in {one.kind for one in audit(conn, scene.now)}, "no heartbeat leaves"

    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    assert found(scene) == []
    assert "NOBODY REACHED" not in drawn(browser, "/")
    assert "tocsin_alerts_unreached 0.0" in scrape.get("/metrics").text


def test_a_crisis_that_reached_somebody_has_two_paces_before_it_reaches_nobody(world: World) -> None:
    scene = world.scene
    scene.over(**CRISIS)
    deliver(scene)
    scene.wait(minutes=15)
    deliver(scene, GONE)
    assert found(scene) == ["SEV1 Lumo reaches nobody since 10:00Z: ben could not be reached"]
    scene.wait(minutes=5)
    deliver(scene)
    assert found(scene) == []


@pytest.mark.slow("asks for many answers")
def test_a_person_who_could_not_be_reached_is_said_where_the_next_one_was(world: World) -> None:
    scene, phone = world.scene, Phone([GONE])
    scene.over(**CRISIS)
    for _ in range(3):
        deliver_due(scene.store, scene.clock, OneForAll(phone), "test")
        scene.step()
    assert [one.person for one in phone.got] == ["ada", "ben"]
    assert "Could not be reached: ada." in phone.got[1].text, "the next person is told so"
    browser, _ = world.session("ben")
    assert "Could not be reached: ada." in drawn(browser, f"/alerts/{scene.alert().id}")
    assert "unreached" in scene.timeline(scene.alert())
    assert findings(scene) == [("person not reached", "SEV1 Lumo: ada could not be reached")]
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    assert findings(scene) == []

    with scene.write() as conn:
        scene.escalate(conn, ADA, scene.alert().id, "pr", "it is on the news")
    deliver(scene, GONE)
    words = "Lumo, escalation to pr: pia could not be reached"
    assert findings(scene) == [("person not reached", words)]


def test_a_policy_that_names_nobody_reaches_nobody(world: World) -> None:
    for name in ("ada", "ben"):
        admin = world.key(Role.ADMIN)
        at = f"/v1/people/{name}"
        admin.put(at, json={"name": name, "active": False}, headers=admin.etag(at))
    world.scene.over(**CRISIS)
    deliver(world.scene)
    assert found(world.scene) == [
        "SEV1 Lumo reaches nobody since 10:00Z: the policy names nobody who is active"
    ]
