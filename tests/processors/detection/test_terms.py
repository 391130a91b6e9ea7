"""Rising terms are the story: not the brand, not its spellings, not the words of every sentence."""

from __future__ import annotations

import random

from processors.detection.terms import rising_terms

BEFORE = [f"the lumo lamp is nice and i like it {n}" for n in range(60)] + ["data plan"] * 20


def terms(now: list[str], before: list[str] = BEFORE, *brand: str) -> list[str]:
    return [term for term, _ in rising_terms(now, before, brand or ("lumo",))]


def test_a_pair_of_words_stands_for_its_parts() -> None:
    now = [f"a data breach at lumo, and it is serious {n}" for n in range(9)]
    assert terms(now)[:2] == ["data breach", "serious"] or terms(now)[:2] == ["serious", "data breach"]
    assert {"data", "breach"}.isdisjoint(terms(now))


def test_the_brand_its_spellings_and_stop_words_of_four_languages_are_no_terms() -> None:
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
