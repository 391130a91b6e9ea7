"""The embedded store: one SQLite file in WAL mode. One writer at a time; readers never wait."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, create_engine, event, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from tocsin.core.errors import StoreUnavailable, WrongInput
from tocsin.core.sqlite import is_damaged, use_wal
from tocsin.store import before_upgrade, search
from tocsin.store.compiled import COMPILED
from tocsin.store.migrations import upgrade
from tocsin.store.port import Rows
from tocsin.store.schema import mentions
from tocsin.store.sqlite.bulk import Bulk, Lookup
from tocsin.store.sqlite.dialect import BEGIN, DRIVER

BUSY_TIMEOUT_MS = 10_000
LOOK_FOR_LOCK_S = 0.001
# Of each connection. There is one writer; readers are as many as there are threads, and the system caches the file too.
WRITER_CACHE_KIB = 32_000
READER_CACHE_KIB = 4_000


class SqliteStore:
    """See `tocsin.store.port.Store`.

    `durable` asks the disk to confirm each commit, so that an acknowledgement outlives a power cut. Without it, a commit
    outlives any death of the process but perhaps not that of the machine. The file stays consistent either way. `copy_first`:
    a store of an older schema is copied, beside the store, before it is migrated.
    """

    one_writer = True

    def __init__(
        self, path: Path | str, *, durable: bool = True, check: bool = True, copy_first: bool = True
    ) -> None:
        self.path = Path(path)
        self._copy_first = copy_first
        self.url = f"sqlite:///{self.path}"
        if check:
            _refuse_unusable(self.path)
        synchronous = "FULL" if durable else "NORMAL"
        self._engine = self._opened(synchronous, READER_CACHE_KIB, _begin_read)
        # One connection, for which threads wait in line: one for each that waits would fill a cache of its own, and each would
        # ask for the lock again and again.
        self._writer = self._opened(synchronous, WRITER_CACHE_KIB, _begin_write, (1, 0))
        self._bulks: dict[tuple[str, ...], Bulk] = {}
        self._lookups: dict[tuple[str, ...], Lookup] = {}

    def _opened(
        self,
        synchronous: str,
        cache_kib: int,
        begin: Callable[[sqlite3.Connection], object],
        most: tuple[int, int] = (20, 20),
    ) -> Engine:
        """An engine with connections of its own: so many that are kept, and so many more for a moment. The connection that was
        used last is used next, so few of them fill a cache. `begin` begins their transactions.
        """
        waiting = {"timeout": BUSY_TIMEOUT_MS / 1000}
        engine = create_engine(
            f"{DRIVER}:///{self.path}",
            connect_args=waiting,
            execution_options={"compiled_cache": COMPILED},
            pool_size=most[0],
            max_overflow=most[1],
            pool_timeout=BUSY_TIMEOUT_MS / 1000,
            pool_use_lifo=True,
        )

        @event.listens_for(engine, "connect")
        def _connect(dbapi: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
            record.info[BEGIN] = begin
            # The dialect begins transactions, and not the driver.
            dbapi.isolation_level = None
            cursor = dbapi.cursor()
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            use_wal(cursor)
            for pragma in (
                f"synchronous={synchronous}",
                "temp_store=MEMORY",
                f"cache_size=-{cache_kib}",
                "journal_size_limit=67108864",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        return engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _translated(self.path), self._engine.connect() as conn:
            yield conn

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:  # noqa: ARG002  # SQLite has one writer at a time
        with _translated(self.path), self._writer.begin() as conn:
            yield conn

    def insert_new(self, conn: Connection, table: Table, rows: Rows, *, fresh: bool = False) -> int:  # noqa: ARG002  # SQLite checks keys at no cost
        if not rows:
            return 0
        new = self._many(
            conn, ("new", table.name), table, rows, lambda: insert(table).on_conflict_do_nothing()
        )
        if table is mentions and "words" in rows[0]:
            search.index_due(conn)
        return new

    def put(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str] | None = None,
        *,
        fresh: bool = False,  # noqa: ARG002  # SQLite checks keys at no cost
    ) -> None:
        if not rows:
            return

        def statement() -> Insert:
            key = [column.name for column in table.primary_key]
            names = [name for name in (columns or rows[0].keys()) if name not in key]
            new = insert(table)
            return new.on_conflict_do_update(
                index_elements=key, set_={name: new.excluded[name] for name in names}
            )

        self._many(conn, ("put", table.name, *(columns or ())), table, rows, statement)

    def add(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str],
        put: Sequence[str] = (),
        *,
        fresh: bool = False,  # noqa: ARG002  # SQLite checks keys at no cost
    ) -> None:
        if not rows:
            return

        def statement() -> Insert:
            new = insert(table)
            return new.on_conflict_do_update(
                index_elements=[column.name for column in table.primary_key],
                set_={name: table.c[name] + new.excluded[name] for name in columns}
                | {name: new.excluded[name] for name in put},
            )

        self._many(conn, ("add", table.name, *columns, "", *put), table, rows, statement)

    def fetch(
        self, conn: Connection, table: Table, keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        lookup = self._lookups.get((table.name, *columns))
        if lookup is None:
            lookup = self._lookups[table.name, *columns] = Lookup.of(conn.dialect, table, columns)
        # SQLite scans the whole table for `(a, b) IN (VALUES ...)`. A query for one key takes three microseconds.
        driver = conn.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        with contextlib.closing(driver.cursor()) as cursor:
            return lookup.find(cursor, keys)

    def _many(
        self, conn: Connection, what: Sequence[str], table: Table, rows: Rows, statement: Callable[[], Insert]
    ) -> int:
        """Run an insert for many rows. Its SQL is built once and kept. Returns the number of written rows."""
        names = tuple(rows[0])
        key = (*what, "", *names)
        bulk = self._bulks.get(key)
        if bulk is None:
            bulk = self._bulks[key] = Bulk.of(conn.dialect, table, names, statement())
        # The driver counts the rows themselves, not the rows that triggers write because of them.
        return int(conn.exec_driver_sql(bulk.sql, bulk.parameters(rows)).rowcount)

    def claim(
        self,
        conn: Connection,
        table: Table,
        where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]],
        limit: int,
        asked: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        # BEGIN IMMEDIATE made this transaction the only writer, so it holds every row that it reads.
        return conn.execute(select(table).where(where).order_by(*order_by).limit(limit), asked).all()

    def migrate(self, *, to: int = upgrade.SCHEMA, migrations: Path | None = None) -> None:
        """See `Store.migrate`. A store of an older schema is copied first (`tocsin.store.before_upgrade`)."""
        upgrade.migrate(self, str(self.path), to=to, migrations=migrations, before=self._keep_copy)

    def _keep_copy(self, present: upgrade.SchemaVersion) -> None:
        if not self._copy_first:
            return
        beside = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        copy = before_upgrade.keep_copy(
            self.path.parent / before_upgrade.FOLDER,
            present.schema,
            lambda part: self.backup(str(part)),
            store=str(self.path),
            size=sum(file.stat().st_size for file in beside if file.exists()),
        )
        back = f"tocsin restore --replace {copy}, with the version of before"
        before_upgrade.say(copy, present.schema, upgrade.SCHEMA, back)

    def backup(self, path: str) -> None:
        target = Path(path)
        if target.exists():
            raise WrongInput(f"backup file {target} is there already: name a new one")
        with _translated(target), contextlib.closing(sqlite3.connect(self.path)) as source:
            with contextlib.closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
            target.chmod(0o600)

    def close(self) -> None:
        self._engine.dispose()
        self._writer.dispose()


RESTORE = "put a backup in its place: tocsin restore"


def _begin_read(driver: sqlite3.Connection) -> None:
    driver.execute("BEGIN")


def _begin_write(driver: sqlite3.Connection) -> None:
    """Become the one writer. SQLite by itself tries for the lock ever more seldom, down to every 100 ms. People wait for this
    lock, so this function tries every `LOOK_FOR_LOCK_S`.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(LOOK_FOR_LOCK_S)
            else:
                return
        driver.execute("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _refuse_unusable(path: Path) -> None:
    """Raise `StoreUnavailable` for a folder that cannot be written, or a file that is no database, before anything else fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = not path.exists()
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as conn:
            use_wal(conn)
            conn.execute("BEGIN IMMEDIATE")
            conn.execute("ROLLBACK")
        if fresh:
            path.chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        advice = RESTORE if is_damaged(error) else "check the folder's rights and space"
        raise StoreUnavailable(f"cannot use {path} as a store: {error}; {advice}") from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate SQLite's errors. Trouble that passes by itself, or with more space, becomes `StoreUnavailable`. A mistake in
    our own statements is raised as it is.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable(
            f"the store {path} cannot be used just now: every connection is in use"
        ) from error
    except OperationalError as error:
        if "no such table" in str(error) or "no such column" in str(error) or "syntax error" in str(error):
            raise
        raise StoreUnavailable(f"the store {path} cannot be used just now: {error.orig}") from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.IntegrityError):
            raise
        raise StoreUnavailable(
            f"the store {path} is damaged or no database: {error.orig}; {RESTORE}"
        ) from error
    except DBAPIError as error:
        raise StoreUnavailable(f"the store {path} failed: {error.orig}") from error
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the store {path} failed: {error}") from error
