"""The real store: PostgreSQL. A reader has one snapshot. Writers run side by side unless they ask to be alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from sqlalchemy import URL, ColumnElement, Connection, Engine, Row, Table, create_engine, event, exc, select
from sqlalchemy.engine import make_url

from tocsin.core.errors import StoreUnavailable, WrongInput
from tocsin.store import before_upgrade
from tocsin.store.compiled import COMPILED
from tocsin.store.migrations import upgrade
from tocsin.store.port import Rows
from tocsin.store.postgres.bulk import STAGED, KeyLookup, Staging
from tocsin.store.postgres.dialect import DRIVER
from tocsin.store.postgres.errors import after_commit, translated
from tocsin.store.postgres.partitions import Days
from tocsin.store.postgres.timeouts import Listening, Silences, may_be_silent
from tocsin.store.unhurried import take_your_time

ALONE: Final = 0x746F6373_696E0001
"""The advisory lock of a transaction that writes alone ("tocsin", 1)."""

UPGRADING: Final = 0x746F6373_696E0002
"""The advisory lock of the one process that copies the store and migrates it. The others go on deciding while it copies."""

LEAST_VERSION: Final = 14
CONNECTIONS: Final = 10
MORE_CONNECTIONS: Final = 10
WAIT_FOR_CONNECTION_S: Final = 10

_REACH: Final = {
    # Seconds, as all the times here but `tcp_user_timeout`, which is in milliseconds.
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "tocsin",
}
"""With these options a dead server, or a cut cable, is noticed within about ten seconds."""

MAX_PORT: Final = 65_535

_SESSION: Final = {
    "lock_timeout": "10s",
    "statement_timeout": "5min",
    # An export may wait for its reader.
    "idle_in_transaction_session_timeout": "10min",
    "timezone": "UTC",
    # Our statements are short: compiling them costs more than it saves.
    "jit": "off",
}

_WRITING: Final = {
    "statement_timeout": "60s",
    # A process that was stopped in the middle must not hold everybody's lock.
    "idle_in_transaction_session_timeout": "30s",
}

BEGIN_WRITE: Final = "SELECT " + ", ".join(f"set_config('{n}', '{v}', true)" for n, v in _WRITING.items())
BEGIN_WRITE_ALONE: Final = f"{BEGIN_WRITE}, pg_advisory_xact_lock({ALONE})"


class PostgresStore:
    """See `tocsin.store.port.Store`. `url` is for people: it has neither a password nor options.

    `durable` waits for the disk at each commit. Without it, a crash of the server may lose the last commits, never half of a
    commit. A store of an older schema is copied into the folder `copies` before it is migrated; None: it is not.
    """

    one_writer = False

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        durable: bool = True,
        copies: Path | None = None,
        silences: Silences = Silences(),  # noqa: B008  # frozen: nobody can change it
    ) -> None:
        """Raises `WrongInput` for a URL that makes no sense, and `StoreUnavailable` where the server cannot be used."""
        given = _given(url, password)
        self.url = _plainly(given)
        self._where = _where(given)
        self._copies = copies
        self._engine = create_engine(
            given,
            execution_options={"compiled_cache": COMPILED},
            pool_size=CONNECTIONS,
            max_overflow=MORE_CONNECTIONS,
            pool_timeout=WAIT_FOR_CONNECTION_S,
            pool_pre_ping=True,
            pool_use_lifo=True,
            hide_parameters=True,
        )
        _prepare(self._engine, _SESSION | {"synchronous_commit": "on" if durable else "off"}, silences)
        self._silences = silences
        self._reader = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._writer = self._engine.execution_options(isolation_level="READ COMMITTED")
        self._days = Days(self._writer)
        self._stagings: dict[tuple[str, ...], Staging] = {}
        self._lookups: dict[tuple[str, ...], KeyLookup] = {}
        try:
            self._look()
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(self._where), self._reader.connect() as conn:
            yield conn

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        with translated(self._where), self._writer.connect() as conn:
            try:
                conn.begin()
                may_be_silent(conn, self._silences.writing)
                conn.exec_driver_sql(BEGIN_WRITE_ALONE if alone else BEGIN_WRITE)
                yield conn
            except BaseException:
                _undo(conn)
                # A day may have been dropped meanwhile.
                self._days.forget()
                raise
            staged: dict[str, bool] | None = conn.info.get(STAGED)
            self._commit(conn)
            if staged:
                staged.update(dict.fromkeys(staged, False))

    def insert_new(self, conn: Connection, table: Table, rows: Rows, *, fresh: bool = False) -> int:
        if not rows:
            return 0
        self._days.ensure(table, rows)
        staging = self._staging(conn, table, rows)
        return staging.insert(conn, _by_key(table, rows), "ON CONFLICT DO NOTHING", fresh=fresh)

    def put(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str] | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        if not rows:
            return
        key = [column.name for column in table.primary_key]
        names = [name for name in (columns or rows[0].keys()) if name not in key]
        once = _once(table, rows, lambda first, next: {**first, **{name: next[name] for name in names}})
        changes = dict.fromkeys(names, "EXCLUDED.{0}")
        self._staging(conn, table, rows).insert(
            conn, once, self._on_conflict(table, key, changes), fresh=fresh
        )

    def add(
        self,
        conn: Connection,
        table: Table,
        rows: Rows,
        columns: Sequence[str],
        put: Sequence[str] = (),
        *,
        fresh: bool = False,
    ) -> None:
        if not rows:
            return
        key = [column.name for column in table.primary_key]
        once = _once(
            table,
            rows,
            lambda first, next: (
                first
                | {name: first[name] + next[name] for name in columns}
                | {name: next[name] for name in put}
            ),
        )
        changes = dict.fromkeys(columns, "{1}.{0} + EXCLUDED.{0}") | dict.fromkeys(put, "EXCLUDED.{0}")
        self._staging(conn, table, rows).insert(
            conn, once, self._on_conflict(table, key, changes), fresh=fresh
        )

    def fetch(
        self, conn: Connection, table: Table, keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        if not keys:
            return {}
        which = (table.name, *columns)
        lookup = self._lookups.get(which)
        if lookup is None:
            lookup = self._lookups[which] = KeyLookup(conn.dialect, table, columns)
        return lookup.find(conn, keys)

    def claim(
        self,
        conn: Connection,
        table: Table,
        where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]],
        limit: int,
        asked: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        statement = select(table).where(where).order_by(*order_by).limit(limit)
        return conn.execute(statement.with_for_update(skip_locked=True), asked).all()

    def migrate(self) -> None:
        """See `Store.migrate`. A store of an older schema is copied first (`tocsin.store.before_upgrade`)."""
        with self.read() as conn:
            older = upgrade.is_older(upgrade.version(conn))
        with self._alone_at_the_upgrade() if older and self._copies else nullcontext():
            if older and self._copies:
                self._keep_copy(self._copies)
            upgrade.migrate(self, self._where)

    @contextmanager
    def _alone_at_the_upgrade(self) -> Iterator[None]:
        # The lock has a connection of its own: a snapshot that is held would keep the migration from its tables.
        with self.read() as conn:
            take_your_time(conn)
            if not conn.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({UPGRADING})").scalar_one():
                raise StoreUnavailable(
                    f"another process copies the store {self._where} before its upgrade: try again when it is done"
                )
            yield

    def _keep_copy(self, folder: Path) -> None:
        from tocsin.store.postgres.before_upgrade import prefix_of, size_of, write_copy

        with self.read() as conn:
            present = upgrade.version(conn)
            # Another process may have migrated it meanwhile.
            if present is None or not upgrade.is_older(present):
                return
            copy = before_upgrade.keep_copy(
                folder,
                present.schema,
                lambda part: write_copy(conn, part, present.schema),
                store=self._where,
                size=size_of(conn),
                prefix=prefix_of(self._where),
            )
        back = f"tocsin restore {copy} into an empty database, with the version of before"
        before_upgrade.say(copy, present.schema, upgrade.SCHEMA, back)

    def backup(self, path: str) -> None:
        raise WrongInput(
            f"{path}: PostgreSQL has no copy in one file; tocsin backup reads it row by row: docs/data.md"
        )

    def close(self) -> None:
        self._engine.dispose()

    def _staging(self, conn: Connection, table: Table, rows: Rows) -> Staging:
        which = (table.name, *rows[0])
        staging = self._stagings.get(which)
        if staging is None:
            staging = self._stagings[which] = Staging(conn.dialect, table, list(rows[0]))
        return staging

    def _on_conflict(self, table: Table, key: Sequence[str], changes: dict[str, str]) -> str:
        quote = self._engine.dialect.identifier_preparer.quote
        target = ", ".join(quote(name) for name in key)
        if not changes:
            return f"ON CONFLICT ({target}) DO NOTHING"
        here = quote(table.name)
        sets = ", ".join(f"{quote(name)} = {how.format(quote(name), here)}" for name, how in changes.items())
        return f"ON CONFLICT ({target}) DO UPDATE SET {sets}"

    def _commit(self, conn: Connection) -> None:
        try:
            conn.commit()
        except exc.DBAPIError as error:
            conn.invalidate()
            found = after_commit(self._where, error.orig) if isinstance(error.orig, psycopg.Error) else None
            if found is None:
                raise
            raise found from error

    def _look(self) -> None:
        """Raise `WrongInput` where this server cannot be a store at all."""
        with self.read() as conn:
            version = int(conn.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
            encoding = conn.exec_driver_sql("SHOW server_encoding").scalar_one()
        if version < LEAST_VERSION:
            raise WrongInput(
                f"the store {self._where} is PostgreSQL {version}; {LEAST_VERSION} or later is needed"
            )
        if encoding != "UTF8":
            raise WrongInput(
                f"the database of the store {self._where} is encoded in {encoding}; make one with ENCODING 'UTF8'"
            )


def _given(url: str, password: str | None) -> URL:
    """The URL as the driver takes it. An error does not show the URL, which may hold a password."""
    # With a second @ the rest of the password would be taken for the server's name, which every message shows.
    if url.partition("://")[2].partition(":")[2].count("@") > 1:
        raise WrongInput(
            "the store's URL has a second @: write an @ of the password as %40, or give the password as store.password"
        )
    try:
        given = make_url(url)
        if password is not None:
            given = given.set(password=password)
        given = given.set(drivername=DRIVER)
        if not given.database:
            raise WrongInput("the store's URL names no database: postgresql://user@host:port/database")
        if given.port is not None and not 0 < given.port <= MAX_PORT:
            raise WrongInput(
                f"the store's URL has the port {given.port}: a port is a number from 1 to {MAX_PORT}"
            )
        if {"password", "options", "passfile"} & given.query.keys():
            raise WrongInput(
                "the store's URL has a password or options behind the ?: give store.password instead"
            )
        given = given.set(query=_REACH | dict(given.query))
        psycopg.conninfo.make_conninfo(**{name: str(value) for name, value in given.query.items()})
    except (exc.ArgumentError, ValueError):
        raise WrongInput(
            "the store's URL cannot be read: postgresql://user@host:port/database, the password as store.password"
        ) from None
    except psycopg.ProgrammingError as error:
        raise WrongInput(f"the store's URL has an option that PostgreSQL does not know: {error}") from None
    return given


def _where(url: URL) -> str:
    host = url.host or _option(url, "host") or "its local socket"
    port = url.port or _option(url, "port")
    return f"{url.database} at {host}{f':{port}' if port else ''}"


def _plainly(url: URL) -> str:
    """The URL as people write it: the user, the server and the database. Of the options behind the ? only host and port stay."""
    user = url.username or _option(url, "user") or None
    bare = URL.create("postgresql", user, None, url.host, url.port, url.database).render_as_string()
    place = [f"{name}={found}" for name in ("host", "port") if (found := _option(url, name))]
    return f"{bare}?{'&'.join(place)}" if place else bare


def _option(url: URL, name: str) -> str:
    """One option of libpq. Several values, as of several hosts, are joined by commas."""
    found = url.query.get(name, "")
    return found if isinstance(found, str) else ",".join(found)


def _prepare(engine: Engine, session: dict[str, str], silences: Silences) -> None:
    @event.listens_for(engine, "do_connect")
    def _reach(_dialect: object, _record: object, cargs: Sequence[Any], cparams: dict[str, Any]) -> Listening:
        return Listening.connect(*cargs, **cparams)

    @event.listens_for(engine, "checkout")
    def _taken(dbapi: Listening, _record: object, _proxy: object) -> None:
        dbapi.longest_s = silences.reading

    @event.listens_for(engine, "checkin")
    def _given_back(dbapi: Listening | None, _record: object) -> None:
        if dbapi is not None:
            dbapi.longest_s = silences.resting

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Listening, _record: object) -> None:
        dbapi.longest_s = silences.resting
        dbapi.adapters.register_loader("numeric", _Sum)
        dbapi.autocommit = True
        names = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in session.items())
        dbapi.execute(f"SELECT {names}".encode())
        dbapi.autocommit = False


class _Sum(Loader):
    """Loads a sum of whole numbers as a whole number, as on SQLite. PostgreSQL gives such a sum as NUMERIC, and we have no
    other NUMERIC.
    """

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


def _undo(conn: Connection) -> None:
    """Roll back. Where the connection is gone, the server does it. A temporary table made meanwhile is gone as well."""
    # A connection that is gone has no `info` any more.
    with suppress(exc.InvalidRequestError):
        conn.info.pop(STAGED, None)
    try:
        conn.rollback()
    except (exc.DBAPIError, psycopg.Error):
        with suppress(exc.InvalidRequestError):
            conn.invalidate()


def _by_key(table: Table, rows: Rows) -> Rows:
    """The rows in the order of the primary key. Rows of one key stay in the order given."""
    return rows if len(rows) == 1 else sorted(rows, key=_key_of(table))


def _once(table: Table, rows: Rows, join: Any) -> Rows:
    """One row for each key, in the order of the keys: PostgreSQL does not change a row twice in one statement. `join` makes
    one of two rows of the same key.
    """
    keys = list(map(_key_of(table), rows))
    found = dict(zip(keys, rows, strict=True))
    if len(found) < len(rows):
        found.clear()
        for at, row in zip(keys, rows, strict=True):
            found[at] = join(found[at], row) if at in found else row
    if len(found) == 1:
        return list(found.values())
    return [found[at] for at in sorted(found)]


def _key_of(table: Table) -> itemgetter[Any]:
    """The function that gives a row's key: a tuple, or the value alone where the key has one column."""
    return itemgetter(*[column.name for column in table.primary_key])
