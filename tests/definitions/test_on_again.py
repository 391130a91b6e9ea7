"""When a definition was last switched on again: what was off is judged from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stores import embedded_at
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import delete, find, restore, save

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ON = SourceDef(name="forum", kind="push")
OFF = ON.model_copy(update={"enabled": False})
CHANGED = ON.model_copy(update={"expected_every_minutes": 5})


def test_the_time_is_that_of_the_last_change_from_off_to_on(tmp_path: Path) -> None:
    store = embedded_at(tmp_path / "store.db")
    hours = [NOON + timedelta(hours=n) for n in range(7)]
    found: list[datetime | None] = []
    with store.write() as conn:
        for value, at in zip((ON, OFF, ON, CHANGED), hours[:4], strict=True):
            saved = save(conn, value, now=at, actor="test")
            assert find(conn, SourceDef, "forum") == saved
            found.append(saved.on_since)
        delete(conn, SourceDef, "forum", now=hours[4], actor="test")
        restored = restore(conn, ON, saved.id, now=hours[5], actor="test")
        assert find(conn, SourceDef, "forum") == restored
        found.append(restored.on_since)
    store.close()
    assert found == [None, None, hours[2], hours[2], hours[5]]
