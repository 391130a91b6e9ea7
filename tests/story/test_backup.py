"""Backup and restore, as an operator does it: while Tocsin runs, on either engine, and no notice leaves before a release."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from alerts.outbox import hold
from ops.runtime import Runtime, open_runtime
from ops.transfer import backup
from ops.transfer.copy import copy_store, finish, prepare
from ops.transfer.export import KINDS, export
from processors.worker import StreamProcessor
from tests.alerts.scene import Scene
from tests.engines.postgres import Postgres
from tests.inside import command, inside
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention, encode_mentions
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS

ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}


def tocsin(*args: str | Path, status: int = 0) -> subprocess.CompletedProcess[bytes]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    done = command(*args, environment=inherited)
    assert done.returncode == status, done.stderr.decode()[-2000:]
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which an alert has a page waiting, somebody is signed in, and mentions are on the stream."""
    folder = tmp_path / "data"
    folder.mkdir()
    scene = Scene(folder)
    scene.over(**ESCALATE)
    with scene.write() as conn:
        session = {
            "token_hash": "h",
            "person_id": "ada",
            "csrf": "c",
            "created_at": scene.now,
            "expires_at": scene.now + timedelta(days=900),
        }
        conn.execute(insert(s.sessions).values(**session))
    scene.store.close()
    with running(folder) as runtime:
        append(runtime, 0, 5)
    return folder


def running(folder: Path, store: str = "sqlite") -> Any:
    return open_runtime(data=folder, store=store, stream="sqlite")


def append(runtime: Runtime, begin: int, end: int) -> None:
    """Append one record a mention, all on partition 0."""
    now = runtime.clock.now()
    values = [encode_mentions([Mention("forum", str(n), "Lumo ketel lekt", now)]) for n in range(begin, end)]
    runtime.stream.append(MENTIONS, [(0, value) for value in values], now)


def process(runtime: Runtime) -> None:
    worker = StreamProcessor(runtime.store, runtime.stream, runtime.settings, runtime.clock)
    for _ in range(3):
        worker.once(timedelta(0))
    worker.close()


def exports(store: Store) -> dict[str, bytes]:
    with store.read() as conn:
        return {kind: b"".join(export(conn, kind)) for kind in KINDS if kind != "audit"}


def exported(folder: Path, url: str = "sqlite") -> dict[str, bytes]:
    with running(folder, url) as runtime:
        return exports(runtime.store)


def gaps(runtime: Runtime) -> list[tuple[int, int]]:
    with runtime.store.read() as conn:
        return [(row.from_offset, row.to_offset) for row in conn.execute(select(s.gaps))]


@pytest.mark.slow("backs up and restores whole stores")
def test_a_backup_is_restored_into_an_empty_folder_and_its_outbox_is_held(
    folder: Path, tmp_path: Path
) -> None:
    file, restored = tmp_path / "monday.db", tmp_path / "restored"
    tocsin("backup", file, "--data", folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "monday.db"]
    before = file.read_bytes()
    said = tocsin("restore", file, "--data", restored).stderr.decode()
    assert "no notice leaves (1 wait)" in said
    assert file.read_bytes() == before
    assert exported(restored) == exported(folder)
    with running(restored) as runtime, runtime.store.read() as conn:
        assert hold.held(conn) is not None
        assert conn.execute(select(s.sessions.c.revoked_at)).scalar_one() is not None
    looked = tocsin("doctor", "--data", restored, status=1).stdout.decode()
    assert "no notice leaves since" in looked
    assert "tocsin notify release" in looked
    assert b"released: 1 notices wait" in tocsin("notify", "release", "--data", restored).stdout
    assert b"not held" in tocsin("notify", "release", "--data", restored, status=1).stderr


