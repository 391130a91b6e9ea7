"""The disk under the embedded engines: whether it has room, and whether anything can be written on it at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tocsin.settings import Settings

MIB: Final = 1024 * 1024
# Less than a batch of mentions with its copy in the write-ahead log.
LEAST_FREE_BYTES: Final = 16 * MIB
# What a write of the store may take. Less than this is written now and then into room that its log has already.
A_WRITE_BYTES: Final = 64 * 1024
# The disk is full, or the quota of whoever runs Tocsin is used up.
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class DiskTrouble:
    """The reason why the embedded engines cannot write, or (`low`) will soon not. Reads still work."""

    kind: Literal["low", "full", "read-only"]
    words: str

    @property
    def stops(self) -> bool:
        """Whether nothing new is stored or judged, and nobody is paged."""
        return self.kind != "low"


def disk_trouble(settings: Settings, least: int | None = None) -> DiskTrouble | None:
    """The trouble with the disk under the embedded engines; fewer than `least` free bytes (`LEAST_FREE_BYTES`) are too few.

    None: there is no trouble, or no embedded engine is in use, or the folder is not there, which the engines say.
    """
    if "sqlite" not in (settings.store.url, settings.stream.url) or not settings.data.is_dir():
        return None
    refused = _refused(settings.data)
    if refused is not None:
        why = refused.strerror or os.strerror(refused.errno or 0)
        nothing = f"nothing can be written in {settings.data} ({why})"
        if refused.errno in _FULL:
            return DiskTrouble("full", f"{nothing}: make room, and it goes on by itself")
        return DiskTrouble("read-only", f"{nothing}: check its disk and mount it again, then start Tocsin")
    least = LEAST_FREE_BYTES if least is None else least
    if shutil.disk_usage(settings.data).free < least:
        words = (
            f"under {least // MIB} MiB are free in {settings.data}: make room, or move the folder with --data"
        )
        return DiskTrouble("low", words)
    return None


def _refused(folder: Path) -> OSError | None:
    """Why nothing can be written here, found by trying: after an error of the disk, a file system may say that it can be
    written and refuse each write; a disk may have room that a quota keeps back.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(A_WRITE_BYTES))
            file.flush()
            return None
    except OSError as error:
        return error
