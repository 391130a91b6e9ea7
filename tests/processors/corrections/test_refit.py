"""Learning from corrections: what was corrected is said next time, what was not stays, and the figures are of unseen posts."""

from __future__ import annotations

import numpy as np
import pytest

from processors.corrections.refit import LEAST, PENALTY, Labelled, learn
from processors.understand.brand import BrandModel, words_in
from processors.understand.sentiment import LABELS
from tocsin.core.errors import WrongInput

SURE = (0.8, 0.1, 0.1)


def posts(word: str, shares: tuple[float, float, float], label: str, number: int) -> list[Labelled]:
    return [Labelled(f"{word} number{place} here", shares, label) for place in range(number)]


@pytest.mark.slow("takes in many mentions")
def test_what_people_correct_is_learnt_and_what_they_did_not_stays() -> None:
    corrected = posts("warzone", SURE, "positive", 12)
    others = posts("delay", SURE, "negative", 40)
    model, figures = learn(corrected, others)
    assert figures == {
        "corrections": 12,
        "right_before": 0,
        "right_after": 12,
        "others": 40,
        "others_changed": 0,
    }
    negative, _, positive = model.nudge("warzone tonight")
    assert positive - negative > 2.1
    again, _ = learn(corrected, others)
    assert again == model


def test_corrections_of_one_word_leave_other_words_alone() -> None:
    model, _ = learn(posts("warzone", SURE, "positive", 8), posts("delay", SURE, "negative", 20))
    negative, _, positive = model.nudge("an awful delay")
    assert positive - negative < 2.0


def test_the_weights_are_those_at_which_no_word_gains_by_another_step() -> None:
    corrected = [*posts("warzone", SURE, "positive", 8), *posts("pixel", (0.2, 0.6, 0.2), "neutral", 8)]
    model, _ = learn(corrected, [])
    for word, weights in model.words.items():
        pull = np.zeros(3)
        for one in corrected:
            if word in words_in(one.text):
                raised = np.array(one.shares) * np.exp(model.nudge(one.text))
                gold = [one.label == label for label in LABELS]
                pull += (gold - raised / raised.sum()) / np.sqrt(len(words_in(one.text)))
        assert np.allclose(pull, PENALTY * np.array(weights), atol=0.01), word


def test_confirmed_labels_change_hardly_anything() -> None:
    model, figures = learn(posts("fine", (0.1, 0.1, 0.8), "positive", 10), [])
    assert figures["right_before"] == figures["right_after"] == 10
    assert max(map(abs, model.nudge("another text"))) < 0.5


def test_too_few_corrections_teach_nothing() -> None:
    with pytest.raises(WrongInput, match=f"at least {LEAST}"):
        learn(posts("word", SURE, "positive", LEAST - 1), [])
    assert BrandModel(0).nudge("word") == (0.0, 0.0, 0.0)
