"""Every store upgrades to the present schema and keeps its rows, whoever starts it, and neighbouring versions work together."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from tests.contracts.examples import drawn
from tests.engines.postgres import Postgres
from tocsin.core.errors import WrongInput
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.migrations import upgrade
from tocsin.store.opening import open_store
from tocsin.store.port import Store

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEXT = upgrade.SCHEMA + 1
Opened = Callable[..., Store]


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Opened]:
    """A function that opens the store, as often as it is called."""
    made: list[Store] = []

    def one() -> Store:
        made.append(open_store(url, tmp_path, durable=False))
        return made[-1]

    yield one
    for store in made:
        store.close()


def test_the_schema_that_the_code_is_written_for_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent))
    migrations = ScriptDirectory.from_config(config)
    assert migrations.get_heads() == [f"{upgrade.SCHEMA:04d}"]
    for migration in migrations.walk_revisions():
        assert 1 <= migration.module.READS <= int(migration.revision)


# -- the migrated schema is the one that the code names ---------------------------------------------------


def shape(conn: Connection) -> dict[str, Any]:
    """The columns, keys and indexes of a database, as far as `metadata` has them."""
    found = inspect(conn)
    return {
        table: {
            "columns": [(c["name"], _kind(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(u["column_names"] for u in found.get_unique_constraints(table)),
            "indexes": sorted(
                (str(i["name"]), i["column_names"])
                for i in found.get_indexes(table)
                if not i.get("duplicates_constraint") and i["name"] not in ENGINES_OWN
            ),
        }
        for table in s.metadata.tables
    }


def wanted(dialect: sa.Dialect) -> dict[str, Any]:
    return {
        name: {
            "columns": [
                (c.name, _kind(c.type.dialect_impl(dialect)), bool(c.nullable)) for c in table.columns
            ],
            "key": [c.name for c in table.primary_key] + _day_column(table, dialect),
            "unique": sorted(
                [c.name for c in u.columns] for u in table.constraints if isinstance(u, sa.UniqueConstraint)
            ),
            "indexes": sorted((str(i.name), [c.name for c in i.columns]) for i in table.indexes),
        }
        for name, table in s.metadata.tables.items()
    }


# Only PostgreSQL has this index: SQLite has a table for it.
ENGINES_OWN = {"mentions_by_words"}


def _day_column(table: sa.Table, dialect: sa.Dialect) -> list[str]:
    """The column that partitions the table. PostgreSQL wants it in the table's key."""
    return [table.info["day"]] if dialect.name == "postgresql" and "day" in table.info else []


def _kind(type_: Any) -> str:
    """The kind of a type, without the length of a text, which no engine enforces."""
    impl = getattr(type_, "impl_instance", type_)
    for kind in (sa.Boolean, sa.Integer, sa.Float, sa.LargeBinary, sa.String):
        if isinstance(impl, kind):
            size = "8" if isinstance(impl, sa.BigInteger) else ""
            return kind.__name__ + size
    raise AssertionError(f"what is {type_!r}?")


def test_the_migrated_schema_is_the_one_that_the_code_speaks_of(opened: Opened) -> None:
    with opened().read() as conn:
        assert shape(conn) == wanted(conn.dialect)


def test_all_text_of_postgresql_is_compared_bytewise_and_has_no_length(postgres: Postgres) -> None:
    store = open_store(postgres.database(), Path())
    with store.read() as conn:
        rows = conn.exec_driver_sql(
            "SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
            " AND table_name <> 'alembic_version'"
        ).all()
    store.close()
    assert len(rows) > 150
    assert {(kind, collation) for _, _, kind, collation in rows} == {("text", "C")}


# -- up from every version ------------------------------------------------------------------------------