@pytest.mark.slow("backs up and restores whole stores")
def test_what_was_handed_over_and_is_on_no_stream_any_more_is_a_gap(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(folder) as runtime:
        process(runtime)
        append(runtime, 5, 12)
    inside("backup", tmp_path / "b.db", "--data", folder)
    inside("restore", tmp_path / "b.db", "--data", tmp_path / "new")
    assert "7 records had been handed over" in capsys.readouterr().err
    with running(tmp_path / "new") as runtime:
        assert gaps(runtime) == [(5, 12)]
    assert inside("doctor", "--data", tmp_path / "new") == 1
    assert "7 records were gone" in capsys.readouterr().out


@pytest.mark.slow("backs up and restores whole stores")
def test_on_the_same_stream_reading_goes_on_where_the_backup_stood(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(folder) as runtime:
        process(runtime)
        inside("backup", tmp_path / "b.db", "--data", folder)
        append(runtime, 5, 12)
        process(runtime)
        wanted = exports(runtime.store)
    inside("restore", tmp_path / "b.db", "--data", folder, "--replace")
    assert "what was there before is kept as" in capsys.readouterr().err
    with running(folder) as runtime:
        process(runtime)
        assert exports(runtime.store) == wanted
        assert gaps(runtime) == []


@pytest.mark.slow("plays, copies and restores")
def test_a_stream_that_was_trimmed_beyond_the_backup_is_a_gap_and_no_crash(
    folder: Path, tmp_path: Path
) -> None:
    with running(folder) as runtime:
        process(runtime)
        inside("backup", tmp_path / "b.db", "--data", folder)
        append(runtime, 5, 12)
        process(runtime)
        runtime.stream.trim(MENTIONS, {0: 9})
    inside("restore", tmp_path / "b.db", "--data", folder, "--replace")
    with running(folder) as runtime:
        process(runtime)
        process(runtime)
        assert gaps(runtime) == [(5, 9)]
        with runtime.store.read() as conn:
            assert offsets.stored(conn, runtime.stream.cluster, MENTIONS)[0] == 12


@pytest.mark.slow("backs up and restores whole stores")
def test_a_stream_that_ends_before_the_backup_is_a_gap_and_what_comes_is_read(
    folder: Path, tmp_path: Path
) -> None:
    with running(folder) as runtime:
        process(runtime)
    # The stream is closed, so all of it is in this file.
    old_stream = (folder / "stream.db").read_bytes()
    with running(folder) as runtime:
        append(runtime, 5, 12)
        process(runtime)
        inside("backup", tmp_path / "b.db", "--data", folder)
    (folder / "stream.db").write_bytes(old_stream)
    inside("restore", tmp_path / "b.db", "--data", folder, "--replace")
    with running(folder) as runtime:
        process(runtime)
        append(runtime, 20, 23)
        process(runtime)
        assert gaps(runtime) == [(12, 5)]
        with runtime.store.read() as conn:
            ids = conn.execute(select(s.seen.c.id)).scalars().all()
    assert {"20", "21", "22"} <= set(ids)


def test_one_file_for_both_engines(folder: Path, tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.database()
    inside("backup", tmp_path / "a.db", "--data", folder)
    tocsin("restore", tmp_path / "a.db", "--data", tmp_path / "elsewhere", "--store", url)
    assert exported(tmp_path / "elsewhere", url) == exported(folder)
    with running(tmp_path / "elsewhere", url) as runtime, runtime.store.read() as conn:
        assert hold.held(conn) is not None
    tocsin("backup", tmp_path / "b.db", "--data", tmp_path / "elsewhere", "--store", url)
    assert stat.S_IMODE((tmp_path / "b.db").stat().st_mode) == 0o600
    inside("restore", tmp_path / "b.db", "--data", tmp_path / "back")
    assert exported(tmp_path / "back") == exported(folder)
    again = tocsin("restore", tmp_path / "a.db", "--data", tmp_path / "elsewhere", "--store", url, status=2)
    assert b"is not empty" in again.stderr
    # The password is not printed.
    assert url.split(":")[2].split("@")[0].encode() not in again.stderr


def test_a_backup_of_the_real_engine_is_of_one_moment(
    folder: Path, tmp_path: Path, postgres: Postgres
) -> None:
    real = open_store(postgres.database(), tmp_path, durable=False)
    with running(folder) as runtime:
        prepare(real, "a test")
        with runtime.store.read() as conn:
            copy_store(conn, real)
        finish(real)
        before = exports(real)
        wrote: list[str] = []

        def meanwhile(table: str, _rows: int) -> None:
            if not wrote:
                wrote.append(table)
                with real.write() as conn:
                    conn.execute(s.notices.update().values(subject="later"))

        backup.make_backup(Runtime(runtime.loaded, real, runtime.clock), tmp_path / "moment.db", meanwhile)
    assert wrote
    assert exports(real) != before
    real.close()
    inside("restore", tmp_path / "moment.db", "--data", tmp_path / "back")
    assert exported(tmp_path / "back") == before


@pytest.fixture
def backed_up(folder: Path, tmp_path: Path) -> Iterator[Path]:
    with running(folder) as runtime:
        backup.make_backup(runtime, tmp_path / "b.db")
    yield tmp_path / "b.db"


@pytest.mark.slow("backs up and restores whole stores")
def test_what_is_no_backup_is_refused_in_one_line_and_nothing_changes(
    backed_up: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "poem").write_text("this is no database, it is a poem of some length " * 40)
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    data = bytearray(backed_up.read_bytes())
    data[20_000:30_000] = b"\xff" * 10_000
    (tmp_path / "damaged.db").write_bytes(data)
    # Here the tables can be read, and SQLite tells the damage in two lines.
    data = bytearray(backed_up.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40_000] = b"Z" * 40_000
    (tmp_path / "inside.db").write_bytes(data)
    before = exported(folder)
    for name in ("poem", "other.db", "damaged.db", "inside.db", "missing.db"):
        with pytest.raises(WrongInput, match=f"^[^\n]*{name}[^\n]*$"):
            inside("restore", tmp_path / name, "--data", folder, "--replace")
    with pytest.raises(WrongInput, match="not empty"):
        inside("restore", backed_up, "--data", folder)
    assert exported(folder) == before
    assert [path.name for path in folder.glob("store.before*")] == []
    with pytest.raises(WrongInput, match="there already"):
        inside("backup", backed_up, "--data", folder)
    with pytest.raises(WrongInput, match="no folder"):
        inside("backup", tmp_path / "no" / "b.db", "--data", folder)


@pytest.mark.live
def test_a_backup_that_finds_no_room_says_so_of_its_own_file_and_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    """It said that the store failed, of a file with another name than the one that was typed."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        said = tocsin("backup", small / "monday.db", "--data", folder, status=1).stderr.decode()
        wanted = f"cannot write {small / 'monday.db'}: database or disk is full; nothing of it is left"
        assert said == f"tocsin: {wanted}\n"
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.slow("backs up and restores whole stores")
def test_a_store_that_was_copied_by_hand_is_restored_too_but_not_one_that_is_in_use(
    folder: Path, tmp_path: Path
) -> None:
    inside("restore", folder / "store.db", "--data", tmp_path / "new")
    assert exported(tmp_path / "new") == exported(folder)
    with running(folder) as runtime:
        with runtime.store.write() as conn:
            conn.execute(s.notices.update().values(subject="later"))
        with pytest.raises(WrongInput, match="in use"):
            inside("restore", folder / "store.db", "--data", tmp_path / "newer")


def test_half_a_copy_is_no_backup(backed_up: Path, folder: Path) -> None:
    with sqlite3.connect(backed_up) as db:
        db.execute("INSERT INTO meta VALUES ('filling', 'x')")
    db.close()
    with running(folder) as runtime, pytest.raises(WrongInput, match="half a copy"):
        backup.restore(runtime, backed_up, runtime.clock.now())


@pytest.mark.live
def test_nothing_is_restored_onto_what_runs(backed_up: Path, folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "run", "auditor", "--data", str(folder)],
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (folder / "run.lock").exists():
            assert process.poll() is None
        refused = b""
        # The file exists a moment before its lock is taken.
        while b"tocsin run is at work" not in refused:
            assert process.poll() is None
            done = command("restore", backed_up, "--data", folder, "--replace")
            refused = done.stderr
            assert done.returncode == 2
    finally:
        process.terminate()
        process.wait()
    about = json.loads(tocsin("export", "audit", "--data", folder).stdout.splitlines()[-1])
    assert about["action"] != "store.restored"
