"""A correction changes match, tallies and record; a model of corrections labels the next batch, and can be taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from ops.transfer.export import export
from processors.corrections import models
from processors.corrections.correct import correct
from processors.corrections.learning import count, learn_from_corrections
from processors.forgetting import erase_posts
from processors.monitors import CompiledMonitors, watched
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers
from processors.understand.brand import BrandModel
from tests.processors.batches import read_batch
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.port import Record

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BY: dict[str, Any] = {"now": NOON, "actor": "ana", "role": "community_manager"}


class Desk:
    """A store with two monitors, and mentions as the stream would bring them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.write() as conn:
            for name in ("Lumo", "Hizligo"):
                monitor = Monitor(
                    name=name, query=name.lower(), neutral_words=("war zone",), own_accounts=("@lumo",)
                )
                repository.save(conn, monitor, now=NOON, actor="test")
        self.writer = Writer(store, Understander(default_scorers()), 0.0)
        self.numbers = itertools.count()

    @property
    def monitors(self) -> CompiledMonitors:
        with self.store.read() as conn:
            return watched(conn)

    def id(self, name: str) -> str:
        return next(one.id for one in self.monitors.monitors if one.name == name)

    def hear(self, *texts: str) -> list[str]:
        ids = [f"m{next(self.numbers)}" for _ in texts]
        self.take(*map(_said, ids, texts))
        return ids

    def take(self, *said: Mention) -> None:
        now = self.monitors
        batch = read_batch([Record("mentions", 0, 0, encode_mentions(said), NOON)], now.matcher, 0.0)
        prepared = self.writer.understand(batch, brands=now.brands)
        with self.store.write() as conn:
            self.writer.write(conn, prepared, NOON)

    def label(self, id: str, name: str = "Lumo") -> tuple[str, str | None]:
        t = s.matches.c
        with self.store.read() as conn:
            where = (t.id == id, t.monitor_id == self.id(name))
            return tuple(conn.execute(select(t.label, t.scored_by).where(*where)).one())  # type: ignore[return-value]

    def correct(self, id: str, label: str, name: str = "Lumo") -> str:
        with self.store.write() as conn:
            return correct(self.store, conn, self.id(name), ("forum", id), label, **BY)

    def tallies(self) -> list[bytes]:
        with self.store.read() as conn:
            return list(export(conn, "tallies"))


def _said(id: str, text: str) -> Mention:
    return Mention("forum", id, text, NOON + timedelta(seconds=int(id[1:])), lang="en")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = store_at(tmp_path / "store.db")
    yield Desk(store)
    store.close()


def test_of_a_post_that_names_two_brands_each_monitor_has_its_own_label(desk: Desk) -> None:
    (both,) = desk.hear(
        "Lumo is wonderful, I love it! Hizligo is the worst, terrible, awful, disgusting liars"
    )
    assert desk.label(both) == ("positive", "part")
    assert desk.label(both, "Hizligo")[0] == "negative"
    with desk.store.read() as conn:
        (line,) = export(conn, "mentions")
    assert b'"toward":{"Lumo":["positive","part"]}' in line


def test_a_correction_changes_the_match_the_tallies_and_the_record_and_no_other_monitor(desk: Desk) -> None:
    bad, _ = desk.hear("Lumo is the worst, terrible", "Hizligo and Lumo are the worst")
    assert desk.label(bad) == ("negative", None)
    before = desk.tallies()
    assert desk.correct(bad, "positive") == "negative"
    assert desk.label(bad) == ("positive", "person")
    assert any(b'"negative":1,' in line and b'"positive":1' in line for line in desk.tallies())
    assert desk.correct(bad, "negative") == "positive"
    assert desk.tallies() == before
    with desk.store.read() as conn:
        assert conn.execute(select(s.corrections.c.was, s.corrections.c.label)).all() == [
            ("negative", "negative")
        ]
        assert conn.execute(select(s.mentions.c.model).where(s.mentions.c.id == bad)).scalar_one() == "person"
        entries = conn.execute(select(s.audit.c.action, s.audit.c.actor).order_by(s.audit.c.seq)).all()
        assert entries[-2:] == [("mention.corrected", "ana")] * 2
        assert audit.verify(conn).broken_at is None
    with pytest.raises(NotFound):
        desk.correct("gone", "negative")
    with pytest.raises(WrongInput):
        desk.correct(bad, "unscored")


