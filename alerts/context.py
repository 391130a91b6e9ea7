"""What decisions need besides the transaction and the time: the store's claims, the links' base, and a
directory kept warm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from alerts.directory import Directory
from tocsin.store.port import Store

LOCAL_URL = "http://127.0.0.1:8085"
"""Where the page is while nobody has set `api.public_url`: links work on this machine only."""


@dataclass(slots=True)
class Context:
    """One per worker (or replay); not shared between threads."""

    store: Store
    public_url: str | None = None
    _directory: Directory = field(default_factory=Directory)

    @property
    def base_url(self) -> str:
        """Where links begin, without a slash at the end."""
        return (self.public_url or LOCAL_URL).rstrip("/")

    def directory(self, conn: Connection) -> Directory:
        """People and policies as they are in this transaction."""
        self._directory = self._directory.fresh(conn)
        return self._directory
