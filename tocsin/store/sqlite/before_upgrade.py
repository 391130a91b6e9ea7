"""The copy of an embedded store that is made before a newer schema changes it, so that an upgrade can be taken back.

One copy of each schema lies beside the store, in `before-upgrade/`. The copies of the last `KEPT` schemas stay. Each is a file
that `tocsin restore` takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tocsin.core.clock import iso
from tocsin.core.errors import StoreUnavailable

FOLDER: Final = "before-upgrade"
KEPT: Final = 2
_NAME: Final = re.compile(r"schema-(\d{1,6})\.db")
# The key of `meta` under which a backup says of what moment it is; `ops.transfer.backup` reads it.
_ABOUT: Final = "backup"


def keep_copy(store: Path, schema: int) -> Path:
    """Copy the store, which has this schema, and forget the copies of older schemas. Returns the file, which only its owner
    can read.

    Nobody else may write to the store meanwhile. Raises `StoreUnavailable` where there is no room: then nothing is migrated.
    """
    folder = store.parent / FOLDER
    copy, part = folder / f"schema-{schema}.db", folder / f".schema-{schema}.part"
    mask = os.umask(0o077)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _remove(part)
        with contextlib.closing(sqlite3.connect(store)) as source:
            _copied(source, part)
        part.replace(copy)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(
            f"{store} is of an older schema, and a copy of it cannot be kept in {folder}: {error};"
            " make room there, then start again"
        ) from error
    finally:
        os.umask(mask)
        _remove(part)
    _forget_old(folder)
    return copy


def copies(folder: Path) -> list[Path]:
    """The kept copies in the data folder `folder`, that of the newest schema first."""
    found = [
        (int(name[1]), path)
        for path in (folder / FOLDER).glob("schema-*.db")
        if (name := _NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def _copied(source: sqlite3.Connection, part: Path) -> None:
    """Copy the database into one file with nothing beside it. The copy says of which moment it is."""
    with contextlib.closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        about = json.dumps({"at": iso(datetime.now(UTC))})
        with copy:
            copy.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_ABOUT, about))
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _forget_old(folder: Path) -> None:
    for path in copies(folder.parent)[KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()


def _remove(part: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            part.with_name(part.name + end).unlink()
