"""The files of a new PostgreSQL are made once and copied, and made each time where nothing can be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.initialised import initialise

pytestmark = pytest.mark.live


def test_the_files_are_made_once_for_all_that_they_depend_on(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path, password: str) -> None:
        made.append(password)
        folder.mkdir(mode=0o700)
        (folder / "conf").write_text(password)

    given = [
        initialise(tmp_path / name, tmp_path / "cache", which, make)
        for name, which in (("first", ("18",)), ("second", ("18",)), ("third", ("19",)))
    ]
    assert made == given[1:] and given[0] == given[1] != given[2]
    assert [(tmp_path / name / "conf").read_text() for name in ("first", "second", "third")] == given
    (kept, _) = (tmp_path / "cache").glob("postgres-*")
    assert kept.stat().st_mode & 0o077 == 0


def test_where_nothing_can_be_kept_the_files_are_made_each_time(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path, password: str) -> None:
        made.append(password)
        folder.mkdir()

    (tmp_path / "cache").write_text("a file in the place of the folder")
    given = [initialise(tmp_path / name, tmp_path / "cache", ("18",), make) for name in ("first", "second")]
    assert made == given and given[0] != given[1]
    assert (tmp_path / "first").is_dir() and (tmp_path / "second").is_dir()
