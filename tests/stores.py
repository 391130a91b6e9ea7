"""Stores for tests of everything above the port: embedded, or on PostgreSQL where the test or the environment says so.

A module whose tests run on both engines imports the fixture: `from tests.stores import on_both_stores`. With
TOCSIN_TEST_STORE=postgres every test that takes its store from here runs on PostgreSQL.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import select

from tests.engines.postgres import ROLE, Postgres
from tocsin.store.port import Store
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.schema import metadata
from tocsin.store.sqlite.engine import SqliteStore

BY_ENVIRONMENT = os.environ.get("TOCSIN_TEST_STORE") == "postgres"


class _Databases:
    """One database for each path, copied from a migrated one. A migration would take ten times as long."""

    def __init__(self) -> None:
        self.server: Postgres | None = None
        self._pattern: tuple[Postgres, str] | None = None
        self._made: dict[Path, str] = {}

    def url(self, path: Path) -> str | None:
        """The database that stands for this path; None where tests use SQLite."""
        if self.server is None:
            return None
        if path not in self._made:
            pattern = self._migrated(self.server)
            name = f"{pattern}_{len(self._made)}"
            with self.server.admin() as conn:
                conn.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                        sql.Identifier(name), sql.Identifier(ROLE), sql.Identifier(pattern)
                    )
                )
            self._made[path] = self.server.url(name)
        return self._made[path]

    def drop(self) -> None:
        """Drop the databases that were made, so that a long run does not fill the disk."""
        made, self._made = self._made, {}
        if self.server is None:
            return
        with self.server.admin() as conn:
            for url in made.values():
                name = url.rpartition("/")[2]
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _migrated(self, server: Postgres) -> str:
        if self._pattern is None or self._pattern[0] is not server:
            url = server.database()
            store = PostgresStore(url)
            store.migrate()
            store.close()
            self._pattern = server, url.rpartition("/")[2]
        return self._pattern[1]


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
        _databases.drop()
        _databases.server = before


@pytest.fixture(params=["postgres"] if BY_ENVIRONMENT else ["sqlite", "postgres"], autouse=True)
def on_both_stores(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run every test of the module that imports this on both engines. The value is the engine's name."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with on_postgres(request.getfixturevalue("postgres")):
        yield "postgres"