def old_store(path: Path) -> None:
    """A store of schema 1 as its own code made it, with rows of everything that people would miss."""
    old = sqlite3.connect(path)
    old.execute("PRAGMA journal_mode=WAL")
    old.executescript((HERE / "store_1.sql").read_text(encoding="utf-8"))
    micros = int(NOW.timestamp()) * 1_000_000
    rows: dict[str, dict[str, Any]] = {
        "mentions": {
            "source": "forum",
            "id": "1",
            "created_at": micros,
            "hash": "h",
            "text": "Su şişesi patladı",
            "truncated": 0,
            "label": "negative",
            "score_e4": -5000,
            "confidence_e4": 9000,
            "signature": 7,
            "repost": 0,
            "triggers": "[]",
            "hashtags": '["su"]',
        },
        "matches": {
            "monitor_id": "m",
            "source": "forum",
            "id": "1",
            "created_at": micros,
            "minute": micros // 60_000_000,
            "partition": 0,
            "label": "negative",
            "reach": 5,
            "signature": 7,
            "repost": 0,
            "triggers": "[]",
        },
        "seen": {
            "source": "forum",
            "id": "1",
            "created_at": micros,
            "rank_at": micros,
            "hash": "h",
            "matched": 1,
        },
        "offsets": {
            "cluster": "c",
            "topic": "mentions",
            "partition": 0,
            "offset": 41,
            "epoch": 3,
            "monitors_version": 2,
        },
        "meta": {"key": "pseudonym_key", "value": "00ff"},
    }
    for table, row in rows.items():
        old.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )
    old.commit()
    old.close()


def test_a_store_from_before_there_were_steps_comes_up_with_everything_in_it(tmp_path: Path) -> None:
    old_store(tmp_path / "store.db")
    store = open_store("sqlite", tmp_path)
    with store.read() as conn:
        assert shape(conn) == wanted(conn.dialect)
        assert upgrade.version(conn) == upgrade.SchemaVersion(upgrade.SCHEMA, 1)
        mention = conn.execute(select(s.mentions)).one()
        assert (mention.text, mention.hashtags, mention.created_at) == ("Su şişesi patladı", ["su"], NOW)
        assert conn.execute(select(s.matches.c.reach)).scalar_one() == 5
        assert conn.execute(select(s.seen.c.matched)).scalar_one() is True
        assert conn.execute(select(s.offsets.c.offset)).scalar_one() == 41
        assert meta.get(conn, "pseudonym_key") == "00ff"
    store.close()


RELEASED = [
    schema
    for schema in range(1, upgrade.SCHEMA)
    if schema in (1, upgrade.SCHEMA - 1) or drawn(f"schema {schema}")
]
"""The earlier schemas from which a run upgrades: the first, the last and a third of the others; in `make chaos` all."""


@pytest.mark.slow("fills and carries stores")
@pytest.mark.wide
@pytest.mark.parametrize("released", RELEASED)
def test_every_earlier_schema_comes_up_to_this_one(url: str, tmp_path: Path, released: int) -> None:
    store = _unmigrated(url, tmp_path)
    upgrade.migrate(store, "the store", to=released)
    with store.write() as conn:
        assert upgrade.version(conn) == upgrade.SchemaVersion(released, 1)
        meta.put(conn, "kept", "yes")
    store.migrate()
    with store.read() as conn:
        assert shape(conn) == wanted(conn.dialect)
        assert meta.get(conn, "kept") == "yes"
    store.close()


@pytest.mark.slow("upgrades a store twenty times")
def test_a_store_comes_up_step_by_step_through_every_earlier_schema(url: str, tmp_path: Path) -> None:
    store = _unmigrated(url, tmp_path)
    for released in range(1, upgrade.SCHEMA):
        upgrade.migrate(store, "the store", to=released)
        with store.write() as conn:
            assert upgrade.version(conn) == upgrade.SchemaVersion(released, 1)
            if released == 1:
                meta.put(conn, "kept", "yes")
            assert meta.get(conn, "kept") == "yes"
    store.migrate()
    with store.read() as conn:
        assert shape(conn) == wanted(conn.dialect)
        assert meta.get(conn, "kept") == "yes"
    store.close()


