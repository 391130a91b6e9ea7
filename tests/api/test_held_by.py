"""What holds an alert back, and until when: in the API's list and one alert, in the command's line, and on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerts.views import list_alerts
from ops.commands.alerts import _line
from tests.api.visits import words
from tests.api.world import World
from tocsin.definitions.models import ExpectedEvent, Person, Role, Silence
from tocsin.definitions.repository import find, listed, save


def shown(world: World, client: Any) -> dict[str, Any]:
    """The alert in the list, which says the same as the alert itself."""
    one: dict[str, Any] = client.get("/v1/alerts?status=any").json()["items"][0]
    assert client.get(f"/v1/alerts/{one['id']}").json()["held_by"] == one["held_by"]
    return one


def seen(world: World, path: str) -> str:
    """What a person reads on this page."""
    with world.scene.store.read() as conn:
        someone = listed(conn, Person)[0].name
    return words(world.session(someone)[0].get(path, headers={"accept": "text/html"}).text)


def test_a_silence_holds_an_alert_until_its_end_as_it_is_defined_now(world: World) -> None:
    scene, viewer = world.scene, world.key(Role.VIEWER)
    start = scene.now
    quiet = Silence(name="we move", starts_at=start, ends_at=start + timedelta(hours=3), reason="a move")
    scene.define(quiet)
    scene.over()
    first = shown(world, viewer)
    until = (start + timedelta(hours=3)).isoformat().replace("+00:00", "Z")
    assert (first["status"], first["held_by"]) == (
        "suppressed",
        {"kind": "silence", "name": "we move", "until": until},
    )
    with scene.store.read() as conn:
        line = _line(list_alerts(conn, status=["any"]).items[0])
    assert line.endswith(f"  held by silence we move until {start + timedelta(hours=3):%Y-%m-%d %H:%MZ}")
    for path in ("/alerts?status=any", "/monitors"):
        assert "held back by a silence: we move , until " in seen(world, path), path
    # Nothing happened to the alert, and the answer is another one all the same.
    with scene.write() as conn:
        longer = quiet.model_copy(update={"ends_at": start + timedelta(hours=5)})
        save(conn, longer, now=scene.now, actor="test", id=find(conn, Silence, "we move").id)
    later = (start + timedelta(hours=5)).isoformat().replace("+00:00", "Z")
    assert shown(world, viewer)["held_by"]["until"] == later


def test_an_event_holds_the_next_step_and_an_answered_alert_is_held_by_nothing(world: World) -> None:
    scene, desk = world.scene, world.key(Role.COMMUNITY_MANAGER)
    start, end = scene.now, scene.now + timedelta(hours=2)
    scene.define(ExpectedEvent(name="launch", starts_at=start, ends_at=end))
    scene.over()
    scene.wait(minutes=1)
    held = shown(world, desk)
    assert (held["status"], held["held_by"]["kind"], held["held_by"]["name"]) == (
        "firing",
        "expected_event",
        "launch",
    )
    assert held["held_by"]["until"] == held["next_step_at"]
    note = desk.post(f"/v1/alerts/{held['id']}/note", json={"text": "it is the launch"}).json()
    assert note["held_by"] == held["held_by"]
    for path in ("/", "/monitors", "/wall"):
        assert "held back by an expected event: launch , until " in seen(world, path), path
    answered = desk.post(f"/v1/alerts/{held['id']}/acknowledge").json()
    assert answered["held_by"] is None
