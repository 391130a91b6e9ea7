"""Partitions that stand still, however little waits there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from alerts.auditor import THE_STREAM, Auditor
from tests.alerts.scene import Scene
from tocsin.core.clock import minute_of
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.offsets import Position, advance, take_over

MINUTE = timedelta(minutes=1)


def barrier(scene: Scene, **ends: int) -> None:
    with scene.write() as conn:
        row = {"cluster": "c", "topic": "mentions", "minute": minute_of(scene.now), "taken_at": scene.now}
        scene.store.put(conn, s.barriers, [row | {"ends": {k.removeprefix("p"): v for k, v in ends.items()}}])


def read_to(scene: Scene, partition: int, at: Position, to: int) -> Position:
    with scene.write() as conn:
        return advance(conn, "c", "mentions", partition, at, to, 1, scene.now)


def test_a_partition_that_stands_still_is_blind_within_two_minutes_and_heard_again_when_it_moves(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    auditor = Auditor(scene.store, Settings(), scene.clock, ping=lambda _: None)
    with scene.write() as conn:
        at = {p: take_over(conn, "c", "mentions", p, "me", scene.now) for p in (0, 1)}

    def minute(*moves: int, **ends: int) -> list[str]:
        barrier(scene, **ends)
        scene.clock.advance(MINUTE)
        for partition in moves:
            at[partition] = read_to(scene, partition, at[partition], at[partition].offset + 1)
        return [one.text for one in auditor.check() if one.object == THE_STREAM]

    assert minute(0, 1, p0=1, p1=1) == []
    # 1 may only be behind
    assert minute(0, p0=2, p1=2) == []
    assert minute(0, p0=3, p1=2) == ["not moving, partition 1 of the stream: unread records there: 1"]
    with scene.store.read() as conn:
        said = conn.execute(select(s.health.c.state).where(s.health.c.component == "auditor")).scalar_one()
    assert said == "blind"
    scene.step()
    assert [(one.kind, one.monitor) for one in scene.alerts()] == [("blind", f"source:{THE_STREAM}")]
    assert minute(0, 1, p0=4, p1=2) == []
    scene.step()
    assert scene.alerts()[0].calmed_at is not None


def test_a_partition_that_is_behind_and_moves_is_no_trouble(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    auditor = Auditor(scene.store, Settings(), scene.clock, ping=lambda _: None)
    with scene.write() as conn:
        at = take_over(conn, "c", "mentions", 0, "me", scene.now)
    for turn in range(4):
        barrier(scene, p0=1000 * (turn + 1))
        scene.clock.advance(MINUTE)
        at = read_to(scene, 0, at, at.offset + 5)
        assert [one for one in auditor.check() if one.object == THE_STREAM] == []