def _unmigrated(url: str, data: Path) -> Store:
    if url == "sqlite":
        from tocsin.store.sqlite.engine import SqliteStore

        return SqliteStore(data / "store.db", durable=False)
    from tocsin.store.postgres.engine import PostgresStore

    return PostgresStore(url)


@pytest.mark.live
def test_several_processes_may_start_a_new_store_at_once(url: str, tmp_path: Path) -> None:
    # One Python reads the code. Each of its copies is a process of its own, and all begin together.
    script = f"""
import os, pathlib
import alembic.command, tocsin.store.postgres.engine, tocsin.store.sqlite.engine
from tocsin.store.opening import open_store
wait, go = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        os.close(go)
        os.read(wait, 1)
        open_store({url!r}, pathlib.Path({str(tmp_path)!r})).close()
        break
else:
    os.close(go)
    print([os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0]\n", "")
    store = open_store(url, tmp_path)
    with store.read() as conn:
        assert shape(conn) == wanted(conn.dialect)
    store.close()


def test_a_step_that_fails_leaves_the_store_as_it_was(url: str, tmp_path: Path) -> None:
    store = open_store(url, tmp_path, durable=False)
    migration(
        tmp_path, "op.add_column('meta', sa.Column('more', sa.Text))\n    raise RuntimeError('half way')"
    )
    with pytest.raises(RuntimeError, match="half way"):
        upgrade.migrate(store, "the store", to=NEXT, migrations=tmp_path / "migrations")
    with store.read() as conn:
        assert shape(conn) == wanted(conn.dialect)
        assert upgrade.version(conn) == upgrade.SchemaVersion(upgrade.SCHEMA, 1)
    store.close()


# -- this version and the next one side by side -------------------------------------------------------------


def migration(folder: Path, body: str, reads: int = upgrade.SCHEMA) -> Path:
    """A made-up next migration."""
    migrations = folder / "migrations"
    migrations.mkdir(exist_ok=True)
    (migrations / "v_next.py").write_text(
        f"""
from alembic import op
import sqlalchemy as sa
revision = "{NEXT:04d}"
down_revision = "{upgrade.SCHEMA:04d}"
READS = {reads}
def upgrade():
    {body}
"""
    )
    return migrations


def test_a_store_of_a_later_schema_that_still_reads_ours_is_used_as_it_is(
    opened: Opened, tmp_path: Path
) -> None:
    migrations = migration(tmp_path, "op.add_column('meta', sa.Column('more', sa.Text))")
    upgrade.migrate(opened(), "the store", to=NEXT, migrations=migrations)
    again = opened()
    with again.write() as conn:
        meta.put(conn, "kept", "yes")
        assert upgrade.version(conn) == upgrade.SchemaVersion(NEXT, upgrade.SCHEMA)


def test_a_store_of_a_later_schema_that_reads_ours_no_more_is_refused_in_one_line(
    opened: Opened, tmp_path: Path
) -> None:
    migrations = migration(tmp_path, "op.drop_table('gaps')", reads=NEXT)
    upgrade.migrate(opened(), "the store", to=NEXT, migrations=migrations)
    with pytest.raises(WrongInput) as refused:
        opened()
    assert re.search(
        rf"has schema {NEXT}.*needs .* schema {NEXT}.* knows {upgrade.SCHEMA}", str(refused.value)
    )
    assert "\n" not in str(refused.value)


def test_a_schema_that_is_no_number_is_said(opened: Opened) -> None:
    with opened().write() as conn:
        meta.put(conn, "schema", "many")
    with pytest.raises(WrongInput, match="'many': that is no number"):
        opened()


def test_a_database_of_somebody_elses_tables_is_left_alone(postgres: Postgres) -> None:
    url = postgres.database()
    with sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://")).begin() as conn:
        conn.exec_driver_sql("CREATE TABLE alerts (ours text)")
    with pytest.raises(WrongInput, match=r"not Tocsin's \(alerts\)"):
        open_store(url, Path())
