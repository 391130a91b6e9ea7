"""The files of a new PostgreSQL, made once a machine by `initdb` and kept beside Kafka's jars. A server starts from a copy.

`initdb` takes nearly a second of processor time, and makes the same files each time. The copies share the password that it set
and the identity that it gave to the server. Whoever starts a server sets a password of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Make = Callable[[Path, str], None]
"""A function that makes this folder the files of a new PostgreSQL, with this password of the superuser."""


def initialise(data: Path, cache: Path, which: Sequence[str], make: Make) -> str:
    """Make `data` the files of a new PostgreSQL. Returns the password of its superuser.

    `which` is all that the files depend on. The first call on a machine makes them. Where they cannot be kept, each call does.
    """
    kept = cache / f"postgres-{hashlib.sha256(repr(which).encode()).hexdigest()[:16]}"
    with suppress(OSError, subprocess.CalledProcessError):
        _keep(kept, data, make)
        _copy(kept / "data", data)
        return (kept / "password").read_text()
    shutil.rmtree(data, ignore_errors=True)
    password = secrets.token_urlsafe(16)
    make(data, password)
    return password


def _keep(kept: Path, data: Path, make: Make) -> None:
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / "initdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return
        new = kept.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = secrets.token_urlsafe(16)
        # Only here may the server's user write.
        make(data, password)
        _copy(data, new / "data")
        shutil.rmtree(data)
        (new / "password").write_text(password)
        new.rename(kept)


def _copy(folder: Path, new: Path) -> None:
    """Copy a folder with the owners of its files. `cp` takes a third of the processor time of Python's own way."""
    subprocess.run(["cp", "-Rp", str(folder), str(new)], check=True, capture_output=True)
