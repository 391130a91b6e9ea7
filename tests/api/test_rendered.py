"""One rendering for all who ask the same."""

from __future__ import annotations

import threading
import time

from api.rendered import Rendered
from tests.api.world import World
from tocsin.definitions.models import Role


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
