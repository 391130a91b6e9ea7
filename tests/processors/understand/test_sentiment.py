"""Sentiment: every registered scorer keeps the contract of its port, and VADER is compared with the plain library."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment import vaderSentiment as plain

from processors.understand.linear import LinearScorer, shipped_languages
from processors.understand.sentiment import UNSCORED, Scorer
from processors.understand.vader import MAX_CHARS, MAX_EMOJI, VaderScorer, compound, readable
from tests.contracts.examples import examples
from tests.contracts.scorers import *  # noqa: F403  # the contract's tests are collected here

ANALYZER = plain.SentimentIntensityAnalyzer()


MAKERS = {
    "vader": VaderScorer,
    **{f"linear-{one}": partial(LinearScorer, one) for one in shipped_languages()},
}


@pytest.fixture(scope="module", params=MAKERS.values(), ids=MAKERS)
def make_scorer(request: pytest.FixtureRequest) -> Callable[[], Scorer]:
    made: Callable[[], Scorer] = request.param
    return made


@pytest.fixture(scope="module")
def scorer(make_scorer: Callable[[], Scorer]) -> Scorer:
    return make_scorer()


def test_unscored_is_not_neutral() -> None:
    assert UNSCORED.label == "unscored"
    assert (UNSCORED.score_e4, UNSCORED.confidence_e4, UNSCORED.model) == (0, 0, None)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this place, wonderful people!", "positive"),
        ("Worst airline ever, they lost my bag and lied about it", "negative"),
        ("The shop opens at nine on Monday", "neutral"),
        ("not good at all", "negative"),
        ("This is a disaster 😡", "negative"),
        ("Great service 😍😍", "positive"),
    ],
)
def test_plain_english_is_labelled_as_people_would(text: str, label: str) -> None:
    assert VaderScorer().score([text])[0].label == label


def test_the_score_is_the_compound_in_whole_ten_thousandths() -> None:
    text = "The food was great but the queue was horrible"
    (sentiment,) = VaderScorer().score([text])
    assert sentiment.score_e4 == round(ANALYZER.polarity_scores(text)["compound"] * 10_000)
    assert sentiment.score == ANALYZER.polarity_scores(text)["compound"]


def test_confidence_grows_with_the_distance_from_the_thresholds() -> None:
    weak, strong = VaderScorer().score(["a small problem", "horrible, awful, disgusting, I hate these liars"])
    assert weak.label == strong.label == "negative"
    assert weak.confidence < strong.confidence
    faint, glad = VaderScorer().score(["thanks", "wonderful, brilliant, I love you all, best day ever!"])
    assert faint.label == glad.label == "positive"
    assert faint.confidence < glad.confidence


def test_a_flood_is_read_up_to_its_bounds() -> None:
    assert len(readable("x y " * 100_000)) <= MAX_CHARS
    assert readable("no" + "o" * 90 + "!!!!!!!!") == "noooo!!!!"
    faces = "".join(chr(0x1F600 + n % 60) for n in range(300))
    assert sum(sign in ANALYZER.emojis for sign in readable(faces)) == MAX_EMOJI
    assert readable("see https://example.com/good/love?x=!!!! now") == "see   now"
    assert readable("fish &amp; chips &lt;3") == "fish & chips <3"


_LEXICON = sorted(ANALYZER.lexicon)
_WORDS = (
    st.sampled_from(_LEXICON)
    | st.sampled_from(sorted(plain.BOOSTER_DICT))
    | st.sampled_from(plain.NEGATE)
    | st.sampled_from(sorted(plain.SPECIAL_CASES))
    | st.sampled_from(
        [
            "least",
            "at",
            "very",
            "so",
            "this",
            "without",
            "doubt",
            "never",
            "no",
            "or",
            "nor",
            "kind",
            "of",
            "sort",
            "but",
            "the",
            "was",
            "is",
            "isn't",
        ]
    )
    | st.sampled_from(sorted(sign for sign in ANALYZER.emojis if len(sign) == 1))
    | st.sampled_from(["!", "??", "...", "\n", "ş", "İyi", ":)", "<3"])
    | st.text(max_size=6)
)


@st.composite
def _posts(draw: st.DrawFn) -> str:
    words = draw(st.lists(_WORDS, max_size=14))
    shouted = draw(st.sets(st.integers(0, 13), max_size=3))
    glue = draw(st.sampled_from([" ", " ", " ", "", ", "]))
    return glue.join(word.upper() if place in shouted else word for place, word in enumerate(words))


@pytest.mark.slow("scores many texts with the plain library")
@settings(max_examples=examples(200), deadline=None)
@given(_posts())
def test_our_compound_is_that_of_the_plain_library(post: str) -> None:
    assert compound(post) == ANALYZER.polarity_scores(post)["compound"]


@pytest.mark.parametrize("word", _LEXICON[::40])
def test_lexicon_words_score_alone_and_negated_as_in_the_plain_library(word: str) -> None:
    for post in (word, f"not {word}", f"this is NOT so {word.upper()}!!", f"at least {word}, but no {word}"):
        assert compound(post) == ANALYZER.polarity_scores(post)["compound"]


@settings(max_examples=examples(75), deadline=None)
@given(st.text() | st.text(alphabet="no so!?'.:)(-DP<3 \n\tİıſ😀😡©™kindobuth&;/w"))
def test_any_text_scores_as_in_the_plain_library(text: str) -> None:
    assert compound(text) == ANALYZER.polarity_scores(text)["compound"]


def test_more_different_words_than_are_remembered_change_no_score() -> None:
    post = "not so GOOD, but never this bad"
    before = compound(post)
    for start in range(0, 40_000, 1_000):
        compound(" ".join(f"{start + n}-good?" for n in range(1_000)))
    assert compound(post) == before == ANALYZER.polarity_scores(post)["compound"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("HTTPS://A.EXAMPLE/x good", "  good"),
        ("see http\u017f://a.example now", "see   now"),
        ("WwW.a.example", " "),
        ("xhttp://a.example/bad", "x "),
        ("http good, www good, hww.bad", "http good, www good, hww.bad"),
        ("a://b", "a://b"),
    ],
)
def test_links_are_left_out_however_they_are_written(text: str, read: str) -> None:
    assert readable(text) == read
