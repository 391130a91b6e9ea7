"""An embedded store of an older schema is copied before it is changed. The copy can be put back, and copies stay few."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.runtime import open_runtime
from ops.transfer.backup import restore, set_aside
from tocsin.core.errors import StoreUnavailable
from tocsin.store import meta
from tocsin.store.migrations import upgrade
from tocsin.store.opening import open_store
from tocsin.store.sqlite.before_upgrade import copies, keep_copy
from tocsin.store.sqlite.engine import SqliteStore

OLDER = upgrade.SCHEMA - 1


def older_store(path: Path) -> None:
    """A store of the schema before, with one fact in it."""
    store = SqliteStore(path, durable=False)
    upgrade.migrate(store, str(path), to=OLDER)
    with store.write() as conn:
        meta.put(conn, "kept", "as it was")
    store.close()


def test_a_store_of_an_older_schema_is_copied_before_it_is_changed_and_the_copy_can_be_put_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older_store(tmp_path / "store.db")
    store = open_store("sqlite", tmp_path, durable=False)
    with store.write() as conn:
        meta.put(conn, "kept", "changed since")
    store.close()

    (copy,) = copies(tmp_path)
    assert (copy.name, copy.stat().st_mode & 0o777) == (f"schema-{OLDER}.db", 0o600)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(OLDER),)
    said = capsys.readouterr()
    assert f"tocsin restore --replace {copy}" in said.out + said.err

    now = datetime(2026, 3, 1, tzinfo=UTC)
    with set_aside(tmp_path, now), open_runtime(data=tmp_path) as runtime:
        restored = restore(runtime, copy, now)
        with runtime.store.read() as conn:
            assert meta.get(conn, "kept") == "as it was"
            assert upgrade.version(conn) == upgrade.SchemaVersion(upgrade.SCHEMA, 1)
    assert restored.made_at != "unknown"
    # A restore upgrades what it unpacks, and keeps no copy of that.
    assert copies(tmp_path) == [copy]


def test_a_store_that_needs_no_upgrade_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        open_store("sqlite", tmp_path, durable=False).close()
    assert copies(tmp_path) == []


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path) -> None:
    older_store(tmp_path / "store.db")
    (tmp_path / "before-upgrade").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="make room there, then start again"):
        open_store("sqlite", tmp_path, durable=False)
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(OLDER),)


def test_the_copies_of_the_last_two_schemas_stay_and_one_of_a_schema_is_the_newest(tmp_path: Path) -> None:
    older_store(tmp_path / "store.db")
    for schema in (9, 10, 11, 11):
        keep_copy(tmp_path / "store.db", schema)
    assert [path.name for path in copies(tmp_path)] == ["schema-11.db", "schema-10.db"]
    (tmp_path / "before-upgrade" / "notes.txt").write_text("somebody's own")
    keep_copy(tmp_path / "store.db", 12)
    assert [path.name for path in copies(tmp_path)] == ["schema-12.db", "schema-11.db"]
    assert (tmp_path / "before-upgrade" / "notes.txt").exists()
