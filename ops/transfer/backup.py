"""Backups: one file that is an embedded store with everything in it. A backup is taken while everything runs, from either engine.

A restored store holds its outbox until a person releases it, and ends every sign-in. The restore knows which records were on
the stream and not in the backup. Where the stream no longer has them, they are a gap, which raises BLIND.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from alerts.outbox import hold
from api.auth.sessions import sign_everybody_out
from ops.run.locks import own_folder
from ops.runtime import Runtime
from ops.transfer import copy
from tocsin.access.links import spend_every_link
from tocsin.core.clock import iso
from tocsin.core.errors import StoreUnavailable, TocsinError, WrongInput
from tocsin.store import audit, meta, offsets
from tocsin.store.copying import OnRows
from tocsin.store.migrations import upgrade
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MENTIONS, RecordGap
from tocsin.version import __version__

# The key of `meta` under which a backup says when and from what it was made.
ABOUT = "backup"


@dataclass(frozen=True, slots=True)
class Restored:
    """The outcome of a restore: when the backup was made, how many notices wait, how many records are lost."""

    made_at: str
    waiting: int
    lost: int


def make_backup(runtime: Runtime, path: Path, on_rows: OnRows = lambda _table, _rows: None) -> None:
    """Write a consistent copy of the store into a new file, which only its owner can read. No half backup is left behind.

    Raises `WrongInput` where there is a file of that name.
    """
    if path.exists():
        raise WrongInput(f"backup file {path} is there already: name a new one")
    _require_writable(path)
    part = path.with_name(f".{path.name}.part")
    # Nobody else may read the file at any moment.
    mask = os.umask(0o077)
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        if isinstance(runtime.store, SqliteStore):
            runtime.store.backup(str(part))
        else:
            _copy_rows(runtime, part, on_rows)
        _label(part, runtime)
        part.chmod(0o600)
        _publish(part, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"cannot write {path}: {error}; nothing of it is left") from error
    except StoreUnavailable as error:
        # It may also be the store that is read.
        if str(part) not in str(error):
            raise
        why = str(error).rpartition(": ")[2]
        raise StoreUnavailable(f"cannot write {path}: {why}; nothing of it is left") from error
    finally:
        os.umask(mask)
        for left in (part, *_sidecars(part)):
            left.unlink(missing_ok=True)


def restore(
    runtime: Runtime, path: Path, now: datetime, on_rows: OnRows = lambda _table, _rows: None
) -> Restored:
    """Copy a backup into the empty store of this runtime, and hold its outbox. After an interruption, run it again.

    Raises `WrongInput` where the file is no backup, or the store is not empty.
    """
    target = runtime.store
    room = runtime.settings.data if isinstance(target, SqliteStore) else None
    with _opened(path, room) as source:
        copy.prepare(target, str(path))
        with source.read() as conn:
            about = json.loads(meta.get(conn, ABOUT) or "{}")
            copy.copy_store(conn, target, on_rows)
    cluster = _cluster(runtime)
    with target.write() as conn:
        lost = _record_gaps(conn, cluster, about, now)
        waiting = _make_safe(conn, path, now)
    copy.finish(target)
    return Restored(about.get("at", "unknown"), waiting, lost)


@contextmanager
def set_aside(folder: Path, now: datetime) -> Iterator[Path | None]:
    """Move the embedded store of this folder aside; an error in the block moves it back.

    Yields where the store is kept, None where there was none. Raises `WrongInput` while anything runs on the folder.
    """
    with own_folder(folder):
        store = folder / "store.db"
        if not store.exists():
            yield None
            return
        try:
            # The WAL is part of the store.
            with contextlib.closing(sqlite3.connect(store)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"{store} cannot be moved aside: {error}; move it and the files beside it yourself"
            ) from error
        aside = folder / f"store.before-{now:%Y%m%dT%H%M%S%f}.db"
        for left in _sidecars(store):
            left.unlink(missing_ok=True)
        store.rename(aside)
        try:
            yield aside
        except BaseException:
            for half in (store, *_sidecars(store)):
                half.unlink(missing_ok=True)
            aside.rename(store)
            raise


def _copy_rows(runtime: Runtime, part: Path, on_rows: OnRows) -> None:
    target = SqliteStore(part, durable=False)
    try:
        target.migrate()
        copy.prepare(target, "a store that is being backed up")
        with runtime.store.read() as conn:
            copy.copy_store(conn, target, on_rows)
        copy.finish(target)
    finally:
        target.close()


def _label(part: Path, runtime: Runtime) -> None:
    """Write into the backup when, by which version and at which ends of the stream it was made.

    The stream's ends are read after the copy was made, so the backup holds no position beyond them.
    """
    about = {"at": iso(runtime.clock.now()), "version": __version__} | _ends(runtime)
    with contextlib.closing(sqlite3.connect(part)) as db:
        # One file, and nothing beside it.
        db.execute("PRAGMA journal_mode=DELETE")
        with db:
            db.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                (ABOUT, json.dumps(about, sort_keys=True)),
            )
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _ends(runtime: Runtime) -> dict[str, object]:
    settings = runtime.settings
    if settings.stream.url == "sqlite" and not (settings.data / "stream.db").exists():
        return {}
    try:
        ends = runtime.stream.end_offsets(MENTIONS)
    except TocsinError:
        # A backup can be made while the stream is away.
        return {}
    return {"cluster": runtime.stream.cluster, "ends": {str(p): end for p, end in ends.items()}}


@contextmanager
def _opened(path: Path, room: Path | None) -> Iterator[SqliteStore]:
    """A copy of the backup, migrated to this version's schema. The file itself stays as it is.

    The copy lies in the folder `room` until the block ends. None stands for the folder of temporary files.
    """
    if not path.is_file():
        raise WrongInput(f"{path} is no file: give one that tocsin backup made")
    with tempfile.TemporaryDirectory(prefix=".tocsin-restore-", dir=room) as folder:
        unpacked = Path(folder) / "store.db"
        _refuse_damaged(path)
        try:
            shutil.copyfile(path, unpacked)
            unpacked.chmod(0o600)
        except OSError as error:
            advice = "make room, or set TMPDIR" if room is None else "make room"
            raise StoreUnavailable(
                f"{path} cannot be unpacked into {folder}: {error.strerror}; {advice}"
            ) from error
        store = SqliteStore(unpacked, durable=False)
        try:
            # Not `store.migrate`, which would keep a copy of this copy.
            upgrade.migrate(store, str(path))
            yield store
        finally:
            store.close()


def _refuse_damaged(path: Path) -> None:
    wrong = f"{path} is no backup of a Tocsin store"
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists() and journal.stat().st_size:
        raise WrongInput(
            f"{path} is in use, part of it stands in {journal.name}: take a backup of it instead"
        )
    try:
        # With these options SQLite writes no file beside the backup.
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as db:
            tables = {
                row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            }
            if not {"meta", "offsets", "definitions", "notices"} <= tables:
                raise WrongInput(wrong)
            half = db.execute("SELECT value FROM meta WHERE key = ?", (meta.FILLING,)).fetchone()
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise WrongInput(f"{wrong}: {error}") from None
    if half is not None:
        raise WrongInput(f"{path} is half a copy: take another backup")
    if found != "ok":
        raise WrongInput(f"{path} is damaged: {found.splitlines()[-1][:200]}")


def _make_safe(conn: Connection, path: Path, now: datetime) -> int:
    """Hold the outbox, end sessions and links, and note the restore; return how many notices wait."""
    meta.forget(conn, meta.MOVED, ABOUT)
    hold.hold(conn, now, f"restored from {path.name}"[:200])
    sign_everybody_out(conn, now)
    spend_every_link(conn, now)
    waiting = hold.waiting(conn)
    audit.append(
        conn,
        at=now,
        actor="restore",
        role="admin",
        action="store.restored",
        object=path.name[:256],
        detail={"notices_waiting": waiting},
    )
    return waiting


def _cluster(runtime: Runtime) -> str | None:
    try:
        return runtime.stream.cluster
    except TocsinError:
        return None


def _record_gaps(conn: Connection, here: str | None, about: dict[str, object], now: datetime) -> int:
    """Record gaps for records that were handed over but not stored when the backup was made; return how many are lost.

    On the same stream nothing is lost here: reading goes on at the backup's offsets and finds the gaps itself. A stream that is
    away is taken for the same one.
    """
    cluster, ends = about.get("cluster"), about.get("ends")
    if here in (None, cluster) or not isinstance(cluster, str) or not isinstance(ends, dict):
        return 0
    lost, read = 0, offsets.stored(conn, cluster, MENTIONS)
    for partition, end in sorted((int(p), int(end)) for p, end in ends.items()):
        at = read.get(partition, 0)
        if end > at:
            offsets.record_gap(conn, cluster, MENTIONS, RecordGap(partition, at, end), now)
            lost += end - at
    return lost


def _publish(part: Path, path: Path) -> None:
    """Give the finished file its name once it is on the disk. A file of that name that came meanwhile is never written over."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        raise WrongInput(f"backup file {path} is there already: name a new one") from None
    except OSError:  # a file system without hard links
        if path.exists():
            raise WrongInput(f"backup file {path} is there already: name a new one") from None
        part.rename(path)


def _require_writable(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise WrongInput(f"cannot write {path}: {folder} is no folder that can be written")


def _sidecars(database: Path) -> tuple[Path, ...]:
    return tuple(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))
