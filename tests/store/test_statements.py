"""Parts of statements that differ between the engines do the same on both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.store import schema as s
from tocsin.store.statements import among, among_given, insert_once, once_for_each_engine


def test_a_row_that_is_inserted_once_says_whether_it_was_new(tmp_path: Path) -> None:
    store, row = store_at(tmp_path / "store.db"), {"key": "a", "value": "1"}
    with store.write() as conn:
        assert [insert_once(conn, s.meta, row) for _ in range(2)] == [True, False]
    store.close()


def test_a_statement_that_is_built_once_asks_for_the_ids_of_each_question(tmp_path: Path) -> None:
    built: list[tuple[str, bool]] = []

    @once_for_each_engine
    def values(conn: Connection, newest_first: bool) -> Select[Any]:
        built.append((conn.dialect.name, newest_first))
        key = s.meta.c.key
        order = key.desc() if newest_first else key
        return select(s.meta.c.value).where(among_given(conn, key, "keys")).order_by(order)

    store = store_at(tmp_path / "store.db")
    with store.write() as conn:
        for key in "abc":
            insert_once(conn, s.meta, {"key": key, "value": key.upper()})
        for keys in (["a", "c"], ["b"], []):
            found = list(conn.execute(values(conn, newest_first=False), {"keys": keys}).scalars())
            once = select(s.meta.c.value).where(among(conn, s.meta.c.key, keys)).order_by(s.meta.c.key)
            assert found == list(conn.execute(once).scalars()) == [key.upper() for key in keys]
        asked = values(conn, newest_first=True)
        assert list(conn.execute(asked, {"keys": ["a", "c"]}).scalars()) == ["C", "A"]
        assert built == [(conn.dialect.name, False), (conn.dialect.name, True)]
    store.close()
