"""A turn: one transaction for decisions about alerts, and everything that a decision may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from alerts.actor import ENGINE, Actor
from alerts.deferred import Deferred
from alerts.directory import Directory
from tocsin.store.port import Store

T = TypeVar("T")


@dataclass(slots=True)
class Turns:
    """Makes turns on one store, and keeps the directory warm between them. One per worker, replay or request; not shared
    between threads.
    """

    store: Store
    base_url: str
    """Where links begin, without a slash at the end: `tocsin.access.links.page_address`."""

    deferred: Deferred | None = None
    """The stories that this worker has deferred. None: a story that cannot be handled is an error, as in a replay."""

    _directory: Directory = field(default_factory=Directory)

    def begin(self, conn: Connection, now: datetime, actor: Actor = ENGINE) -> Turn:
        """A turn in the caller's transaction, at `now`, by `actor`."""
        return Turn(conn, now, actor, self)

    def directory(self, conn: Connection) -> Directory:
        """People and policies as they are in this transaction."""
        self._directory = self._directory.fresh(conn)
        return self._directory


@dataclass(frozen=True, slots=True)
class Turn:
    """The transaction, the time, and who decides: a person, or the engine."""

    conn: Connection
    now: datetime
    actor: Actor
    _turns: Turns
    _behind: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        return self._turns.store

    @property
    def base_url(self) -> str:
        """Where links begin, without a slash at the end."""
        return self._turns.base_url

    @property
    def directory(self) -> Directory:
        """People and policies as they are in this transaction."""
        return self._turns.directory(self.conn)

    def attempt(self, story: str, work: Callable[[], T]) -> T | None:
        """The result of `work` for this story; None: it failed, and the story is deferred (`alerts.deferred`)."""
        deferred = self._turns.deferred
        return work() if deferred is None else deferred.attempt(self.conn, story, self.now, work)

    @property
    def passed_over(self) -> list[str]:
        """The stories that are deferred at the turn's time, or left as they are in it."""
        deferred = self._turns.deferred
        return [*self._behind, *(() if deferred is None else deferred.waiting(self.now))]

    def leaving(self, stories: Iterable[str]) -> Turn:
        """The same turn, which leaves these stories as they are."""
        return replace(self, _behind=(*self._behind, *stories))

    def by(self, actor: Actor) -> Turn:
        """The same turn by another actor."""
        return replace(self, actor=actor)
