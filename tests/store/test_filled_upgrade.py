"""A filled store of the first schema comes up with everything in it, is copied before, and the night goes on in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, inspect, select

from alerts import actions
from alerts.actor import Actor
from alerts.alert import get
from alerts.apply import act
from alerts.turn import Turns
from api.pages.models import overview
from tests.browser.night import NOW
from tests.browser.seed import fill
from tests.stores import embedded_at
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.before_upgrade import FOLDER
from tocsin.store.migrations import upgrade
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.sqlite.engine import SqliteStore

OLDEST = 1
Rows = dict[Table, list[dict[str, Any]]]


def older(url: str, folder: Path) -> Rows:
    """Fill a store of the oldest schema with a night of alerts, and return what was written, in the columns that it had."""
    source = embedded_at(folder / "night.db")
    fill(source)
    store: Store = SqliteStore(folder / "store.db", durable=False) if url == "sqlite" else PostgresStore(url)
    upgrade.migrate(store, "the store", to=OLDEST)
    written: Rows = {}
    with source.read() as old, store.write() as conn:
        present = inspect(conn)
        for table in s.metadata.sorted_tables:
            if not present.has_table(table.name):
                continue
            kept = [table.c[one["name"]] for one in present.get_columns(table.name)]
            rows = [dict(row) for row in old.execute(select(*kept)).mappings()]
            if table is s.meta:
                rows = [row for row in rows if row["key"] == "mode"]
            if rows:
                store.insert_new(conn, table, rows)
                written[table] = rows
    store.close()
    source.close()
    return written


@pytest.mark.slow("fills and carries stores")
def test_a_filled_store_of_the_first_schema_is_copied_and_comes_up_whole(url: str, tmp_path: Path) -> None:
    written = older(url, tmp_path)
    assert {s.definitions, s.alerts, s.mentions, s.tallies, s.readings, s.escalations, s.source_state} <= set(
        written
    )
    store = open_store(url, tmp_path, durable=False)
    with store.read() as conn:
        assert upgrade.version(conn) == upgrade.SchemaVersion(upgrade.SCHEMA, 1)
        for table, rows in written.items():
            found = list(conn.execute(select(*(table.c[name] for name in rows[0]))).mappings())
            # It has the number of the schema, too.
            if table is s.meta:
                found = [row for row in found if row["key"] == "mode"]
            assert _sorted(map(dict, found), table) == _sorted(rows, table), table.name
    (copy,) = (tmp_path / FOLDER).iterdir()
    assert copy.name.endswith(f"schema-{OLDEST}.db")
    before = SqliteStore(copy, durable=False)
    with before.read() as conn:
        assert meta.get(conn, "schema") == str(OLDEST)
        for table, rows in written.items():
            kept = list(conn.execute(select(*(table.c[name] for name in rows[0]))).mappings())
            if table is s.meta:
                kept = [row for row in kept if row["key"] == "mode"]
            assert _sorted(map(dict, kept), table) == _sorted(rows, table), table.name
    before.close()

    with store.write() as conn:
        ada = Actor("p_ada", "Ada Yılmaz", "community_manager")
        act(Turns(store, "http://127.0.0.1").begin(conn, NOW, ada), actions.acknowledge, "al_crisis")
    with store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by == "Ada Yılmaz"
        shown = overview(conn, NOW, NOW - NOW)
    store.close()
    assert "al_crisis" in {one.id for one in shown.alerts.live}
    assert {one.name for one in shown.monitors} >= {"Orvane baby food", "Orvane leadership"}
    assert {one.name for one in shown.sources} >= {"kuzey-feed", "jetstream"}


def _sorted(rows: Any, table: Table) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [str(row[key.name]) for key in table.primary_key])
