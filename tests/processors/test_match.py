"""All monitors in one pass: the fast matcher gives the same answers as a slow evaluation of the same queries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.match import Matcher
from processors.understand.language import mention_language
from tests.contracts.examples import examples
from tests.query.naive import naively
from tests.query.strategies import WHEN, mentions, nodes
from tocsin.core.facets import Facets
from tocsin.core.mention import Mention
from tocsin.query import Query, QueryError, parse_query


def mention(text: str, **fields: object) -> Mention:
    return Mention(source="made-up", id="1", text=text, created_at=WHEN, **fields)  # type: ignore[arg-type]  # test data


def matcher_of(*queries: str) -> Matcher:
    return Matcher.build({query: parse_query(query) for query in queries})


class Detector:
    """Answers one language, and counts how often it was asked."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self, mention: Mention) -> str | None:
        self.asked += 1
        return self.answer


def parsed(node: object) -> Query | None:
    try:
        return parse_query(str(node))
    except QueryError:  # a query without an anchor
        return None


queries = st.lists(nodes.map(parsed).filter(lambda query: query is not None), min_size=1, max_size=6)


@pytest.mark.slow("many random queries and texts")
@settings(max_examples=examples(40), deadline=None)
@given(queries, st.lists(mentions, max_size=6), st.sampled_from([None, "en", "tr"]))
def test_the_matcher_agrees_with_the_naive_evaluator(
    asked: list[Query], heard: list[Mention], language: str | None
) -> None:
    def tell(one: Mention) -> str | None:
        return one.lang or language

    matcher = Matcher.build({f"m{number}": query for number, query in enumerate(asked)})
    expected = [
        tuple(f"m{number}" for number, query in enumerate(asked) if naively(query, one, language))
        for one in heard
    ]
    assert matcher.match_many(heard, tell) == expected
    assert [matcher.match(one, tell) for one in heard] == expected


def test_ids_come_sorted_whatever_the_order_of_the_monitors() -> None:
    monitors = {name: parse_query("tocsin") for name in ("zeta", "alpha", "m10", "m2")}
    assert Matcher.build(monitors).match(mention("Tocsin rings")) == ("alpha", "m10", "m2", "zeta")


def test_no_monitors_match_nothing() -> None:
    assert Matcher.build({}).match_many([mention("tocsin"), mention("")]) == [(), ()]
    assert Matcher.build({"one": parse_query("tocsin")}).match_many([]) == []


def test_a_word_does_not_run_over_from_one_mention_into_the_next() -> None:
    matcher = matcher_of("tocsin", '"lost bag"', "bag lost")
    assert matcher.match_many([mention("toc"), mention("sin"), mention("lost"), mention("bag")]) == [()] * 4


def test_each_mention_of_a_large_batch_gets_its_own_answer() -> None:
    names = [f"brand{number}x" for number in range(300)]
    matcher = Matcher.build({name: parse_query(f"{name} OR @{name}") for name in names})
    texts = [
        f"{'ğ' if number % 3 else 'g'} about {name} today {'filler ' * (number % 40)}"
        for number, name in enumerate(names)
    ]
    assert matcher.match_many([mention(text) for text in texts]) == [(name,) for name in names]


def test_monitors_that_share_their_words_are_each_judged_by_the_whole_query() -> None:
    matcher = matcher_of("tocsin", "tocsin delay*", "tocsin -delay*", "tocsin OR delayed", "delay* lost")
    assert matcher.match(mention("Tocsin is delayed")) == ("tocsin", "tocsin OR delayed", "tocsin delay*")
    assert matcher.match(mention("Tocsin is on time")) == ("tocsin", "tocsin -delay*", "tocsin OR delayed")


def test_the_language_is_asked_only_where_a_word_was_met_and_only_once() -> None:
    matcher = matcher_of("tocsin lang:en", "tocsin lang:tr", "brand lang:en", "bell")
    detector = Detector("tr")
    assert matcher.match(mention("nothing of interest"), detector) == ()
    assert matcher.match(mention("a bell"), detector) == ("bell",)
    assert detector.asked == 0
    assert matcher.match(mention("Tocsin çaldı"), detector) == ("tocsin lang:tr",)
    assert detector.asked == 1


def test_facets_are_told_only_where_a_word_was_met_and_only_once() -> None:
    matcher = matcher_of(
        "tocsin intent:complaint", "tocsin -emotion:joy", "tocsin (harm:insult OR crisis:legal)", "bell"
    )
    asked: list[str] = []

    def tell(one: Mention) -> Facets:
        asked.append(one.text)
        return Facets(intent=("complaint",), emotion=("anger", "joy"), crisis=("legal",))

    assert matcher.match(mention("a bell"), facets=tell) == ("bell",)
    assert asked == []
    assert matcher.match(mention("tocsin"), facets=tell) == (
        "tocsin (harm:insult OR crisis:legal)",
        "tocsin intent:complaint",
    )
    assert asked == ["tocsin"]
    assert matcher.match(mention("tocsin")) == ("tocsin -emotion:joy",)


