"""The folder that a demo lies in. The folder goes with the demo; where the demo was killed, it goes when the next one starts.

A living demo holds a lock on a file in its folder. The lock ends with the process, whatever ended it, so a folder whose lock can
be had belongs to nobody any more. Folders of other accounts, and those without that file, are left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.run.locks import taken

PREFIX: Final = "tocsin-demo-"
LOCK: Final = "demo.lock"


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A new folder of this demo alone, which is removed at the end. The folders of killed demos are removed first."""
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    # The file gets its name once it is locked: nobody finds it in between.
    unnamed = folder / f"{LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        taken(lock, fcntl.LOCK_EX)
        unnamed.rename(folder / LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers() -> None:
    """Remove the folders of demos of this account that live no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            ours = folder.lstat().st_uid == os.fstat(lock).st_uid == os.geteuid()
            if ours and taken(lock, fcntl.LOCK_EX):
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue
        finally:
            os.close(lock)
