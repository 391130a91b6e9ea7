"""The corpus is what its README says: large enough, labelled with known values, balanced, without repeats."""

from __future__ import annotations

import pytest

from training.corpus import LANGUAGES, Post, balance, faults, posts, real_names

LEAST = {"tr": 3_000, "nl": 3_000, "ro": 3_000, "en": 1_500}


@pytest.mark.slow("reads thousands of posts")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_posts_are_many_labelled_balanced_and_all_different(language: str) -> None:
    found = list(posts(language))
    assert len(found) >= LEAST[language]
    assert faults(found) == []
    shares = balance(found)
    assert all(0.24 < share < 0.44 for share in shares["sentiment"].values())
    assert all(share > 0.04 for share in shares["intent"].values())
    assert all(share > 0.02 for share in shares["crisis"].values())
    assert all(share > 0.02 for share in shares["emotion"].values())
    assert all(share > 0.015 for trade, share in shares["trade"].items() if trade != "other")


def _post(text: str, *, sentiment: str = "negative", targets: str = "-", where: str = "xx/01.tsv:1") -> Post:
    return Post(sentiment, targets, "complaint", "anger", "-", "-", "customer", "bank", text, where)


def test_faults_are_named_with_their_place() -> None:
    assert faults([_post("weg ermee", sentiment="bad")]) == ["xx/01.tsv:1: sentiment 'bad'"]
    assert faults([_post("weg ermee", targets="Zilver:negative")]) == [
        "xx/01.tsv:1: target 'Zilver' 'negative'"
    ]
    assert faults([_post("Zilverbank'ta para yok", targets="Zilverbank:negative")]) == []


def test_a_repeated_and_a_hardly_changed_text_are_named() -> None:
    text = "drie weken wachten op een simpele overboeking en niemand die iets weet"
    again = [_post(text), _post(text.upper(), where="b"), _post(text.replace("drie", "vier"), where="c")]
    assert {one.split(":")[0] for one in faults(again)} == {"b", "c"}


def test_a_real_name_is_named_with_its_place_with_or_without_a_suffix() -> None:
    found = [_post("klm heeft mijn koffer kwijt"), _post("Turkcell'in hattı kesik", where="b")]
    assert faults(found) == ["xx/01.tsv:1: real name 'klm'", "b: real name 'turkcell'"]
    assert real_names("een dag, een klmop, een Duovlinder") == []
