"""Several who open one new file of SQLite at one moment."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from tocsin.core import sqlite
from tocsin.core.sqlite import use_wal

AT_ONCE = 6


def test_all_who_open_a_new_file_at_one_moment_get_it(tmp_path: Path) -> None:
    gate = Barrier(AT_ONCE)

    def opened(path: Path) -> str:
        gate.wait()
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
            use_wal(db)
            db.execute("CREATE TABLE IF NOT EXISTS t (x)")
            return str(db.execute("PRAGMA journal_mode").fetchone()[0])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for n in range(40):
            assert list(pool.map(opened, [tmp_path / f"{n}.db"] * AT_ONCE)) == ["wal"] * AT_ONCE


def test_a_file_that_somebody_keeps_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAL_WITHIN_S", 0.03)
    path = tmp_path / "kept.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as keeper,
        closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other,
    ):
        keeper.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(other)
