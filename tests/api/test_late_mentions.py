"""What came after a window was judged stands beside its reading, which stays as it was judged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from tests.api.world import World
from tocsin.definitions.models import Role
from tocsin.store import schema as s


@pytest.mark.slow("asks for many answers")
def test_a_reading_tells_the_mentions_that_its_verdict_is_without(world: World) -> None:
    store, monitor, at = world.scene.store, world.scene.monitor, world.now - timedelta(minutes=10)
    reading = {
        "monitor_id": monitor, "kind": "volume", "series": "x", "length_s": 300, "rule": "volume-2",
        "count": 4, "negative": 1, "scored": 4, "observed": 4.0, "expected": 3.0, "lower": 1.0, "upper": 7.0,
        "score": 0.2, "over": False, "state": "warm", "complete": True, "baseline": "protected", "detail": {},
        "tick": world.now,
    }  # fmt: skip
    windows = [at, at + timedelta(minutes=5)]
    with store.write() as conn:
        conn.execute(insert(s.readings), [reading | {"window_start": one} for one in windows])
    desk, path = world.key(Role.VIEWER), f"/v1/monitors/{monitor}/readings"
    span = {"from": windows[0].isoformat(), "to": world.now.isoformat()}
    before = desk.get(path, params=span)
    amended = {"monitor_id": monitor, "window_start": at, "scored": 1}
    with store.write() as conn:
        for partition, count in ((0, 3), (1, -1)):
            row = amended | {"partition": partition, "count": count, "negative": 1 if count > 0 else 0}
            conn.execute(insert(s.amendments).values(**row))
    after = desk.get(path, params=span, headers={"If-None-Match": before.headers["ETag"]})
    none = {"count": 0, "negative": 0, "scored": 0}
    assert [one["late"] for one in before.json()["items"]] == [none, none]
    assert [one["late"] for one in after.json()["items"]] == [{"count": 2, "negative": 1, "scored": 2}, none]
    assert [one["count"] for one in after.json()["items"]] == [4, 4], "as it was judged"
