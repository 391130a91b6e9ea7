"""One rendering for all who ask the same."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from alerts.held import stamp
from api.rendered import Rendered
from tests.api.world import World
from tocsin.definitions.models import Monitor, Role


def test_callers_at_once_wait_for_one_rendering() -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        time.sleep(0.02)
        return b"list"

    rendered, got = Rendered(), []
    threads = [threading.Thread(target=lambda: got.append(rendered.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(made)) == ([b"list"] * 8, 1)


def test_a_rendering_that_fails_is_tried_by_the_next_and_old_ones_make_room() -> None:
    rendered = Rendered(most=10)

    def fails() -> bytes:
        raise ValueError

    for make in (fails, lambda: b"12345678"):
        try:
            assert rendered.get("a", make) == b"12345678"
        except ValueError:
            continue
    assert rendered.get("a", fails) == b"12345678"
    rendered.get("b", lambda: b"123456")
    assert rendered.get("a", lambda: b"anew") == b"anew"


def test_the_list_of_alerts_is_the_same_for_all_of_a_role_and_new_after_a_change(world: World) -> None:
    world.scene.over()
    one, two = world.key(Role.VIEWER), world.key(Role.VIEWER)
    first, again = one.get("/v1/alerts"), two.get("/v1/alerts")
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    assert first.headers["content-type"] == "application/json"
    world.key(Role.ADMIN).post(f"/v1/alerts/{world.scene.alert().id}/acknowledge")
    after = two.get("/v1/alerts")
    assert after.headers["etag"] != first.headers["etag"]
    assert after.json()["items"][0]["status"] == "acknowledged"


def three_alerts(world: World) -> None:
    for number in range(3):
        world.scene.monitor = world.scene.define(Monitor(name=f"Brand {number}", query=f"brand{number}"))
        world.scene.over(negative_over=True)
        world.scene.clock.advance(timedelta(minutes=1))


def test_a_list_is_packed_once_for_all_who_take_that_and_equals_the_plain_one(world: World) -> None:
    three_alerts(world)
    key = world.key(Role.VIEWER)
    packed = key.get("/v1/alerts", headers={"Accept-Encoding": "gzip"})
    plain = key.get("/v1/alerts", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.content == plain.content
    assert plain.json()["items"] == [
        key.get(f"/v1/alerts/{one['id']}").json() for one in plain.json()["items"]
    ]


def test_of_the_next_list_only_the_alerts_that_changed_are_rendered(world: World) -> None:
    three_alerts(world)
    key, rendered = world.key(Role.VIEWER), world.app.state.tocsin.rendered_alerts
    with world.scene.store.read() as conn:
        nothing_holds = stamp(conn)

    def kept_now(items: list[dict[str, Any]]) -> list[bytes | None]:
        return [rendered.ready(f"{one['id']} {one['version']} {nothing_holds}") for one in items]

    before = key.get("/v1/alerts").json()["items"]
    kept = kept_now(before)
    assert all(kept)
    world.key(Role.ADMIN).post(f"/v1/alerts/{before[0]['id']}/acknowledge")
    after = key.get("/v1/alerts").json()["items"]
    assert [one["status"] for one in after] == ["acknowledged", "firing", "firing"]
    assert [new is old for new, old in zip(kept_now(after), kept, strict=True)] == [False, True, True]
