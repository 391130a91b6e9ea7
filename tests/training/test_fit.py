"""The same data gives the same bytes, and a scorer adds up what its model was fitted on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processors.understand.artefacts import FOLDER, write_arrays
from processors.understand.facets import BUCKETS, COLUMNS
from processors.understand.features import Reader
from processors.understand.lexicon import lexicon_of
from processors.understand.linear import Sums, shipped
from processors.understand.sentiment import LABELS
from tocsin.core.facets import FACETS
from training import data
from training.__main__ import main
from training.corpus import LANGUAGES
from training.data import FURTHER, OTHER_TALK, SOURCES, TAUGHT, Example, examples, is_held_out, other_talk
from training.facets import (
    OF_MANY,
    WRITTEN_FOR,
    commonness,
    facet_examples,
    fit_facets,
    folded,
    hints,
    threshold,
)
from training.fit import OF_STRANGERS, SCALED, SHIFTS, Lent, fit, version_of
from training.matrix import features
from training.short import written

TEXTS = [
    "",
    "Geweldig, niet normaal zo goed!!",
    "nooit meer #NooitMeer bij @bolletje https://t.co/x",
    "de winkel is open van 9 tot 5",
    "echt waardeloos... maar de koffie was lekker 😡😡",
    "n't don't can't won't",
]


@pytest.mark.parametrize("language", ("nl", "en", "tr"))
def test_a_scorer_adds_up_the_features_that_models_are_fitted_on(language: str) -> None:
    rng = np.random.default_rng(7)
    weights = rng.integers(-2_000, 2_000, size=(1 << 18, 3)).astype(np.int16)
    sums, counts = Sums([weights], Reader(lexicon_of(language)), language)(TEXTS)
    matrix = features(TEXTS, language, learnt=False)
    expected = matrix @ weights.astype(float)
    assert np.allclose(sums / np.sqrt(counts)[:, None], expected)


def test_two_tables_are_added_up_beside_each_other_the_smaller_one_folded() -> None:
    rng = np.random.default_rng(7)
    large = rng.integers(-2_000, 2_000, size=(1 << 18, 3)).astype(np.int16)
    small = rng.integers(-127, 127, size=(BUCKETS, 2)).astype(np.int8)
    sums, counts = Sums([large, small], Reader(lexicon_of("nl")), "nl")(TEXTS)
    matrix = features(TEXTS, "nl", learnt=False)
    assert np.allclose(sums[:, :3] / np.sqrt(counts)[:, None], matrix @ large.astype(float))
    assert np.allclose(sums[:, 3:] / np.sqrt(counts)[:, None], folded(matrix) @ small.astype(float))


@pytest.mark.slow("fits a model twice")
def test_the_same_examples_give_the_same_facets(tmp_path: Path) -> None:
    found = facet_examples("nl", None)[:60]
    for name, order in (("a", 1), ("b", -1)):
        fit_facets("nl", found[::order]).model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_post_counts_less_where_the_thresholds_of_the_facet_it_was_written_for_are_chosen() -> None:
    found = facet_examples("tr", None)
    for folder, facet in WRITTEN_FOR.items():
        its = {one.text for one in written(folder) if one.language == "tr"}
        assert its and {one.text for one in found if one.written_for == facet} == its
    counts = commonness(found)
    assert set(counts.ravel().tolist()) == {OF_MANY, 1.0}
    for row, one in zip(counts.tolist(), found, strict=True):
        less = {facet for (facet, _), count in zip(COLUMNS, row, strict=True) if count < 1}
        assert less == ({one.written_for} - {""})


def test_a_threshold_is_higher_where_the_posts_that_have_a_value_are_rarer_on_a_day() -> None:
    # Twenty posts that have the value stand above ten everyday ones without it, and twenty below them.
    logits, labels = np.repeat([3.0, 2.0, 1.0], [20, 10, 20]), np.repeat([1.0, 0.0, 1.0], [20, 10, 20])
    weights, rare = np.ones(50), np.where(labels == 1, 0.1, 1.0)
    assert threshold(labels, weights, weights, logits, 0.2) == 1.0
    assert threshold(labels, weights, rare, logits, 0.2) == 3.0
    # So few posts that nobody can tell how often it is right: it is never said.
    assert threshold(labels[:5], weights[:5], rare[:5], logits[:5], 0.2) == np.inf


def test_every_term_hints_at_a_value_that_there_is() -> None:
    for language in (*LANGUAGES, *FURTHER):
        hinted = {value for one in hints(language) for value in one.values}
        assert hinted <= set(COLUMNS) and {("crisis", value) for value in FACETS["crisis"]} <= hinted


@pytest.mark.slow("fits two models")
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    found = examples("nl", None, everything=False)[:400]
    for name in ("a", "b"):
        fit("nl", found[:: 1 if name == "a" else -1], iterations=8).model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("arguments", (["nl"], ["--all", "--data", "somewhere", "nl"]))
def test_the_packages_models_are_not_overwritten_by_weaker_ones_or_by_those_of_few(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in FOLDER.iterdir()}
    with pytest.raises(SystemExit):
        main(arguments)
    assert "--out" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in FOLDER.iterdir()} == before


def test_a_tenth_is_held_out_always_the_same() -> None:
    texts = [f"text {number}" for number in range(5_000)]
    held = [text for text in texts if is_held_out(text)]
    assert 400 < len(held) < 600
    assert [text for text in texts if is_held_out(text)] == held


def _set_of(folder: Path, name: str, rows: Sequence[dict[str, object]]) -> None:
    (folder / name).mkdir()
    with gzip.open(folder / name / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_a_further_language_learns_our_posts_and_the_sharpened_shares_of_the_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(text for n in range(50) if not is_held_out(text := f"Zeile {n}"))
    for name in TAUGHT["de"]:
        _set_of(tmp_path, name, [{"text": f"{line} {name}", "label": "positive", "lang": "de"}])
    keys = np.array([data.key_of(f"{line} xed")], dtype=np.int64)
    write_arrays(tmp_path / "t.npz", {}, keys=keys, shares=np.array([[6_000, 3_000, 1_000]], dtype=np.uint16))
    monkeypatch.setattr(data, "TEACHER_OF_MANY", tmp_path / "t.npz")
    found = examples("de", tmp_path, everything=False)
    own = [one for one in found if one.talk == "written"]
    assert len(own) > 1_200 and all(one.is_post for one in own)
    told = {one.label: one.weight for one in found if one.text == f"{line} xed" and not one.talk}
    assert told == pytest.approx({"negative": 216 / 244, "neutral": 27 / 244, "positive": 1 / 244})


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_what_is_lent_takes_part_in_the_confidence_alone() -> None:
    found = examples("ar", None, everything=False)[:300]
    alone = fit("ar", found, iterations=1)
    wrong = [one._replace(label="neutral") for one in found if one.label != "neutral"]
    lent = fit("ar", found, iterations=1, lent=[Lent(alone.model, wrong)])
    assert (lent.model.weights == alone.model.weights).all() and (lent.model.bias == alone.model.bias).all()
    assert lent.model.confidence.mean() < alone.model.confidence.mean() - 0.1
    assert lent.report["held_out"] == alone.report["held_out"] + len(wrong)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_lines_of_strangers_and_what_no_model_has_met_tell_the_confidence_where_tweets_are_at_hand() -> None:
    found = examples("es", None, everything=False)[:600]
    assert not any(one.talk == OF_STRANGERS for one in found)
    films = [Example(f"{one.text} (film)", "neutral", 0.1, is_post=False, talk=OF_STRANGERS) for one in found]
    met = sum(is_held_out(one.text) for one in films)
    unmet = [one._replace(label="neutral") for one in found if not is_held_out(one.text)]
    alone = fit("es", found, iterations=1)
    for language, counted in (("es", met), ("pl", met + alone.report["held_out"])):
        lent = [Lent(replace(alone.model, language=language), unmet)]
        report = fit(language, [*found, *films], iterations=1, lent=lent).report
        assert report["held_out"] == counted + len(unmet)


def test_what_is_not_cleared_is_marked() -> None:
    not_cleared = {source.name for source in SOURCES if not source.cleared}
    assert {"bounti", "laroseda", "fsmtsad", "nl_politics", "nl_bolcom", "airline2015"} <= not_cleared


def test_each_part_of_the_corpus_and_each_set_is_a_kind_of_talk() -> None:
    found = examples("nl", None, everything=False)
    assert {one.talk for one in found} == {"corpus, customers", "corpus, others"}
    assert other_talk("nl", None) == [] and not {name for name, _ in OTHER_TALK} & {
        one.name for one in SOURCES if "en" in one.languages
    }


@pytest.mark.parametrize("language", (*LANGUAGES, *FURTHER))
def test_the_version_changes_with_whatever_changes_an_answer(language: str) -> None:
    model = shipped(language)
    assert version_of(model) == model.version
    others = (
        replace(model, confidence=np.clip(model.confidence + 0.01, 0, 1)),
        replace(model, bias=model.bias + 0.01),
        replace(model, scale=model.scale * 2),
        replace(model, abstains_below=0.5),
    )
    assert len({model.version, *map(version_of, others)}) == 1 + len(others)


def test_each_shift_is_one_of_a_language_and_has_a_number_a_label() -> None:
    assert set(SHIFTS) <= {*LANGUAGES, *FURTHER} and all(
        len(shift) == len(LABELS) for shift in SHIFTS.values()
    )
    assert set(SCALED) <= set(LANGUAGES) and all(0 <= part <= 1 for part in SCALED.values())
