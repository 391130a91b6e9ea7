"""A file system that the kernel makes read-only under the open store, as it does after an error of the disk.

A remount is refused while files are open. ext4 on a loop device can be told to have found an error; that takes root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.stream import NOW
from tocsin.core.errors import StoreUnavailable, StreamUnavailable
from tocsin.health.disk import disk_trouble
from tocsin.settings import Settings
from tocsin.store import meta
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.sqlite import SqliteStream

pytestmark = pytest.mark.live


def command(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


class Disk:
    """An ext4 of its own, mounted at `folder`."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder
        with image.open("wb") as file:
            file.truncate(64 * 1024**2)
        folder.mkdir()
        command("mkfs.ext4", "-q", str(image))
        self.mount()

    def mount(self) -> None:
        command("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def has_an_error(self) -> None:
        device = command("findmnt", "-no", "SOURCE", str(self.folder)).strip()
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("1")

    def mend(self) -> None:
        """Check the file system and mount it again."""
        self.away()
        # 1: errors were found and mended.
        assert subprocess.run(["e2fsck", "-fy", str(self._image)], capture_output=True).returncode <= 1
        self.mount()

    def away(self) -> None:
        command("umount", str(self.folder))

    def gone(self) -> None:
        """Unmount it, whatever still uses it."""
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("only root may mount an ext4")
    try:
        made = Disk(tmp_path / "image", tmp_path / "disk")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    yield made
    made.gone()


def test_a_disk_that_becomes_read_only_loses_nothing_that_was_accepted(disk: Disk) -> None:
    store, stream = SqliteStore(disk.folder / "store.db"), SqliteStream(disk.folder / "stream.db")
    store.migrate()
    stream.ensure_topic("mentions", 1)
    accepted = [b"%d" % number for number in range(20)]
    for value in accepted:
        stream.append("mentions", [(0, value)], NOW)
    with store.write() as conn:
        meta.put(conn, "before", "kept")
    settings = Settings(data=disk.folder)
    assert disk_trouble(settings) is None
    disk.has_an_error()
    trouble = disk_trouble(settings)
    assert trouble is not None and trouble.kind == "read-only" and "mount it again" in trouble.words

    with pytest.raises(StoreUnavailable), store.write() as conn:
        meta.put(conn, "during", "never")
    with pytest.raises(StreamUnavailable):
        stream.append("mentions", [(0, b"never")], NOW)
    with store.read() as conn:
        # What is there can still be read.
        assert meta.get(conn, "before") == "kept"
    store.close()
    stream.close()

    disk.mend()
    assert disk_trouble(settings) is None
    store, stream = SqliteStore(disk.folder / "store.db"), SqliteStream(disk.folder / "stream.db")
    with store.write() as conn:
        meta.put(conn, "after", "goes on")
        assert [meta.get(conn, name) for name in ("before", "during", "after")] == ["kept", None, "goes on"]
    stream.append("mentions", [(0, b"after")], NOW)
    consumer = stream.consumer("mentions", "readers", "one")
    consumer.poll(timedelta(0))
    consumer.seek(0, 0)
    read = [one.value for one in consumer.poll(timedelta(seconds=5)).records]
    assert read == [*accepted, b"after"]
    consumer.close()
    store.close()
    stream.close()
