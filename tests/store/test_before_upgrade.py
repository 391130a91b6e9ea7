"""A store of an older schema is copied before it is changed. The copy can be put back, and copies stay few."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from ops.runtime import open_runtime
from ops.transfer.backup import restore, set_aside
from tests.engines.postgres import Postgres
from tests.stores import embedded_at
from tocsin.core.errors import StoreUnavailable, UpgradeStopped
from tocsin.core.retry import FOR_EVER, Retry
from tocsin.store import meta
from tocsin.store.before_upgrade import FOLDER, copies, keep_copy
from tocsin.store.migrations import upgrade
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.store.postgres.engine import UPGRADING, PostgresStore
from tocsin.store.sqlite.engine import SqliteStore

OLDER = upgrade.SCHEMA - 1


def older_store(folder: Path, url: str = "sqlite") -> None:
    """A store of the schema before, with one fact in it."""
    store: Store = (
        SqliteStore(folder / "store.db", durable=False)
        if url == "sqlite"
        else PostgresStore(url, durable=False)
    )
    upgrade.migrate(store, "the store", to=OLDER)
    with store.write() as conn:
        meta.put(conn, "kept", "as it was")
    store.close()


def schema_of(url: str, folder: Path) -> int:
    """The schema of the store, read as it lies."""
    store: Store = SqliteStore(folder / "store.db") if url == "sqlite" else PostgresStore(url)
    with store.read() as conn:
        found = upgrade.version(conn)
    store.close()
    assert found is not None
    return found.schema


def test_a_store_of_an_older_schema_is_copied_before_it_is_changed_and_the_copy_can_be_put_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older_store(tmp_path)
    store = open_store("sqlite", tmp_path, durable=False)
    with store.write() as conn:
        meta.put(conn, "kept", "changed since")
    store.close()

    (copy,) = copies(tmp_path / FOLDER)
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
    assert copies(tmp_path / FOLDER) == [copy]


def test_a_store_that_needs_no_upgrade_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        open_store("sqlite", tmp_path, durable=False).close()
    assert copies(tmp_path / FOLDER) == []


def test_a_database_of_an_older_schema_is_copied_first_and_the_copy_can_be_put_back(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, kept = postgres.database(), tmp_path / "kept"
    older_store(tmp_path, url)
    name = url.rpartition("/")[2].replace("_", "-")
    copy = kept / f"{name}-at-127-0-0-1-{postgres.port}.schema-{OLDER}.db"

    # Another process is at it: this one waits for it, and copies nothing.
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [UPGRADING])
        with pytest.raises(StoreUnavailable, match="another process copies the store"):
            open_store(url, tmp_path, durable=False, copies=kept)
    assert not kept.exists() and schema_of(url, tmp_path) == OLDER

    store = open_store(url, tmp_path, durable=False, copies=kept)
    with store.write() as conn:
        assert upgrade.version(conn) == upgrade.SchemaVersion(upgrade.SCHEMA, 1)
        meta.put(conn, "kept", "changed since")
    store.close()
    assert [*kept.iterdir()] == [copy] and copy.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr()
    assert f"tocsin restore {copy} into an empty database" in said.out + said.err
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(OLDER),)

    with open_runtime(data=tmp_path, store=postgres.database()) as runtime:
        restored = restore(runtime, copy, datetime(2026, 3, 1, tzinfo=UTC))
        with runtime.store.read() as conn:
            assert meta.get(conn, "kept") == "as it was"
    assert restored.made_at != "unknown"


def test_where_the_copy_cannot_be_kept_nothing_is_changed_and_one_may_say_to_go_without(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_store(tmp_path, url)
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    with pytest.raises(
        UpgradeStopped,
        match=r"nothing was changed: make room there, then start again.*UPGRADE_WITHOUT_COPY=true",
    ):
        open_store(url, tmp_path, durable=False)
    assert schema_of(url, tmp_path) == OLDER
    # A person must see to it, so a process that waits for servers does not wait for that.
    with pytest.raises(UpgradeStopped), open_runtime(data=tmp_path, store=url, retry=Retry(FOR_EVER)):
        pass

    monkeypatch.setenv("TOCSIN_STORE__UPGRADE_WITHOUT_COPY", "true")
    with open_runtime(data=tmp_path, store=url):
        assert schema_of(url, tmp_path) == upgrade.SCHEMA


def test_room_is_looked_for_before_anything_is_written_and_a_copy_that_fails_leaves_nothing(
    tmp_path: Path,
) -> None:
    def write(part: Path) -> None:
        part.write_bytes(b"half a copy")
        raise OSError("No space left on device")

    folder = tmp_path / "kept"
    with pytest.raises(UpgradeStopped, match="the store takes 5 MB, and 1 MB are free"):
        keep_copy(folder, 9, write, store="tocsin at db", size=4_000_001, free=lambda _folder: 1_000_000)
    with pytest.raises(UpgradeStopped, match="No space left on device; nothing was changed"):
        keep_copy(folder, 9, write, store="tocsin at db", size=1)
    assert [*folder.iterdir()] == []


def test_the_copies_of_the_last_two_schemas_stay_and_one_of_a_schema_is_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER

    def kept(schema: int, prefix: str = "") -> None:
        store = embedded_at(tmp_path / "store.db")
        keep_copy(
            folder, schema, lambda part: store.backup(str(part)), store="the store", size=1, prefix=prefix
        )
        store.close()

    kept(8, "tocsin-at-db.")
    for schema in (9, 10, 11, 11):
        kept(schema)
    assert [path.name for path in copies(folder)] == ["schema-11.db", "schema-10.db"]
    (folder / "notes.txt").write_text("somebody's own")
    kept(12)
    assert [path.name for path in copies(folder)] == ["schema-12.db", "schema-11.db"]
    assert (folder / "notes.txt").exists()
    # Those of another store in the same folder are counted by themselves.
    assert [path.name for path in copies(folder, "tocsin-at-db.")] == ["tocsin-at-db.schema-8.db"]
