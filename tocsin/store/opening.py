"""Opening a store: from a URL to the engine that the URL names. A process loads the engine that it uses and no other."""

from __future__ import annotations

from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.store.before_upgrade import FOLDER
from tocsin.store.port import Store

KNOWN = "sqlite, postgresql://user@host:port/database"


def open_store(
    url: str,
    data: Path,
    *,
    durable: bool = True,
    password: str | None = None,
    copy_first: bool = True,
    copies: Path | None = None,
) -> Store:
    """The store at `url`, migrated to this version's schema. The URL `sqlite` means the file `store.db` in the folder `data`.

    `password` is the password of the server's role, where the URL has none. A store of an older schema is copied before it is
    migrated, unless `copy_first` is False: an embedded one beside itself, PostgreSQL into the folder `copies`; None stands for
    one in `data`. Raises `StoreUnavailable` where the store cannot be used, and `WrongInput` where the URL names none of the
    engines.
    """
    if url == "sqlite":
        from tocsin.store.sqlite.engine import SqliteStore

        return _migrated(SqliteStore(data / "store.db", durable=durable, copy_first=copy_first))
    if url.startswith("postgresql://"):
        from tocsin.store.postgres.engine import PostgresStore

        kept = (copies or data / FOLDER) if copy_first else None
        return _migrated(PostgresStore(url, password=password, durable=durable, copies=kept))
    raise WrongInput(f"unknown store {url.split('://')[0]!r}; known: {KNOWN}")


def _migrated(store: Store) -> Store:
    try:
        store.migrate()
    # A caller that tries again must not gather open connections.
    except BaseException:
        store.close()
        raise
    return store
