"""The corpus is what its README says: large enough, labelled with known values, balanced, without repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

from processors.understand.language import SCORED
from tests.docs.pages import ROOT
from tocsin.core.facets import FACETS
from training.corpus import (
    FOLDER,
    LANGUAGES,
    SENTIMENTS,
    VALUES,
    Post,
    balance,
    faults,
    posts,
    real_names,
)
from training.data import FURTHER
from training.short import CRISES, CUSTOMERS, FACETED, HARM, PLAIN, TWEETS, WRITTEN, Written, written

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


@pytest.mark.slow("reads thousands of posts")
def test_the_data_card_and_the_documentation_tell_how_many_posts_there_are() -> None:
    turkish, dutch, romanian, english = (len(list(posts(language))) for language in LANGUAGES)
    card = FOLDER.joinpath("README.md").read_text("utf-8")
    told = f"Turkish {turkish:,}, Dutch {dutch:,}, Romanian {romanian:,}, English {english:,}"
    assert f"| posts | {told} |" in card
    page = " ".join((ROOT / "docs/understanding.md").read_text("utf-8").split())
    assert (
        f"{turkish:,} posts in Turkish, {dutch:,} in Dutch, {romanian:,} in Romanian, {english:,} in English"
        in page
    )


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


WORDS_OF_THE_LANGUAGE = {"de": {"uber"}, "it": {"arriva", "cda"}, "sv": {"slack"}}
"""Real names that are ordinary words of a language."""


@pytest.mark.parametrize("folder", [TWEETS, WRITTEN], ids=lambda folder: folder.name)
def test_posts_of_other_languages_are_labelled_balanced_all_different_and_name_nobody(folder: Path) -> None:
    found = list(written(folder))
    assert {one.label for one in found} == set(SENTIMENTS)
    assert {one.language for one in found} & set(LANGUAGES) == set()
    assert len({one.text.casefold() for one in found}) == len(found)
    assert [
        one for one in found if set(real_names(one.text)) - WORDS_OF_THE_LANGUAGE.get(one.language, set())
    ] == []
    for language in {one.language for one in found}:
        labels = [one.label for one in found if one.language == language]
        assert len(labels) > 80
        assert all(0.32 <= labels.count(label) / len(labels) <= 0.35 for label in SENTIMENTS)


def test_each_further_language_has_written_posts_of_its_own_that_are_no_near_duplicates() -> None:
    found = list(written(WRITTEN))
    assert {one.language for one in found} == set(FURTHER)
    few = {(one.language, one.text.casefold()) for one in written(TWEETS)}
    assert [one for one in found if (one.language, one.text.casefold()) in few] == []
    for language in FURTHER:
        named = faults([_as_post(one, n) for n, one in enumerate(found) if one.language == language])
        assert [one for one in named if "real name" not in one] == []


def test_the_facets_of_further_languages_are_known_values_and_each_kind_of_crisis_has_its_posts() -> None:
    found = list(written(WRITTEN, CRISES))
    for facet, column in enumerate(FACETS):
        assert {one.facets[facet] for one in found} <= set(VALUES[column])
    for language in FURTHER:
        mine = [one for one in found if one.language == language]
        said = Counter(
            (facet, value) for one in mine for facet, value in zip(FACETS, one.facets, strict=True)
        )
        assert all(said["crisis", kind] >= 60 for kind in FACETS["crisis"])
        assert all(said["intent", intent] >= 40 for intent in FACETS["intent"])
        assert all(said["emotion", emotion] >= 35 for emotion in FACETS["emotion"])
        assert all(said["harm", harm] >= 12 for harm in FACETS["harm"])


@pytest.mark.parametrize(("folder", "spoken"), [(CRISES, SCORED), (HARM, ("en", "es", "ro", "tr"))])
def test_posts_about_crises_and_harm_are_all_different_name_nobody_and_repeat_no_other_post(
    folder: Path, spoken: Collection[str]
) -> None:
    found = list(written(folder))
    assert {one.language for one in found} == set(spoken)
    assert {one.label for one in found} == set(SENTIMENTS)
    for facet, column in enumerate(FACETS):
        assert {one.facets[facet] for one in found} <= set(VALUES[column])
    rest = (one for one in (*FACETED, TWEETS) if one not in (folder, CUSTOMERS, PLAIN))
    others = {(one.language, one.text.casefold()) for one in written(*rest)}
    others |= {(language, post.text.casefold()) for language in LANGUAGES for post in posts(language)}
    assert others.isdisjoint((one.language, one.text.casefold()) for one in found)
    for language in spoken:
        named = faults([_as_post(one, n) for n, one in enumerate(found) if one.language == language])
        allowed = {f"real name {word!r}" for word in WORDS_OF_THE_LANGUAGE.get(language, ())}
        assert [one for one in named if one.partition(": ")[2] not in allowed] == []


@pytest.mark.slow("compares thousands of posts")
def test_posts_in_a_plain_voice_are_labelled_all_different_name_nobody_and_repeat_no_other_post() -> None:
    found = list(written(CUSTOMERS, PLAIN))
    assert {one.language for one in found} <= set(SCORED)
    for facet, column in enumerate(FACETS):
        assert {one.facets[facet] for one in found} <= set(VALUES[column])
    others = {(one.language, one.text.casefold()) for one in written(WRITTEN, TWEETS, CRISES, HARM)}
    others |= {(language, post.text.casefold()) for language in LANGUAGES for post in posts(language)}
    assert others.isdisjoint((one.language, one.text.casefold()) for one in found)
    for language in {one.language for one in found}:
        mine = [one for one in found if one.language == language]
        named = faults([_as_post(one, n) for n, one in enumerate(mine)])
        allowed = {f"real name {word!r}" for word in WORDS_OF_THE_LANGUAGE.get(language, ())}
        assert [one for one in named if one.partition(": ")[2] not in allowed] == []
        labels = Counter(one.label for one in mine)
        assert all(0.2 < labels[label] / len(mine) < 0.45 for label in SENTIMENTS)


def _as_post(one: Written, number: int) -> Post:
    return _post(one.text, sentiment=one.label, where=f"{one.language}.tsv:{number}")
