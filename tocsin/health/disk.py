"""The disk under the embedded engines: whether it has room, and whether anything can be written on it at all."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class DiskTrouble:
    """The reason why the embedded engines cannot write. Reads still work."""

    kind: Literal["full", "read-only"]
    words: str


def disk_trouble(settings: Settings, least: int | None = None) -> DiskTrouble | None:
    """The trouble with the disk under the embedded engines; fewer than `least` free bytes (`LEAST_FREE_BYTES`) are too few.

    None: there is no trouble, or no embedded engine is in use, or the folder is not there, which the engines say.
    """
    if "sqlite" not in (settings.store.url, settings.stream.url) or not settings.data.is_dir():
        return None
    refused = _refused(settings.data)
    if refused is not None:
        words = f"nothing can be written in {settings.data} ({refused}): check its disk and mount it again, then start Tocsin"
        return DiskTrouble("read-only", words)
    least = LEAST_FREE_BYTES if least is None else least
    if shutil.disk_usage(settings.data).free < least:
        words = (
            f"under {least // MIB} MiB are free in {settings.data}: make room, or move the folder with --data"
        )
        return DiskTrouble("full", words)
    return None


def _refused(folder: Path) -> str | None:
    """Why a file cannot be made here, found by trying: after an error of the disk, a file system may say that it can be
    written and refuse each write. A full disk is no reason.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        full = shutil.disk_usage(folder).free < LEAST_FREE_BYTES
        return None if full else error.strerror or os.strerror(error.errno or 0)
