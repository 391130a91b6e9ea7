"""Backups: one file, the same for both engines: an embedded store with everything in it, taken while everything runs.

A restored store holds its outbox until a person releases it, ends every sign-in, and knows what the stream had that the
backup had not: where that is no longer there it is a gap, which raises BLIND.
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

from sqlalchemy import Connection, delete, select, update

from alerts.outbox import hold
from ops.run.locks import own_folder
from ops.runtime import Runtime
from ops.transfer import copy as carry
from tocsin.core.clock import iso
from tocsin.core.errors import StoreUnavailable, TocsinError, WrongInput
from tocsin.store import audit, meta, offsets
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MENTIONS, Gap
from tocsin.version import __version__

ABOUT = "backup"  # the key of `meta` under which a backup says what it is


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: when the backup was made, how many notices wait, and how many records are not there any more."""

    made_at: str
    waiting: int
    lost: int


def make_backup(runtime: Runtime, path: Path, told: carry.Told = lambda _table, _rows: None) -> None:
    """Write a consistent copy of the store into a new file, readable by its owner only. Raises `WrongInput` where there is
    a file of that name; nothing of half a backup is left behind.
    """
    if path.exists():
        raise WrongInput(f"backup file {path} is there already: name a new one")
    _writable(path)
    part = path.with_name(f".{path.name}.part")
    mask = os.umask(0o077)  # nobody else may read it at any moment
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        if isinstance(runtime.store, SqliteStore):
            runtime.store.backup(str(part))
            _say_what_it_is(part, runtime)
        else:
            _carried(runtime, part, told)
        part.chmod(0o600)
        _name(part, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"cannot write {path}: {error}; nothing of it is left") from error
    finally:
        os.umask(mask)
        for left in (part, *_beside(part)):
            left.unlink(missing_ok=True)


def restore(
    runtime: Runtime, path: Path, now: datetime, told: carry.Told = lambda _table, _rows: None
) -> Restored:
    """Carry a backup into the empty store of this runtime, and hold its outbox.

    Raises `WrongInput` where the file is no backup, or the store is not empty. Interrupted, it is begun anew by running it again.
    """
    target = runtime.store
    room = runtime.settings.data if isinstance(target, SqliteStore) else None
    with _opened(path, room) as source:
        carry.prepare(target, str(path))
        with source.read() as conn:
            about = json.loads(meta.get(conn, ABOUT) or "{}")
            carry.carry(conn, target, told)
    cluster = _cluster(runtime)
    with target.write() as conn:
        lost = _lost(conn, cluster, about, now)
        waiting = _settle(conn, path, now)
    carry.finish(target)
    return Restored(about.get("at", "unknown"), waiting, lost)


@contextmanager
def set_aside(folder: Path, now: datetime) -> Iterator[Path | None]:
    """The embedded store of this folder moved aside for the time being: for good when all goes well, else it comes back.

    Yields where it is kept, None where there was none. Raises `WrongInput` while anything runs on the folder.
    """
    with own_folder(folder):
        store = folder / "store.db"
        if not store.exists():
            yield None
            return
        try:
            with contextlib.closing(sqlite3.connect(store)) as db:  # what stands in the WAL belongs to it
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"{store} cannot be set aside: {error}; put it away yourself, with what is beside it"
            ) from error
        aside = folder / f"store.before-{now:%Y%m%dT%H%M%S%f}.db"
        for left in _beside(store):
            left.unlink(missing_ok=True)
        store.rename(aside)
        try:
            yield aside
        except BaseException:
            for half in (store, *_beside(store)):
                half.unlink(missing_ok=True)
            aside.rename(store)
            raise


def _carried(runtime: Runtime, part: Path, told: carry.Told) -> None:
    copy = SqliteStore(part, durable=False)
    try:
        copy.migrate()
        carry.prepare(copy, "a store that is being backed up")
        with runtime.store.read() as conn:
            carry.carry(conn, copy, told)
        carry.finish(copy)
    finally:
        copy.close()
    _say_what_it_is(part, runtime)