@pytest.mark.slow("takes in many mentions")
def test_a_model_of_corrections_labels_the_next_batch_and_is_taken_back_in_one_step(desk: Desk) -> None:
    texts = [f"Lumo sick beats drop number {number}, insane and brutal" for number in range(8)]
    ids = desk.hear(*texts, "Lumo was late and the staff was rude", "Lumo arrived on Tuesday at nine")
    corrected = [id for id in ids[:8] if desk.label(id)[0] != "positive"] + ids[:8]
    for id in corrected:
        desk.correct(id, "positive")
    monitor = next(one for one in desk.monitors.monitors if one.name == "Lumo")
    version, figures = learn_from_corrections(desk.store, monitor, **BY)
    assert version == 1 and figures["corrections"] == 8
    assert figures["right_after"] > figures["right_before"]
    rude, fresh = desk.hear("Lumo staff was rude, awful", "Lumo sick beats again, insane and brutal")
    assert desk.label(fresh) == ("positive", "brand-1")
    assert desk.label(rude)[0] == "negative"
    with desk.store.write() as conn:
        models.use(conn, monitor.id, 0, **BY)
    (later,) = desk.hear("Lumo sick beats once more, insane and brutal")
    assert desk.label(later)[0] != "positive"
    assert desk.label(fresh) == ("positive", "brand-1")
    with desk.store.read() as conn:
        (kept,) = models.versions(conn, monitor.id)
        assert (kept["version"], kept["active"], kept["figures"]) == (1, False, figures)
        assert count(conn, monitor.id) == 8
    with pytest.raises(NotFound), desk.store.write() as conn:
        models.use(conn, monitor.id, 7, **BY)


def test_a_version_knows_what_was_in_use_when_it_was_learnt_and_an_equal_one_is_no_other(desk: Desk) -> None:
    def learnt(bias: float) -> int:
        with desk.store.write() as conn:
            return models.keep(conn, "m_lumo", BrandModel(0, (bias, 0.0, 0.0)), {"corrections": 5}, **BY)

    def use(version: int) -> None:
        with desk.store.write() as conn:
            models.use(conn, "m_lumo", version, **BY)

    assert [learnt(0.1), learnt(0.2), learnt(0.2)] == [1, 2, 2]
    use(0)
    assert learnt(0.3) == 3
    use(1)
    with desk.store.read() as conn:
        kept = models.versions(conn, "m_lumo")
    # The third was learnt while the common model alone was in use: the second had been rolled back.
    assert [(one["version"], one["instead_of"], one["active"]) for one in kept] == [
        (3, 0, False),
        (2, 1, False),
        (1, 0, True),
    ]
    assert all(one["figures"] == {"corrections": 5} for one in kept)


def test_posts_of_the_brands_own_accounts_teach_nothing(desk: Desk) -> None:
    ours = [
        replace(_said(f"m{n}", f"Lumo says sorry, number {n}"), author=Author(id="us", handle="lumo"))
        for n in range(90, 96)
    ]
    desk.take(*ours)
    for one in ours:
        desk.correct(one.id, "positive")
    monitor = next(one for one in desk.monitors.monitors if one.name == "Lumo")
    with pytest.raises(WrongInput, match="0 can be learnt from"):
        learn_from_corrections(desk.store, monitor, **BY)
    theirs = desk.hear(*(f"Lumo is what it is, number {n}" for n in range(5)), "Lumo came on Tuesday")
    for id in theirs[:5]:
        desk.correct(id, "positive")
    _, figures = learn_from_corrections(desk.store, monitor, **BY)
    assert (figures["corrections"], figures["others"]) == (5, 1)


def test_too_few_corrections_teach_nothing_and_change_nothing(desk: Desk) -> None:
    (one,) = desk.hear("Lumo is fine")
    desk.correct(one, "neutral")
    monitor = next(one for one in desk.monitors.monitors if one.name == "Lumo")
    with pytest.raises(WrongInput, match="at least"):
        learn_from_corrections(desk.store, monitor, **BY)
    assert all(brand.model is None for brand in desk.monitors.brands.values())


def test_an_edit_is_a_text_that_nobody_corrected_and_what_was_erased_is_not_corrected(desk: Desk) -> None:
    ids = desk.hear(*(f"Lumo is terrible, number {number}" for number in range(5)))
    for id in ids:
        desk.correct(id, "positive")
    edited = replace(_said(ids[0], "Lumo is awful after all"), edited_at=NOON + timedelta(minutes=1))
    desk.take(edited)
    assert desk.label(ids[0]) == ("negative", None)
    monitor = next(one for one in desk.monitors.monitors if one.name == "Lumo")
    with pytest.raises(WrongInput, match="at least 5 corrections are needed, and 4 can be learnt from"):
        learn_from_corrections(desk.store, monitor, **BY)
    with desk.store.write() as conn:
        erase_posts(conn, conn.execute(select(s.mentions).where(s.mentions.c.id == ids[1])).all())
    with pytest.raises(NotFound, match="is kept"):
        desk.correct(ids[1], "negative")
    with desk.store.read() as conn:
        assert ids[1] not in conn.execute(select(s.corrections.c.id)).scalars().all()
