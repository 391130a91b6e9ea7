"""Understanding whole mentions: the right scorer is asked, and batches do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand import Understander, default_scorers
from processors.understand.brand import Nudge
from processors.understand.sentiment import Sentiment
from processors.understand.signature import text_signature
from processors.understand.triggers import trigger_categories
from tests.contracts.examples import examples
from tocsin.core.facets import NO_FACETS, Facets
from tocsin.core.mention import Mention

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _mention(text: str, id: str = "1", lang: str | None = None, title: str | None = None) -> Mention:
    return Mention(source="test", id=id, text=text, created_at=AT, lang=lang, title=title)


class ByLength:
    """Scores a text by its length: a scorer for tests."""

    def __init__(self, model: str, *languages: str) -> None:
        self.model = model
        self.languages = frozenset(languages)
        self.batches: list[list[str]] = []

    def score(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        self.batches.append(list(texts))
        return [Sentiment("positive", len(text), 5_000, self.model) for text in texts]

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        return [(sentiment, NO_FACETS) for sentiment in self.score(texts)]


def test_an_english_complaint_is_understood() -> None:
    (found,) = Understander(default_scorers()).understand(
        [_mention("RT @anna: my charger caught fire, this is horrible and dangerous")]
    )
    assert (found.lang, found.label, found.repost, found.triggers) == ("en", "negative", True, ("safety",))
    assert found.score_e4 < -500
    assert found.confidence_e4 > 0
    assert found.model is not None and found.model.startswith("linear-en-")


def test_where_no_model_speaks_the_language_the_mention_is_unscored() -> None:
    found = Understander(default_scorers()).understand(
        [
            _mention("A csomag nem érkezett meg, ez felháborító és botrány"),
            _mention("😀😀😀 https://example.com"),
            _mention("I love it", lang="hu"),
        ]
    )
    assert [(u.lang, u.label, u.score_e4, u.confidence_e4, u.model) for u in found] == [
        ("hu", "unscored", 0, 0, None),
        (None, "unscored", 0, 0, None),
        ("hu", "unscored", 0, 0, None),
    ]


def test_the_four_first_class_languages_are_scored() -> None:
    found = Understander(default_scorers()).understand(
        [
            _mention("Kargom hâlâ gelmedi, rezalet bir hizmet"),
            _mention("Het pakket is weer niet gekomen, wat een waardeloze service"),
            _mention("Coletul nu a ajuns nici azi, o bataie de joc"),
            _mention("My parcel did not come again, terrible service"),
        ]
    )
    assert [(u.lang, u.label) for u in found] == [(code, "negative") for code in ("tr", "nl", "ro", "en")]


def test_a_mentions_own_language_is_believed_where_it_is_one() -> None:
    understander = Understander([ByLength("m-1", "nl")])
    dutch, unknown = understander.understand(
        [_mention("top", lang="nl-BE"), _mention("the train is late again and again", lang="und")]
    )
    assert (dutch.lang, dutch.label) == ("nl", "positive")
    assert (unknown.lang, unknown.label) == ("en", "unscored")


def test_a_text_that_leaves_no_doubt_has_its_own_language_whatever_the_network_names() -> None:
    turkish = "Kargom yine gelmedi, bu nasıl bir hizmet, iki gündür bekliyorum ama kimse aramadı"
    short = "kargo berbat"
    found = Understander(default_scorers()).understand(
        [_mention(turkish, lang="en"), _mention(short, lang="en"), _mention(turkish, lang="tr")]
    )
    assert [one.lang for one in found] == ["tr", "en", "tr"]
    assert (found[0].label, found[0].model) == ("negative", found[2].model)


def test_each_text_goes_to_the_first_scorer_that_speaks_its_language() -> None:
    first, second = ByLength("first-1", "en", "nl"), ByLength("second-1", "nl", "tr")
    texts = ["aa", "bbb", "cccc", "d"]
    found = Understander([first, second]).understand(
        [
            _mention(text, str(n), lang)
            for n, (text, lang) in enumerate(zip(texts, ["tr", "en", "nl", "ro"], strict=True))
        ]
    )
    assert [u.model for u in found] == ["second-1", "first-1", "first-1", None]
    assert [u.score_e4 for u in found] == [2, 3, 4, 0]
    assert first.batches == [["bbb", "cccc"]]
    assert second.batches == [["aa"]]


def test_the_title_is_understood_with_the_text() -> None:
    (found,) = Understander(default_scorers()).understand(
        [_mention("More on our site.", title="Data breach at Brightwater")]
    )
    assert found.triggers == ("data_breach",)


def test_no_mentions_are_understood_as_none() -> None:
    assert Understander(default_scorers()).understand([]) == []


@pytest.mark.slow("takes in many mentions")
def test_copies_are_understood_once_in_a_batch_and_for_a_while_after() -> None:
    scorer = ByLength("m-1", "en")
    understander = Understander([scorer])
    copies = [_mention("the same words of many", str(n), "en") for n in range(9)]
    assert len({one.score_e4 for one in understander.understand(copies)}) == 1
    understander.understand(copies)
    assert scorer.batches == [["the same words of many"]]
    # More texts than the understander remembers.
    for n in range(2_000):
        understander.understand([_mention(f"{n} {'x' * 1_900}", lang="en")])
    scorer.batches.clear()
    understander.understand(copies[:1])
    assert scorer.batches == [["the same words of many"]]


def test_a_copy_in_another_language_or_passed_on_is_not_the_same() -> None:
    understander = Understander([ByLength("m-1", "en"), ByLength("m-2", "nl")])
    one = _mention("top service", lang="en")
    passed_on = Mention(source="test", id="3", text="top service", created_at=AT, lang="en", repost_of="1")
    found = understander.understand([one, _mention("top service", "2", "nl"), passed_on])
    assert [(u.lang, u.model, u.repost) for u in found] == [
        ("en", "m-1", False),
        ("nl", "m-2", False),
        ("en", "m-1", True),
    ]


def test_signature_and_triggers_are_those_of_the_text_also_of_a_long_one() -> None:
    texts = [
        "a data breach " * 300,
        "ﷺ" * 3_000,
        "x " * 4_999 + "data breach",
        "Ürün bozuk çıktı, kimse aramıyor!",
    ]
    for text, found in zip(texts, Understander([]).understand([_mention(t) for t in texts]), strict=True):
        assert (found.signature, found.triggers) == (text_signature(text), trigger_categories(text))


_TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        "I hate this, worst day ever",
        "Harika, çok teşekkürler",
        "groot datalek, schandalig",
        "nu merge deloc",
        "ok thanks",
    ]
)
_MENTIONS = st.builds(_mention, _TEXTS, lang=st.sampled_from([None, None, "en", "tr", "xx", ""]))


@pytest.mark.slow("takes in many mentions")
@settings(max_examples=examples(15), deadline=None)
@given(st.lists(_MENTIONS, max_size=6), st.randoms(use_true_random=False))
def test_what_is_understood_does_not_depend_on_the_batch(mentions: list[Mention], random: object) -> None:
    understander = Understander(default_scorers())
    alone = [understander.understand([mention])[0] for mention in mentions]
    assert understander.understand(mentions) == alone
    order = list(range(len(mentions)))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    assert understander.understand([mentions[n] for n in order]) == [alone[n] for n in order]