def _say_what_it_is(part: Path, runtime: Runtime) -> None:
    """The stream's ends are read after the copy was made: whatever it has not, it can have had no cursor for."""
    about = {"at": iso(runtime.clock.now()), "version": __version__} | _ends(runtime)
    with contextlib.closing(sqlite3.connect(part)) as db:
        db.execute("PRAGMA journal_mode=DELETE")  # one file, and nothing beside it
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
        return {}  # a stream that is away keeps nobody from a backup
    return {"cluster": runtime.stream.cluster, "ends": {str(p): end for p, end in ends.items()}}


@contextmanager
def _opened(path: Path, room: Path | None) -> Iterator[SqliteStore]:
    """The backup, as a copy that is brought up to this version's schema: the file itself stays as it is. The copy lies in
    the folder `room` (None: where temporary files lie) for the time being.
    """
    if not path.is_file():
        raise WrongInput(f"{path} is no file: give one that tocsin backup made")
    with tempfile.TemporaryDirectory(prefix=".tocsin-restore-", dir=room) as folder:
        copy = Path(folder) / "store.db"
        _refuse_damaged(path)
        try:
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{path} cannot be unpacked into {folder}: {error.strerror}; make room, or set TMPDIR"
            ) from error
        store = SqliteStore(copy, durable=False)
        try:
            store.migrate()
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
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"  # nothing is written beside it
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
        raise WrongInput(f"{path} is damaged: {found[:200]}")


def _settle(conn: Connection, path: Path, now: datetime) -> int:
    """What a restored store must not take for granted; returns how many notices wait."""
    conn.execute(delete(s.meta).where(s.meta.c.key.in_((meta.MOVED, ABOUT))))
    hold.hold(conn, now, f"restored from {path.name}"[:200])
    conn.execute(update(s.sessions).where(s.sessions.c.revoked_at.is_(None)).values(revoked_at=now))
    for table in (s.signin_links, s.action_tokens):
        conn.execute(update(table).where(table.c.spent_at.is_(None)).values(spent_at=now))
    n = s.notices.c
    waiting = conn.execute(select(n.id).where(n.status.in_(("queued", "attempting")))).all()
    audit.append(
        conn,
        at=now,
        actor="restore",
        role="admin",
        action="store.restored",
        object=path.name[:256],
        detail={"notices_waiting": len(waiting)},
    )
    return len(waiting)


def _cluster(runtime: Runtime) -> str | None:
    try:
        return runtime.stream.cluster
    except TocsinError:
        return None


def _lost(conn: Connection, here: str | None, about: dict[str, object], now: datetime) -> int:
    """Records that were handed over but not stored when the backup was made, and that the stream `here` does not have: gaps.

    On the same stream reading goes on where the backup stood, and whoever reads finds what is no longer there. One that is
    away is taken for the same.
    """
    cluster, ends = about.get("cluster"), about.get("ends")
    if here in (None, cluster) or not isinstance(cluster, str) or not isinstance(ends, dict):
        return 0
    lost, read = 0, offsets.stored(conn, cluster, MENTIONS)
    for partition, end in sorted((int(p), int(end)) for p, end in ends.items()):
        at = read.get(partition, 0)
        if end > at:
            offsets.record_gap(conn, cluster, MENTIONS, Gap(partition, at, end), now)
            lost += end - at
    return lost


def _name(part: Path, path: Path) -> None:
    """Give the finished file its name once the disk has it, never over one that came meanwhile."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        raise WrongInput(f"backup file {path} is there already: name a new one") from None
    except OSError:  # a file system that knows no links
        if path.exists():
            raise WrongInput(f"backup file {path} is there already: name a new one") from None
        part.rename(path)


def _writable(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise WrongInput(f"cannot write {path}: {folder} is no folder that can be written")


def _beside(database: Path) -> tuple[Path, ...]:
    return tuple(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))
