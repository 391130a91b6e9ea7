"""Posts that name two brands, and the model that learns from them."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from processors.understand.artefacts import FOLDER
from processors.understand.contrast import NUMBERS
from processors.understand.linear import LinearScorer
from training.contrast import Examples, contrasts, examples_of, fit_contrast, of_the_corpus
from training.corpus import SENTIMENTS, real_names
from training.data import FURTHER

WORDS_OF_THE_LANGUAGE = {"de": {"uber"}, "it": {"arriva", "cda"}}


def test_each_post_names_two_brands_with_a_sentiment_each_and_nobody_real() -> None:
    found = list(contrasts())
    assert {one.language for one in found} == {"tr", "nl", "ro", "en"} | set(FURTHER) - {
        "ar",
        "pl",
        "pt",
        "sv",
    }
    assert len({one.text.casefold() for one in found}) == len(found)
    for one in found:
        (first, label), (second, other) = one.targets
        assert {label, other} <= set(SENTIMENTS), one
        assert first.casefold() in one.text.casefold() and second.casefold() in one.text.casefold(), one
        assert first.casefold() != second.casefold(), one
        assert set(real_names(one.text)) <= WORDS_OF_THE_LANGUAGE.get(one.language, set()), one


def test_half_of_the_posts_of_a_language_set_two_brands_against_each_other_in_either_order() -> None:
    for language in {one.language for one in contrasts()}:
        labels = [tuple(label for _, label in one.targets) for one in contrasts() if one.language == language]
        counts = Counter(labels)
        assert len(labels) >= 350
        for order in (("positive", "negative"), ("negative", "positive")):
            assert 0.2 <= counts[order] / len(labels) <= 0.3
        for label in SENTIMENTS:
            assert counts[label, label] / len(labels) >= 0.08


def test_a_text_gives_an_example_for_each_of_its_brands() -> None:
    some = [one for one in of_the_corpus() if one.language == "en"][:20]
    found = examples_of("en", some, LinearScorer("en"))
    assert len(found.labels) == len(found.clauses) == len(found.whole) == len(found.numbers) > 30
    assert found.numbers.shape[1] == NUMBERS


@pytest.mark.slow("fits networks")
def test_a_fit_learns_gives_the_same_weights_again_and_takes_its_rounded_ones() -> None:
    numbers = np.random.default_rng(3).normal(size=(300, NUMBERS))
    labels = [SENTIMENTS[int(np.digitize(row[0], (-0.4, 0.4)))] for row in numbers]
    found = [Examples("en", numbers, labels, labels, labels, [0] * len(labels))]
    model = fit_contrast(found)
    assert model.version == fit_contrast(found).version
    right = [SENTIMENTS[int(row.argmax())] for row in model.logits(numbers)]
    assert sum(a == b for a, b in zip(right, labels, strict=True)) > 240
    assert all(np.array_equal(np.round(one, 4), one) for one in (model.hidden, model.weights, model.bias))


def test_the_card_says_that_it_does_better_than_clauses_and_whole_texts_in_languages_left_out() -> None:
    card = json.loads((FOLDER / "contrast.json").read_text(encoding="utf-8"))
    assert set(card["left_out"]) == {one.language for one in contrasts()}
    for told in card["left_out"].values():
        assert told["contrast"] > max(told["clauses"], told["whole"]) + 0.05
