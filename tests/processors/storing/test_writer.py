"""Texts are understood before the transaction: those that the store does not have yet, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from processors.match import Matcher
from processors.monitors import watched
from processors.storing.batch import Batch
from processors.storing.writer import Writer
from processors.understand import Understander
from processors.understand.brand import Nudge
from processors.understand.sentiment import Sentiment
from tests.processors.batches import read_batch
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.facets import NO_FACETS, Facets
from tocsin.core.mention import Mention, encode_mentions
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Record

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Asked:
    """A scorer that calls everything positive and keeps the texts that it was asked about."""

    languages = frozenset({"en"})
    model = "asked-1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def score(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        self.texts += texts
        return [Sentiment("positive", 5_000, 5_000, self.model) for _ in texts]

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        return [(one, NO_FACETS) for one in self.score(texts)]


class CountsReads:
    """A store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0

    def read(self) -> AbstractContextManager[Connection]:
        self.reads += 1
        return self._store.read()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Desk:
    """A store that watches Brightwater, and a writer beside it."""

    def __init__(self, folder: Path) -> None:
        self.store = CountsReads(store_at(folder / "store.db"))
        with self.store.write() as conn:
            repository.save(conn, Monitor(name="Brightwater", query="brightwater"), now=NOON, actor="test")
            self.matcher: Matcher = watched(conn).matcher
        self.scorer = Asked()
        self.writer = Writer(cast(Store, self.store), Understander([self.scorer]), sample_rate=0.0)

    def batch(self, *mentions: Mention) -> Batch:
        return read_batch([Record(MENTIONS, 0, 0, encode_mentions(list(mentions)), NOON)], self.matcher, 0.0)

    def keep(self, *mentions: Mention) -> None:
        prepared = self.writer.understand(self.batch(*mentions))
        with self.store.write() as conn:
            self.writer.write(conn, prepared, NOON)
        self.scorer.texts.clear()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def said(id: str, text: str, **other: Any) -> Mention:
    return Mention(source="forum", id=id, text=text, lang="en", **{"created_at": NOON, **other})


def test_where_nothing_came_the_store_is_not_read(desk: Desk) -> None:
    desk.store.reads = 0
    assert desk.writer.score_news([]) == {} and desk.store.reads == 0


def test_what_is_stored_is_not_understood_again(desk: Desk) -> None:
    desk.keep(said("1", "brightwater is one"))
    batch = desk.batch(said("1", "brightwater is one"), said("2", "brightwater is two"))
    desk.store.reads = 0
    news = desk.writer.score_news(batch.versions)
    assert [id for (_, id), _ in news] == ["2"] and desk.store.reads == 1
    assert desk.scorer.texts == ["brightwater is two"]


def test_what_came_twice_is_understood_once(desk: Desk) -> None:
    batch = desk.batch(said("1", "brightwater is one"), said("1", "brightwater is one"))
    assert len(batch.versions) == 2
    assert len(desk.writer.score_news(batch.versions)) == 1 and desk.scorer.texts == ["brightwater is one"]


def test_an_edit_is_understood_and_one_that_matches_nothing_any_more_is_not(desk: Desk) -> None:
    desk.keep(said("1", "brightwater is one"), said("2", "brightwater is two"))
    later = NOON + timedelta(minutes=1)
    edits = desk.batch(
        said("1", "brightwater is better", edited_at=later), said("2", "wrong company", edited_at=later)
    )
    assert len(edits.versions) == 2
    news = desk.writer.score_news(edits.versions)
    assert [one.label for one in news.values()] == ["positive"]
    assert desk.scorer.texts == ["brightwater is better"]


def test_a_batch_is_stored_from_scores_that_were_made_before_without_asking_a_scorer_again(
    desk: Desk,
) -> None:
    batch = desk.batch(said("1", "brightwater is one"))
    news = desk.writer.score_news(batch.versions)
    desk.scorer.texts.clear()
    prepared = desk.writer.understand(batch, news)
    assert desk.scorer.texts == [] and [row["label"] for row in prepared.rows.mentions] == ["positive"]
