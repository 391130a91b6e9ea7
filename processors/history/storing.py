"""Storing of history, also beside live processors: each mention counts once, and what was heard before wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import Batch, Key, MentionVersion
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers, mention_facets
from processors.understand.language import mention_language
from tocsin.core.errors import Fenced
from tocsin.core.mention import Mention
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.revision import revised

TRIES: Final = 20
"""Times that a piece is tried again because a live processor stored one of its mentions in between."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of some mentions: `stored` are new and match a monitor, `known` were there, `unmatched` match nothing."""

    stored: int
    known: int
    unmatched: int


class HistoryWriter:
    """The writer of one import, which owns its partition."""

    def __init__(self, store: Store, partition: int) -> None:
        self._store, self._partition = store, partition
        self._writer = Writer(store, Understander(default_scorers()), 0.0)
        self._watched: CompiledMonitors | None = None

    def take(
        self, mentions: Sequence[Mention], now: datetime, note: Callable[[Connection, Became], None]
    ) -> Became:
        """Store the mentions in one transaction, with what `note` writes into it. Raises `Fenced` where a live processor stores
        the same mentions at every try.
        """
        for _ in range(TRIES - 1):
            try:
                return self._try(mentions, now, note)
            except (Fenced, IntegrityError):
                continue
        return self._try(mentions, now, note)

    def would_take(self, mentions: Sequence[Mention]) -> Became:
        """What `take` would do with the mentions. Stores nothing."""
        news, known = self._news(mentions)
        keys = {one.key for one in news}
        stored = {one.key for one in self._matched(news) if one.monitors}
        return Became(len(stored), known + len(news) - len(keys), len(keys) - len(stored))

    def _try(
        self, mentions: Sequence[Mention], now: datetime, note: Callable[[Connection, Became], None]
    ) -> Became:
        news, known = self._news(mentions)
        versions = [one for one in self._matched(news) if one.monitors]
        batch = Batch(mentions=len(news), versions=versions)
        assert self._watched is not None
        prepared = self._writer.understand(batch, brands=self._watched.brands)
        with self._store.write() as conn:
            # A processor may have stored one of them since; `write` itself looks at the new ones.
            if self._seen(conn, prepared.plan.replaced) != {
                key: (prepared.known[key].rank) for key in prepared.plan.replaced
            }:
                raise Fenced("somebody else has changed one of these mentions")
            outcome = self._writer.write(conn, prepared, now)
            again = len(versions) - outcome.stored
            revised(conn)
            taken = Became(outcome.stored, known + again, len(news) - len(versions))
            note(conn, taken)
        return taken

    def _news(self, mentions: Sequence[Mention]) -> tuple[list[Mention], int]:
        """The mentions that may bring something new, and how many are known. Only an edit that says when it was made may change
        what was heard.
        """
        with self._store.read() as conn:
            self._watched = watched(conn, self._watched)
            known = self._seen(conn, {one.key for one in mentions})
        news = [one for one in mentions if one.key not in known or one.edited_at is not None]
        return news, len(mentions) - len(news)

    def _matched(self, mentions: Sequence[Mention]) -> list[MentionVersion]:
        assert self._watched is not None
        found = self._watched.matcher.match_many(list(mentions), mention_language, mention_facets)
        return [
            MentionVersion(mention, self._partition, monitors)
            for mention, monitors in zip(mentions, found, strict=True)
        ]

    def _seen(
        self, conn: Connection, keys: Sequence[Key] | set[Key] | dict[Key, datetime]
    ) -> dict[Key, tuple[datetime, str]]:
        found = self._store.fetch(conn, s.seen, set(keys), ["rank_at", "hash"])
        return {(source, id): (rank_at, hash) for (source, id), (rank_at, hash) in found.items()}
