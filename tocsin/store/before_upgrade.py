"""The copy of a store that is made before a newer schema changes it, so that an upgrade can be taken back.

A folder keeps one copy of each schema of a store, and the copies of its last `KEPT` schemas. Each is a file that
`tocsin restore` takes, whatever the engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tocsin.core.clock import iso
from tocsin.core.errors import StoreUnavailable, UpgradeStopped

FOLDER: Final = "before-upgrade"
"""The folder of the copies, within the data folder where the settings name no other."""

KEPT: Final = 2
GO_WITHOUT: Final = "to upgrade without a copy: TOCSIN_STORE__UPGRADE_WITHOUT_COPY=true"
_SCHEMA: Final = re.compile(r"schema-(\d{1,6})\.db")
# The key of `meta` under which a backup says of what moment it is; `ops.transfer.backup` reads it.
_ABOUT: Final = "backup"


def free_bytes(folder: Path) -> int:
    """The bytes that may still be written into this folder."""
    return shutil.disk_usage(folder).free


def keep_copy(
    folder: Path,
    schema: int,
    write: Callable[[Path], None],
    *,
    store: str,
    size: int,
    prefix: str = "",
    free: Callable[[Path], int] = free_bytes,
) -> Path:
    """Copy a store of this schema into the folder, and forget the copies of its older schemas. Returns the file, which only
    its owner can read.

    `write` writes the copy into a new file. `store` names the store in errors, and `size` is what it takes on its disk. The
    names of its copies begin with `prefix`. Nobody may migrate the store meanwhile. Raises `UpgradeStopped` where the copy
    cannot be kept; nothing of it is left then.
    """
    copy, part = folder / f"{prefix}schema-{schema}.db", folder / f".{prefix}schema-{schema}.part"
    mask = os.umask(0o077)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove(part)
        _require_room(folder, size, free)
        write(part)
        _label(part)
        part.replace(copy)
    except (OSError, sqlite3.Error, StoreUnavailable) as error:
        raise UpgradeStopped(
            f"the store {store} is of an older schema, and no copy of it can be kept in {folder}: {error};"
            f" nothing was changed: make room there, then start again; {GO_WITHOUT}"
        ) from error
    finally:
        os.umask(mask)
        _remove(part)
    for old in copies(folder, prefix)[KEPT:]:
        with contextlib.suppress(OSError):
            old.unlink()
    return copy


def copies(folder: Path, prefix: str = "") -> list[Path]:
    """The copies in this folder whose names begin with `prefix`, that of the newest schema first."""
    found = [
        (int(name[1]), path)
        for path in folder.glob("*.db")
        if path.name.startswith(prefix) and (name := _SCHEMA.fullmatch(path.name.removeprefix(prefix)))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def say(copy: Path, schema: int, newer: int, to_go_back: str) -> None:
    """Log that the store was copied, and how to go back."""
    # Imported here because it costs a third of a second, and most starts have nothing to migrate.
    import structlog

    structlog.get_logger().warning(
        "the store gets a newer schema; it was copied first",
        schema=schema,
        newer=newer,
        copy=str(copy),
        to_go_back=to_go_back,
    )


def _require_room(folder: Path, size: int, free: Callable[[Path], int]) -> None:
    there = free(folder)
    if there < size:
        raise OSError(f"the store takes {_megabytes(size)} MB, and {_megabytes(there)} MB are free")


def _megabytes(size: int) -> int:
    return -(-size // 1_000_000)


def _label(part: Path) -> None:
    """Make the copy one file with nothing beside it, which says of what moment it is, and bring it to the disk."""
    with contextlib.closing(sqlite3.connect(part)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")
        about = json.dumps({"at": iso(datetime.now(UTC))})
        with copy:
            copy.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_ABOUT, about))
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _remove(part: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            part.with_name(part.name + end).unlink()
