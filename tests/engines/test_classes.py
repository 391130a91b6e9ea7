"""The classes of Kafka that are kept between starts of a broker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engines import EnginesUnavailable
from tests.engines.classes import MOST_KEPT, kept_classes


@pytest.fixture
def java(tmp_path: Path) -> str:
    """The program of a Java that tells its release."""
    home = tmp_path / "java"
    for name in ("release", "lib/modules", "lib/server/libjvm.so", "bin/java"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    return str(home / "bin" / "java")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def _train(options: Sequence[str]) -> None:
    output = next(option for option in options if option.startswith("-XX:AOTCacheOutput="))
    Path(output.partition("=")[2]).write_text("classes")


def _cannot(options: Sequence[str]) -> None:
    raise EnginesUnavailable("this Java keeps no classes")


def test_classes_are_made_once(cache: Path, java: str) -> None:
    first = kept_classes(cache, java, "a.jar", _train)
    assert first
    assert kept_classes(cache, java, "a.jar", _cannot) == first


def test_a_java_that_keeps_none_is_asked_once(cache: Path, java: str) -> None:
    assert kept_classes(cache, java, "a.jar", _cannot) == []
    assert kept_classes(cache, java, "a.jar", _train) == []


def test_the_sets_used_longest_ago_go_when_a_new_one_is_made(cache: Path, java: str) -> None:
    names = [f"{n}.jar" for n in range(MOST_KEPT)]
    for age, name in enumerate(names):
        kept_classes(cache, java, name, _train)
        newest = max(cache.glob("*.aot"), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (1000 + age, 1000 + age))
    # The oldest is used again.
    used = kept_classes(cache, java, names[0], _cannot)
    new = kept_classes(cache, java, "new.jar", _train)
    assert len(list(cache.glob("*.aot"))) == MOST_KEPT
    assert used
    assert kept_classes(cache, java, names[0], _cannot) == used
    assert kept_classes(cache, java, "new.jar", _cannot) == new
    assert kept_classes(cache, java, names[1], _cannot) == []


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path, java: str) -> None:
    assert kept_classes(tmp_path / "missing", java, "a.jar", _train) == []
