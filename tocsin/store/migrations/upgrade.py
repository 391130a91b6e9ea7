"""The version of a store's schema: which one the store has, whether this code may use it, and the migration to this code's.

Two numbers in `meta` describe a store. `schema` is the last migration taken. `schema_reads` is the oldest schema whose code
still works with the store. Code of schema N uses a store of a later schema as long as its `schema_reads` is at most N, and
refuses it otherwise. Code of schema N migrates a store of an older schema. The migrations are Alembic's, in
`tocsin/store/migrations/versions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, select

from tocsin.core.errors import WrongInput
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.unhurried import take_your_time

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA: Final = 25
"""The schema that this code is written for: the newest migration in `tocsin/store/migrations/versions`."""

_SCRIPTS: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The two numbers of a store: its schema, and the oldest schema whose code works with it."""

    schema: int
    reads: int


def migrate(
    store: Store,
    where: str,
    *,
    to: int = SCHEMA,
    migrations: Path | None = None,
    before: Callable[[SchemaVersion], None] = lambda _present: None,
) -> None:
    """Bring the store up to schema `to`, in one transaction. Several processes may call this at once; one of them migrates.

    `where` names the store in errors. `migrations` is a folder of further migrations. `before` is called before a store that
    holds something is changed, while nobody else writes; its error leaves the store as it is. Raises `WrongInput` where the store
    is of a later schema that this code cannot use, or where the database holds other tables of the same names.
    """
    with store.read() as conn:
        if _is_fit(version(conn), where, to):
            return
    # Nobody else migrates meanwhile.
    with store.write() as conn:
        present = version(conn)
        if not _is_fit(present, where, to):
            if present is not None:
                before(present)
            _upgrade(conn, present, where, to, migrations)


def version(conn: Connection) -> SchemaVersion | None:
    """The two numbers of the store; None for an empty database. Raises `WrongInput` where one of them is no number."""
    if not inspect(conn).has_table(s.meta.name):
        return None
    rows = conn.execute(select(s.meta).where(s.meta.c.key.in_(("schema", "schema_reads"))))
    said = {row.key: row.value for row in rows}
    if "schema" not in said:
        return None
    try:
        schema = int(said["schema"])
        return SchemaVersion(schema, int(said.get("schema_reads", schema)))
    except ValueError:
        raise WrongInput(f"the store says that its schema is {said['schema']!r}: that is no number") from None


def is_older(present: SchemaVersion | None, than: int = SCHEMA) -> bool:
    """Whether a store that holds something needs a migration."""
    return present is not None and present.schema < than


def _is_fit(present: SchemaVersion | None, where: str, ours: int) -> bool:
    """Whether this code can use the store as it is; False where the store has to be migrated first. Raises `WrongInput` where
    only later code can use it.
    """
    if present is None or present.schema < ours:
        return False
    if present.reads > ours:
        raise WrongInput(
            f"the store {where} has schema {present.schema}, which needs a Tocsin that knows schema {present.reads} or later;"
            f" this one knows {ours}: install the newer version"
        )
    return True


def _upgrade(
    conn: Connection, present: SchemaVersion | None, where: str, to: int, migrations: Path | None
) -> None:
    # Alembic is imported here because it costs a fifth of a second, and most starts have nothing to migrate.
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(conn, migrations)
    # An index over all stored mentions takes longer than a minute.
    take_your_time(conn)
    if present is None:
        _refuse_strangers(conn, where)
    elif not inspect(conn).has_table("alembic_version"):
        # The store is older than the first migration.
        command.stamp(config, _revision(present.schema))
    command.upgrade(config, _revision(to))
    last = ScriptDirectory.from_config(config).get_revision(_revision(to))
    meta.put(conn, "schema", str(to))
    meta.put(conn, "schema_reads", str(last.module.READS))


def _config(conn: Connection, migrations: Path | None) -> Config:
    from alembic.config import Config

    folders = [_SCRIPTS / "versions", *([migrations] if migrations else [])]
    config = Config(attributes={"connection": conn})
    config.set_main_option("script_location", _escaped(_SCRIPTS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(_escaped, folders)))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _revision(schema: int) -> str:
    return f"{schema:04d}"


def _refuse_strangers(conn: Connection, where: str) -> None:
    there = sorted(set(inspect(conn).get_table_names()) & set(s.metadata.tables))
    if there:
        raise WrongInput(
            f"{where} holds tables that are not Tocsin's ({', '.join(there[:3])}): give it an empty database"
        )
