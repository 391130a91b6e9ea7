"""The store: port, tables and engines. `open_store(url)` makes one."""

from __future__ import annotations

from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.store.port import Store

__all__ = ["Store", "open_store"]


def open_store(url: str, data: Path, *, durable: bool = True) -> Store:
    """The store at `url`: `sqlite` is `store.db` in the folder `data`. It is brought up to this version's schema.

    Raises `StoreUnavailable` where it cannot be used and `WrongInput` where the URL names none of the engines.
    """
    if url == "sqlite":
        from tocsin.store.sqlite import SqliteStore

        store = SqliteStore(data / "store.db", durable=durable)
        store.migrate()
        return store
    raise WrongInput(f"unknown store {url.split('://')[0]!r}; known: sqlite")
