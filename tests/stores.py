"""Stores for tests of everything above the port: embedded, or on PostgreSQL where the test or the environment says so.

A module whose tests run on both engines imports the fixture: `from tests.stores import on_both_stores`. With
TOCSIN_TEST_STORE=postgres every test that takes its store from here runs on PostgreSQL.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select

from tests.engines import ALL_ON_POSTGRES
from tests.engines.postgres import ROLE, Postgres
from tocsin.store.port import Store
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.schema import metadata
from tocsin.store.sqlite.engine import SqliteStore

_SHAPE: Final = """
    SELECT md5(string_agg(one, chr(10) ORDER BY one)) FROM (
      SELECT concat_ws(' ', c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) AS one
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
      UNION ALL SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid
       WHERE k.connamespace = 'public'::regnamespace AND NOT coalesce(c.relispartition, false)
      UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0
      UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL SELECT d.datallowconn::text || coalesce(r.setconfig::text, '')
        FROM pg_database d LEFT JOIN pg_db_role_setting r ON r.setdatabase = d.oid WHERE d.datname = current_database()
    ) AS shape"""
"""A digest of everything that a test may have done to a database besides writing rows. Partitions are left out."""

_EMPTY: Final = """
    DO $$ DECLARE one text; filled boolean; rows text[] := '{}'; BEGIN
      FOR one IN SELECT oid::regclass FROM pg_class
        WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace
      LOOP EXECUTE 'DROP TABLE ' || one; END LOOP;
      FOR one IN SELECT oid::regclass FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
      LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF filled THEN rows := rows || one; END IF;
      END LOOP;
      IF rows <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(rows, ', ') || ' CASCADE'; END IF;
      FOR one IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
      LOOP PERFORM setval(one, 1, false); END LOOP;
    END $$"""
"""Drops all partitions, empties every table that has rows, and sets the sequences back."""

_CUT: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


KEPT: Final = 24
"""So many emptied databases are kept, each with a connection of its own. A property with very many examples makes hundreds."""


class _Databases:
    """One database for each path: one that another test has left, emptied, or else a copy of a migrated one.

    To empty one takes a tenth of the time of a copy, and a copy a tenth of the time of a migration.
    """

    def __init__(self) -> None:
        self.server: Postgres | None = None
        self._pattern: _Pattern | None = None
        self._made: dict[Path, str] = {}
        self._free: list[str] = []
        self._copies = 0

    def url(self, path: Path) -> str | None:
        """The database that stands for this path; None where tests use SQLite."""
        if self.server is None:
            return None
        if path not in self._made:
            pattern = self._migrated(self.server)
            self._made[path] = self.server.url(
                self._free.pop() if self._free else self._copied(self.server, pattern)
            )
        return self._made[path]

    def give_back(self) -> None:
        """Keep the databases that were made, emptied, for the next tests. Drop those that a test has changed otherwise."""
        made, self._made = self._made, {}
        for url in made.values():
            assert self.server is not None and self._pattern is not None
            name = url.rpartition("/")[2]
            if len(self._free) < KEPT and self._pattern.emptied(name):
                self._free.append(name)
            else:
                with self.server.admin() as conn:
                    conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _copied(self, server: Postgres, pattern: _Pattern) -> str:
        self._copies += 1
        name = f"{pattern.name}_{self._copies}"
        with server.admin() as conn:
            conn.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(ROLE), sql.Identifier(pattern.name)
                )
            )
        return name

    def _migrated(self, server: Postgres) -> _Pattern:
        if self._pattern is None or self._pattern.server is not server:
            url = server.database()
            store = PostgresStore(url)
            store.migrate()
            store.close()
            self._free.clear()
            self._pattern = _Pattern(server, url.rpartition("/")[2])
        return self._pattern


class _Pattern:
    """A migrated database, and how to make a used copy of it like it again."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = name
        with server.admin(name) as conn:
            self._shape = self._shape_of(conn)
            self._rows = {table: rows for table in _tables(conn) if (rows := _copy_out(conn, table))}
        self._open: dict[str, psycopg.Connection[Any]] = {}
        """A connection to each copy. One that has read the tables once empties them in a fifth of the time of a new one."""

    def emptied(self, name: str) -> bool:
        """Empty the database `name`, and put back the rows that a migration writes. False: a test has changed more than rows."""
        try:
            conn = self._open.pop(name, None) or self.server.admin(name)
            conn.execute(_CUT)
            if self._shape_of(conn) != self._shape:
                conn.close()
                return False
            conn.execute(_EMPTY)
            for table, rows in self._rows.items():
                with conn.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    copy.write(rows)
        except psycopg.Error:
            return False
        self._open[name] = conn
        return True

    @staticmethod
    def _shape_of(conn: psycopg.Connection[Any]) -> str:
        found = conn.execute(_SHAPE).fetchone()
        assert found is not None
        return str(found[0])


