"""Locks on a data folder: one `tocsin up`, and no role while the folder is moved or restored.

The locks are `flock` on two files, `up.lock` and `run.lock`. Such a lock belongs to the open file and not to the process, so it
ends with the last process that shares the file. A role that outlives a killed `tocsin up` still holds the folder. The library
filelock gives neither a lock that processes share in this way nor a shared lock that ends when its process dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.core.errors import StoreUnavailable, WrongInput

STOP_WITHIN_S = 8.0
"""The seconds that a role may take to stop."""

ORPHANS_END_WITHIN_S = STOP_WITHIN_S + 4


@contextmanager
def hold_folder(folder: Path) -> Iterator[int]:
    """Hold the data folder for one `tocsin up`. Yields the open lock file, for child processes to share.

    Raises `WrongInput` where another `tocsin up` holds the folder, and `StoreUnavailable` where nothing can be written in it. The
    roles of a killed `tocsin up` end by themselves, and this waits for them.
    """
    with _open(folder, "up.lock") as lock:
        deadline = time.monotonic() + ORPHANS_END_WITHIN_S
        while not taken(lock, fcntl.LOCK_EX):
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            if _alive(holder) or time.monotonic() > deadline:
                raise WrongInput(
                    f"another tocsin up (process {holder or '?'}) already runs on {folder}: stop it first, or name another --data"
                )
            time.sleep(0.1)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock


@contextmanager
def share_folder(folder: Path) -> Iterator[None]:
    """Mark the data folder as used by a role. Raises `WrongInput` while it is moved or restored."""
    with _open(folder, "run.lock") as lock:
        if not taken(lock, fcntl.LOCK_SH):
            raise WrongInput(f"tocsin move or restore is at work on {folder}: wait for it to end")
        yield


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder against every role. Raises `WrongInput` while a `tocsin up` or `tocsin run` is on it."""
    with hold_folder(folder), _open(folder, "run.lock") as lock:
        if not taken(lock, fcntl.LOCK_EX):
            raise WrongInput(f"a tocsin run is at work on {folder}: stop it first")
        yield


@contextmanager
def _open(folder: Path, name: str) -> Iterator[int]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot use {folder} as the data folder: {error.strerror}; check the folder's rights and space"
        ) from error
    try:
        yield lock
    finally:
        os.close(lock)


def taken(lock: int, how: int) -> bool:
    """Lock the open file in this way (`fcntl.LOCK_EX` or `LOCK_SH`), without waiting. Returns whether that succeeded."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        # The process belongs to another user, or its number is not written yet. It counts as alive, so nobody waits for its end.
        return True
    return True
