"""The disk under the embedded engines, as it is found by trying."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.health.disk import disk_trouble
from tocsin.settings import Settings

pytestmark = pytest.mark.live


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def kind(folder: Path) -> str | None:
    trouble = disk_trouble(Settings(data=folder), 512 * 1024)
    return trouble and trouble.kind


def test_a_disk_is_low_before_it_is_full_and_well_again_with_room(disk: Path) -> None:
    assert kind(disk) is None
    (disk / "talk").write_bytes(bytes(700 * 1024))
    assert kind(disk) == "low"
    (disk / "more").write_bytes(bytes(300 * 1024))
    assert kind(disk) == "full"
    trouble = disk_trouble(Settings(data=disk))
    assert trouble is not None and trouble.stops and "make room" in trouble.words
    (disk / "talk").unlink()
    assert kind(disk) is None
    assert sorted(one.name for one in disk.iterdir()) == ["more"]