def _tables(conn: psycopg.Connection[Any]) -> list[str]:
    named = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    return [str(name) for (name,) in conn.execute(named)]


def _copy_out(conn: psycopg.Connection[Any], table: str) -> bytes:
    with conn.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(copy)


_databases = _Databases()


def store_at(path: Path) -> Store:
    """The migrated store at this path, or in the database that stands for it. The caller closes it."""
    url = _databases.url(path)
    if url is not None:
        return PostgresStore(url, durable=False)
    return embedded_at(path)


def filled_at(path: Path, key: str, fill: Callable[[Store], None]) -> Store:
    """The store at this path, filled by `fill`. A new embedded store is a copy of the first one with this key."""
    if _databases.server is not None or path.exists():
        store = store_at(path)
        fill(store)
        return store
    if key not in _filled:
        made = embedded_at(_folder() / f"filled-{len(_filled)}.db")
        fill(made)
        made.close()
        _filled[key] = made.path
    _copy(_filled[key], path)
    return SqliteStore(path, durable=False)


_filled: dict[str, Path] = {}


def embedded_at(path: Path) -> SqliteStore:
    """The embedded store at this path, whatever engine the test runs on. A new store is a copy. The caller closes it."""
    prepare(path)
    return SqliteStore(path, durable=False)


def prepare(path: Path) -> None:
    """Put a migrated, empty embedded store at this path, where there is none. A copy takes a tenth of the time of a migration."""
    if not path.exists():
        _copy(_template(), path)


def _copy(made: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(made, path)
    path.chmod(0o600)


@cache
def _template() -> Path:
    """A migrated, empty store, made once a process."""
    store = SqliteStore(_folder() / "store.db", durable=False)
    store.migrate()
    store.close()
    return store.path


@cache
def _folder() -> Path:
    """The folder of the stores that are copied. It is removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def store_url(path: Path) -> str:
    """The value of `--store` for the store at this path: `sqlite` for the one in the folder of `--data`."""
    return _databases.url(path) or "sqlite"


def at_store(path: Path) -> dict[str, str]:
    """The environment in which commands work with the store at this path."""
    return {"TOCSIN_STORE__URL": store_url(path)}


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with store.read() as conn:
        return {
            table.name: sorted(str(tuple(row)) for row in conn.execute(select(table)))
            for table in metadata.sorted_tables
        }


def take_away(store: Store) -> None:
    """Make every read and write of this store fail from now on."""
    if isinstance(store, SqliteStore):
        store._engine.dispose()
        store.path.write_bytes(b"no database at all" * 1000)
        for suffix in ("-wal", "-shm"):
            store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
        return
    assert _databases.server is not None
    name = store.url.rpartition("/")[2].partition("?")[0]
    with _databases.server.admin() as conn:
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@contextmanager
def on_postgres(server: Postgres) -> Iterator[None]:
    """Make stores on this server, as long as the block lasts."""
    before, _databases.server = _databases.server, server
    try:
        yield
    finally:
        _databases.give_back()
        _databases.server = before


@pytest.fixture(params=["postgres"] if ALL_ON_POSTGRES else ["sqlite", "postgres"], autouse=True)
def on_both_stores(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run every test of the module that imports this on both engines. The value is the engine's name."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with on_postgres(request.getfixturevalue("postgres")):
        yield "postgres"
