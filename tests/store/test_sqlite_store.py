"""The embedded store keeps the contract of the port, and a few promises of its own."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from tests.contracts.store import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.store_values import *  # noqa: F403  # and these
from tests.stores import embedded_at, prepare
from tocsin.core.errors import StoreUnavailable, WrongInput
from tocsin.store import schema as s
from tocsin.store.compiled import COMPILED
from tocsin.store.opening import open_store
from tocsin.store.sqlite import engine
from tocsin.store.sqlite.engine import SqliteStore


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[[], SqliteStore]]:
    made: list[SqliteStore] = []

    def make() -> SqliteStore:
        prepare(tmp_path / "store.db")
        store = SqliteStore(tmp_path / "store.db")
        store.migrate()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


def test_a_backup_taken_while_running_opens(make_store: Callable[[], SqliteStore], tmp_path: Path) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "kept", "value": "yes"}])
    store.backup(str(tmp_path / "copy.db"))
    copy = SqliteStore(tmp_path / "copy.db")
    with copy.read() as conn:
        assert conn.execute(select(s.meta.c.value).where(s.meta.c.key == "kept")).scalar_one() == "yes"
    copy.close()
    with pytest.raises(WrongInput, match="there already"):
        store.backup(str(tmp_path / "copy.db"))


def test_a_statement_is_compiled_once_for_all_stores_of_the_process(tmp_path: Path) -> None:
    asked = select(s.meta.c.value.label("asked_by_this_test_alone"))
    for name in ("one.db", "another.db"):
        store = embedded_at(tmp_path / name)
        with store.read() as conn:
            conn.execute(asked).all()
        store.close()
    assert sum("asked_by_this_test_alone" in str(compiled) for compiled in COMPILED.values()) == 1


def test_a_column_types_part_of_the_cache_key_is_made_once_and_tells_types_apart() -> None:
    types = [s.meta.c.value.type, s.alerts.c.opened_at.type, s.alerts.c.score.type, s.alerts.c.id.type]
    keys = [one._static_cache_key for one in types]
    assert len(set(keys)) == len(types)
    assert all(key is one._static_cache_key for key, one in zip(keys, types, strict=True))


def test_threads_that_write_wait_in_line_for_one_connection_and_its_cache(
    make_store: Callable[[], SqliteStore],
) -> None:
    store, opened = make_store(), list[object]()
    event.listen(store._writer, "connect", lambda *given: opened.append(given))

    def write(number: int) -> None:
        with store.write() as conn:
            store.put(conn, s.meta, [{"key": f"of {number}", "value": "yes"}])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(80)))
    assert len(opened) <= 1
    with store.read() as conn:
        kept = select(func.count()).where(s.meta.c.key.startswith("of "))
        assert conn.execute(kept).scalar_one() == 80


def test_a_thread_that_waits_too_long_in_line_is_told(
    make_store: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    store = make_store()
    with store.write(), ThreadPoolExecutor(1) as another:

        def write() -> None:
            with store.write():
                pass

        with pytest.raises(StoreUnavailable, match="every connection is in use"):
            another.submit(write).result(10)
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "after", "value": "yes"}])


def test_its_files_are_for_its_owner_only(make_store: Callable[[], SqliteStore], tmp_path: Path) -> None:
    make_store()
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database, it is a poem of some length " * 40)
    with pytest.raises(StoreUnavailable, match="not a database; put a backup in its place"):
        open_store("sqlite", tmp_path)


def test_a_damaged_store_is_said_with_what_helps(
    make_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    make_store().close()
    path = tmp_path / "store.db"
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\x07" * (len(whole) - 4096)
    path.write_bytes(whole)
    with pytest.raises(StoreUnavailable, match="put a backup in its place: tocsin restore"):
        store = SqliteStore(path)
        with store.read() as conn:
            conn.execute(s.meta.select()).all()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="check the folder"):
        open_store("sqlite", tmp_path / "file")


def test_a_full_disk_is_said_and_nothing_is_half_done(make_store: Callable[[], SqliteStore]) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "kept", "value": "yes"}])
    with pytest.raises(StoreUnavailable, match="full"), store.write() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        # For SQLite this is a full disk.
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        store.put(conn, s.meta, [{"key": f"big{i}", "value": "x" * 20_000} for i in range(50)])
    with store.read() as conn:
        assert [row.key for row in conn.execute(select(s.meta)) if row.key.startswith("big")] == []


def test_a_store_of_a_later_version_is_refused(make_store: Callable[[], SqliteStore]) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": k, "value": "999"} for k in ("schema", "schema_reads")])
    with pytest.raises(WrongInput, match="999"):
        store.migrate()


def test_an_unknown_store_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="known: sqlite"):
        open_store("oracle://x", tmp_path)
