"""The contract of every scorer. A test module gives the fixtures `make_scorer` and `scorer`, which it made (scope module), and
imports `*` from here.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand.sentiment import UNSCORED, Scorer
from tocsin.core.facets import FACETS, pairs

from .examples import examples

HOSTILE = [
    "",
    " ",
    "\x00",
    "good\x00bad",
    "\ud800 great",
    "😀" * 800,
    "😡 " * 5_000,
    "!" * 100_000,
    "good " * 1_000_000,
    "but " * 2_000,
    "<3 " * 2_000,
    "&lt;" * 5_000,
    "http://" * 10_000,
    "A" * 5_000_000,
    "\n" * 50_000,
]


SAID = ["great!", "so bad", "awful 😡", "ok", "", "the shop opens at nine"]
texts = st.lists(st.text(max_size=80) | st.sampled_from(SAID), max_size=6)


def test_a_scorer_names_its_languages_and_its_model(scorer: Scorer) -> None:
    assert scorer.languages
    assert all(len(lang) == 2 and lang.islower() for lang in scorer.languages)
    assert any(sign.isdigit() for sign in scorer.model), (
        "a model without a version cannot be told from the next one"
    )


def test_nothing_asked_is_nothing_answered(scorer: Scorer) -> None:
    assert scorer.score([]) == []


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_scorer_takes_any_string(scorer: Scorer, text: str) -> None:
    (sentiment,) = scorer.score([text])
    if sentiment == UNSCORED:
        return
    assert sentiment.label in ("negative", "neutral", "positive")
    assert -10_000 <= sentiment.score_e4 <= 10_000
    assert 0 < sentiment.confidence_e4 <= 10_000
    assert sentiment.model == scorer.model


@settings(max_examples=examples(25), deadline=None)
@given(texts=texts)
def test_a_score_does_not_depend_on_the_batch(scorer: Scorer, texts: list[str]) -> None:
    assert scorer.score(texts) == [scorer.score([text])[0] for text in texts]
    assert scorer.score(texts[::-1]) == scorer.score(texts)[::-1]


@settings(max_examples=examples(25), deadline=None)
@given(texts=texts)
def test_the_same_text_has_the_same_score_in_another_process(
    scorer: Scorer, make_scorer: Callable[[], Scorer], texts: list[str]
) -> None:
    """A new scorer stands for the scorer of another process. Texts that were scored before must not matter."""
    assert make_scorer().score(texts) == scorer.score(texts)


@settings(max_examples=examples(10), deadline=None)
@given(texts=texts)
def test_reading_gives_the_score_and_facets_of_each_text_alone(scorer: Scorer, texts: list[str]) -> None:
    read = scorer.read(texts)
    assert [sentiment for sentiment, _ in read] == scorer.score(texts)
    assert read == [scorer.read([text])[0] for text in texts]
    assert all(value in FACETS[facet] for _, facets in read for facet, value in pairs(facets))


@settings(max_examples=examples(25), deadline=None)
@given(texts=texts)
def test_the_label_says_what_the_score_says(scorer: Scorer, texts: list[str]) -> None:
    for one in scorer.score(texts):
        assert (one.score_e4 < 0) or one.label != "negative"
        assert (one.score_e4 > 0) or one.label != "positive"
        assert (one.score, one.confidence) == (one.score_e4 / 10_000, one.confidence_e4 / 10_000)