def test_a_mention_that_says_its_language_is_believed_where_nobody_else_tells_it() -> None:
    detector = Detector("tr")
    matcher = matcher_of("tocsin lang:en", "tocsin lang:tr")
    assert matcher.match(mention("tocsin", lang="en-GB")) == ("tocsin lang:en",)
    assert matcher.match(mention("tocsin", lang="en-GB"), detector) == ("tocsin lang:tr",)
    assert matcher.match(mention("tocsin", lang="und"), detector) == ("tocsin lang:tr",)
    assert detector.asked == 2


def test_a_post_in_another_language_than_its_network_names_is_heard_in_its_own() -> None:
    turkish = "Tocsin yine çalışmıyor, bu nasıl bir hizmet, iki gündür bekliyorum ama kimse aramadı"
    matcher = matcher_of("tocsin lang:en", "tocsin lang:tr")
    assert matcher.match(mention(turkish, lang="en"), mention_language) == ("tocsin lang:tr",)
    # Too few words to be sure of: the network is believed.
    assert matcher.match(mention("Tocsin berbat", lang="en"), mention_language) == ("tocsin lang:en",)


def test_a_language_nobody_knows_is_no_language() -> None:
    matcher = matcher_of("tocsin lang:en", "tocsin -lang:en")
    assert matcher.match(mention("tocsin")) == ("tocsin -lang:en",)
    assert matcher.match(mention("tocsin"), Detector(None)) == ("tocsin -lang:en",)


def test_a_monitors_languages_narrow_it_down_and_the_unknown_language_passes() -> None:
    matcher = Matcher.build(
        {"dutch": parse_query("tocsin"), "any": parse_query("tocsin"), "both": parse_query("tocsin OR bel")},
        {"dutch": {"nl"}, "both": ["nl", "TR"], "any": []},
    )
    assert matcher.match(mention("tocsin", lang="nl")) == ("any", "both", "dutch")
    assert matcher.match(mention("tocsin", lang="tr")) == ("any", "both")
    assert matcher.match(mention("tocsin", lang="ro")) == ("any",)
    assert matcher.match(mention("tocsin")) == ("any", "both", "dutch")
    assert matcher.match(mention("tocsin"), Detector("ro")) == ("any",)


@pytest.mark.parametrize(
    "text",
    [
        "\x00tocsin\x00",
        "\ud800 tocsin \udfff",
        "😡" * 20_000 + " tocsin",
        "tocsin " * 9_000,
        "a\u0300\u0316" * 9_000 + " tocsin",
    ],
    ids=["NUL", "lone surrogates", "an emoji flood", "one word over and over", "marks over marks"],
)
def test_hostile_texts_are_matched_like_any_other(text: str) -> None:
    assert matcher_of("tocsin", "bell").match(mention(text)) == ("tocsin",)


@pytest.mark.slow("takes in many mentions")
def test_anchors_inside_each_other_cost_a_bounded_number_of_hits() -> None:
    matcher = Matcher.build({f"{length:03d}": parse_query("a" * length + "*") for length in range(3, 200)})
    assert matcher.match(mention("a" * 64_000)) == tuple(f"{length:03d}" for length in range(3, 200))
    assert matcher.match(mention("x " + "a" * 50)) == tuple(f"{length:03d}" for length in range(3, 51))
    assert matcher.match(mention("x" + "a" * 50)) == ()
    meetings = matcher._anchors._find("a" * 1000, True)  # type: ignore[misc]  # it has anchors
    assert len(meetings) <= 8 * 1000


def test_a_link_section_is_looked_at_by_url_only() -> None:
    matcher = matcher_of("url:tocsin.example", "tocsin")
    assert matcher.match(mention("look", url="https://www.tocsin.example/9")) == ("url:tocsin.example",)
    assert matcher.match(mention("look", links=("http://a.tocsin.example",))) == ("url:tocsin.example",)
    assert matcher.match(mention("look: https://tocsin.example")) == ("tocsin", "url:tocsin.example")


@pytest.mark.slow("compiles very many anchors")
def test_very_many_anchors_use_the_compact_automaton_and_say_the_same() -> None:
    words = [f"{number:05d}kelime{number * 7919 % 99_991}" for number in range(24_000)]
    some = {f"m{at}": parse_query(" OR ".join(words[at : at + 400])) for at in range(0, len(words), 400)}
    matcher = Matcher.build(some)
    assert matcher.match(mention(f"x {words[12_345]} y")) == ("m12000",)


def test_a_matcher_keeps_its_answer_when_the_mapping_it_was_built_from_changes() -> None:
    monitors = {"one": parse_query("tocsin")}
    matcher = Matcher.build(monitors)
    monitors["two"] = parse_query("tocsin")
    assert matcher.match(mention("tocsin")) == ("one",)
