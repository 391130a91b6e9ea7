"""The facets of texts: what is said of plain sentences in four languages, and what a model's file must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processors.understand.artefacts import FOLDER
from processors.understand.facets import COLUMNS, load_facets, shipped_facets
from processors.understand.linear import LinearScorer
from tocsin.core.errors import TocsinError
from tocsin.core.facets import NO_FACETS, Facets, common, counted, pairs


def told(language: str, text: str) -> set[tuple[str, str]]:
    ((_, facets),) = LinearScorer(language).read([text])
    return set(pairs(facets))


@pytest.mark.parametrize(
    ("language", "text", "facet", "value"),
    [
        ("en", "What time does the shop open on Sunday?", "intent", "question"),
        ("en", "I am so angry, furious, how dare they", "emotion", "anger"),
        ("en", "The app is down again, outage for hours", "crisis", "outage"),
        ("tr", "faturamı nereden indirebilirim acaba?", "intent", "question"),
        ("tr", "sinir oldum artık, bıktım bu rezaletten", "emotion", "anger"),
        ("tr", "boykot ediyoruz, bunlardan bir şey almayın", "crisis", "boycott"),
        ("nl", "Hoe laat gaat de winkel op zondag open?", "intent", "question"),
        ("nl", "ik ben woedend, wat een schande, schandalig", "emotion", "anger"),
        ("nl", "staking bij de vakbond, het personeel gaat staken", "crisis", "labour"),
        ("ro", "De unde pot descărca factura?", "intent", "question"),
        ("ro", "sunt furios, m-am săturat, ce bătaie de joc", "emotion", "anger"),
        ("ro", "boicotați firma asta, nu mai cumpărați nimic", "crisis", "boycott"),
        ("tr", "Maaşlarımız üç aydır yatmıyor", "crisis", "labour"),
        ("tr", "tekerlekli sandalyeyle içeri almadılar", "crisis", "discrimination"),
        ("nl", "iemand heeft mijn account overgenomen en van alles besteld", "crisis", "data"),
        ("nl", "geweigerd met mijn rolstoel", "crisis", "discrimination"),
        ("ro", "nu ne-au mai platit salariile de doua luni", "crisis", "labour"),
        ("ro", "fabrica arunca otrava in rau si mor pestii", "crisis", "environment"),
    ],
)
def test_plain_sentences_are_read_as_people_would(language: str, text: str, facet: str, value: str) -> None:
    assert (facet, value) in told(language, text)


@pytest.mark.parametrize("language", ("en", "nl", "ro", "tr"))
def test_nothing_is_said_of_a_text_that_says_nothing(language: str) -> None:
    assert not any(told(language, text) for text in ("", "17:30", "😀", "ok", "https://example.com/shop"))


def test_a_language_without_a_model_has_no_facets() -> None:
    assert shipped_facets("de") is None


def test_a_model_that_is_damaged_or_of_other_columns_is_refused(tmp_path: Path) -> None:
    model = shipped_facets("nl")
    assert model is not None
    path = tmp_path / "facets-nl.npz"
    replace(model, weights=np.zeros((4, len(COLUMNS)), dtype=np.int8)).save(path)
    with pytest.raises(TocsinError, match="other columns"):
        load_facets(path)
    path.write_bytes((FOLDER / "facets-nl.npz").read_bytes()[:1000])
    with pytest.raises(TocsinError, match="cannot be read"):
        load_facets(path)
    with pytest.raises(TocsinError, match="checksum"):
        load_facets(FOLDER / "facets-nl.npz", "0" * 64)


def test_facets_are_counted_by_value_and_only_common_ones_are_worth_a_word() -> None:
    angry = Facets(intent=("complaint",), emotion=("anger", "fear"))
    found = counted([(angry, 3), (Facets(emotion=("fear",)), 2), (NO_FACETS, 95)])
    assert found == {"intent": {"complaint": 3}, "emotion": {"fear": 5, "anger": 3}}
    assert common(found["emotion"], 100) == [("fear", 0.05)]
    assert common({}, 0) == common({"fear": 1}, 0) == []
