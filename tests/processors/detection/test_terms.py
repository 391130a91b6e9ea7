"""Rising terms are the story: not the brand, not its spellings, not the words of every sentence."""

from __future__ import annotations

import random

import pytest

from processors.detection.terms import rising_terms

BEFORE = [f"the lumo lamp is nice and i like it {n}" for n in range(60)] + ["data plan"] * 20


def terms(now: list[str], before: list[str] = BEFORE, *brand: str) -> list[str]:
    return [term for term, _ in rising_terms(now, before, brand or ("lumo",))]


def test_a_pair_of_words_stands_for_its_parts() -> None:
    now = [f"a data breach at lumo, and it is serious {n}" for n in range(9)]
    assert terms(now)[:2] == ["data breach", "serious"] or terms(now)[:2] == ["serious", "data breach"]
    assert {"data", "breach"}.isdisjoint(terms(now))


def test_the_brand_its_spellings_and_stop_words_are_no_terms() -> None:
    brand = [
        "acmeair",
        "#AcmeAir",
        "AcmeAir's",
        "acmeair'in",
        "acmaeir",
        "acmair",
        "acmeairs",
        "#acmeairfail",
    ]
    now = [f"{name} the ve için het și voor pentru {n}" for name in brand for n in range(5)]
    assert terms(now, [], "AcmeAir") == []
    assert terms(["smarthome catches fire"] * 5, [], "Smart Home") == ["catches fire"]


@pytest.mark.parametrize(
    "text",
    [
        "wir haben das nicht mehr und er war schon mal hier lumo {n}",
        "no lo puedo con esto para nada lumo y hasta ahora ustedes {n}",
        "on ne peut pas et ses lumo sont toujours avec nous {n}",
        "non ne posso più con gli lumo e dei nostri sono ancora su {n}",
        "isso não é para nós lumo nem para vocês também {n}",
        "هذا مش من لومو ولا على الذين معنا lumo {n}",
        "to nie jest tak jak zawsze u nas lumo i co teraz z tym {n}",
        "det är inte så här vi vill ha det lumo och vad ska man {n}",
    ],
)
def test_stop_words_of_eight_more_languages_are_no_terms(text: str) -> None:
    assert terms([text.format(n=n) for n in range(6)], [], "lumo", "لومو") == []


def test_a_stop_word_that_names_a_crisis_in_another_language_is_one_in_its_own_alone() -> None:
    assert (
        terms([f"lumo para iadesi yapmıyor, bir de kara para {n}" for n in range(6)], [])[0]
        == "iadesi yapmıyor"
    )
    assert "kara para" in terms([f"lumo para iadesi yapmıyor, bir de kara para {n}" for n in range(6)], [])
    assert terms([f"the war on lumo {n}" for n in range(6)], []) == ["war"]
    assert terms([f"das war bei lumo und nicht bei uns {n}" for n in range(6)], []) == []


def test_an_article_before_an_apostrophe_is_no_part_of_a_term() -> None:
    now = [f"l’{word} de lumo" for word in ("école", "École", "ecole", "ÉCOLE", "école")] + ["d'école, lumo"]
    assert terms(now, []) == ["école"]
    assert terms(["nell'acqua di lumo", "dell'acqua di lumo", "un’acqua lumo"] * 2, []) == ["acqua"]


def test_what_is_always_said_does_not_rise_and_few_texts_are_no_story() -> None:
    assert terms(["lumo lamp is nice"] * 10) == []
    assert terms(["lumo explodes"] * 2) == []


def test_without_a_baseline_the_commonest_terms_are_told_and_rare_ones_are_not() -> None:
    crowd = [f"lumo {'smoke' if n < 4 else 'fire'} word{n}" for n in range(40)]
    assert terms(crowd, []) == ["fire"]


def test_a_term_is_told_as_most_people_write_it() -> None:
    now = ["Lumo bataryası yandı", "LUMO BATARYASI", "bataryası şişti", "bataryasi kötü", "Bataryası berbat"]
    assert terms(now) == ["bataryası"]
    assert terms(["RECALL"] * 5) == ["recall"]


def test_the_order_of_texts_changes_nothing() -> None:
    dice = random.Random(3)
    words = ["smoke", "battery", "recall", "fire", "refund", "angry", "kitchen"]
    now = [f"lumo {' '.join(dice.sample(words, 3))}" for _ in range(50)]
    first = rising_terms(now, BEFORE, ("lumo",))
    dice.shuffle(now)
    assert first and rising_terms(now, BEFORE[::-1], ("lumo",)) == first
