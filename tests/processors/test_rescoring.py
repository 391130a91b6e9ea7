"""Stored mentions are understood anew after a change of the models: all of them, once, from where the walk stood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ops.transfer.export import export
from processors import rescoring
from processors.rescoring import KEY, Rescorer, models_in_use
from processors.storing.plan import Said
from processors.storing.writer import Writer
from tests.processors.corrections.test_corrections import NOON, Desk
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.clock import SimulatedClock
from tocsin.core.facets import FACETS
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.port import Store

TEXTS = [
    "Lumo is the worst, terrible",
    "Lumo is wonderful, I love it! Hizligo is the worst, terrible, awful, disgusting liars",
    "When does the Lumo shop open on Sunday?",
    "Lumo arrived on Tuesday at nine",
    "Hizligo strike, the union walks out, unpaid wages",
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = store_at(tmp_path / "store.db")
    yield Desk(store)
    store.close()


def exports(store: Store) -> list[list[bytes]]:
    with store.read() as conn:
        return [list(export(conn, kind)) for kind in ("mentions", "tallies")]


def as_older_code_left_it(store: Store) -> None:
    """Every mention unscored and without facets or a gist, in the tallies too."""
    nothing = dict.fromkeys(FACETS)
    with store.write() as conn:
        unscored = {"label": "unscored", "score_e4": 0, "confidence_e4": 0, "model": None}
        conn.execute(update(s.mentions).values(**unscored, **nothing))
        conn.execute(update(s.matches).values(label="unscored", scored_by=None, gist=None, **nothing))
        counts = {"negative": 0, "neutral": 0, "positive": 0, "unscored": s.tallies.c.count}
        conn.execute(update(s.tallies).values(**counts))
        conn.execute(s.tally_parts.delete().where(s.tally_parts.c.dimension.in_(FACETS)))
        conn.execute(update(s.tally_parts).values(negative=0))


def test_older_rows_become_what_a_new_store_would_hold_a_piece_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.hear(*TEXTS)
    new = exports(desk.store)
    as_older_code_left_it(desk.store)
    assert exports(desk.store) != new
    monkeypatch.setattr(rescoring, "PIECE", 2)
    clock = SimulatedClock(NOON + timedelta(hours=1))
    assert Rescorer(desk.store, clock).once() == 2
    with desk.store.read() as conn:
        assert '"looked_at":2' in (meta.get(conn, KEY) or "")
    # Another process goes on where the first one stood, and says how far it is.
    second = Rescorer(desk.store, clock)
    assert second.step() == rescoring.BETWEEN_S
    assert [second.once() for _ in range(2)] == [1, 0]
    with desk.store.read() as conn:
        told = conn.execute(select(s.health.c.detail).where(s.health.c.component == KEY)).scalar_one()
    assert (told["looked_at"], told["finished"]) == (4, False) and told["changed"] > 0
    assert exports(desk.store) == new
    assert Rescorer(desk.store, clock).once() == 0


def test_a_post_that_older_code_took_for_another_language_gets_its_own(desk: Desk) -> None:
    desk.hear("Lumo is terrible: I do not know what they have done with my order, and nobody will tell me")
    new = exports(desk.store)
    assert b'"lang":"en"' in new[0][0]
    with desk.store.write() as conn:
        conn.execute(update(s.mentions).values(lang="tr", label="neutral", score_e4=0, model="older"))
        conn.execute(update(s.matches).values(lang="tr", label="neutral"))
        conn.execute(update(s.tallies).values(negative=0, neutral=1))
        parts = s.tally_parts
        conn.execute(update(parts).values(negative=0))
        conn.execute(update(parts).where(parts.c.dimension == "lang").values(value="tr"))
    rescorer = Rescorer(desk.store, SimulatedClock(NOON + timedelta(hours=1)))
    assert [rescorer.once() for _ in range(2)] == [1, 0]
    assert exports(desk.store) == new


def test_what_a_person_said_stays_and_an_erased_post_is_not_read(desk: Desk) -> None:
    corrected, erased, _ = desk.hear("Lumo is the worst, terrible", "Lumo is awful", "Lumo is wonderful")
    desk.correct(corrected, "positive")
    with desk.store.write() as conn:
        gone = s.mentions.c.id == erased
        conn.execute(update(s.mentions).where(gone).values(text="", words=""))
    before = exports(desk.store)
    Rescorer(desk.store, SimulatedClock(NOON)).once()
    assert exports(desk.store) == before
    assert desk.label(corrected) == ("positive", "person")


def test_another_set_of_models_begins_the_walk_anew(desk: Desk) -> None:
    desk.hear(*TEXTS)
    clock = SimulatedClock(NOON)
    assert Rescorer(desk.store, clock).once() == len(TEXTS)
    with desk.store.write() as conn:
        noted = meta.get(conn, KEY) or ""
        meta.put(conn, KEY, noted.replace(models_in_use(), "0" * 16))
    assert Rescorer(desk.store, clock).once() == len(TEXTS)
    assert Rescorer(desk.store, clock).once() == 0


def test_another_model_of_second_opinions_makes_nobody_read_all_mentions_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = models_in_use(), tmp_path / "models"
    folder.mkdir()
    for card in rescoring.FOLDER.glob("*.json"):
        (folder / card.name).write_bytes(card.read_bytes())
    monkeypatch.setattr(rescoring, "FOLDER", folder)
    for name, same in (("deep", True), ("sentiment-nl", False)):
        card = folder / f"{name}.json"
        card.write_text(json.dumps(json.loads(card.read_text()) | {"model": "another"}))
        assert (models_in_use() == before) is same, name


def test_a_label_that_a_person_gives_while_a_piece_is_understood_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = desk.hear("Lumo is the worst, terrible")
    as_older_code_left_it(desk.store)
    score = Writer.score

    def meanwhile(*asked: Any) -> Said:
        desk.correct(bad, "positive")
        return score(*asked)

    monkeypatch.setattr(Writer, "score", meanwhile)
    assert Rescorer(desk.store, SimulatedClock(NOON)).once() == 1
    assert desk.label(bad) == ("positive", "person")
    with desk.store.read() as conn:
        told = conn.execute(select(s.mentions.c.label, s.mentions.c.model)).one()
    assert told == ("positive", "person")
