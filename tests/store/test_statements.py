"""Parts of statements that differ between the engines do the same on both."""

from __future__ import annotations

from pathlib import Path

from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.store import schema as s
from tocsin.store.statements import insert_once


def test_a_row_that_is_inserted_once_says_whether_it_was_new(tmp_path: Path) -> None:
    store, row = store_at(tmp_path / "store.db"), {"key": "a", "value": "1"}
    with store.write() as conn:
        assert [insert_once(conn, s.meta, row) for _ in range(2)] == [True, False]
    store.close()
