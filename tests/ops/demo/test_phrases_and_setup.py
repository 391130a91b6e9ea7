"""The demo's texts are complete, and its monitors, people and policies fit each other."""

from __future__ import annotations

import random
import re

import pytest

from ops.demo.cast import person
from ops.demo.monitors import demo_setup
from ops.demo.phrases import Phrases, parse_sections, phrases
from tocsin.definitions.models import Role

GIVEN = {"brand": "Ondrello", "model": "Cargo", "at": "@ondrello", "tag": "#RideOndrello"}
FOUR = ("en", "nl", "tr", "ro")
# The sections that every language must have, and those that only the four main ones have.
EVERYWHERE = ("praise", "complaint", "question", "chat", "reply", "campaign", "campaign_reply", "crisis")
IN_FOUR = ("news_title", "news_body", "crisis_news_title", "crisis_news_body", "noise")


@pytest.mark.parametrize("lang", [*FOUR, "de", "fr"])
def test_every_slot_of_every_line_has_a_section(lang: str) -> None:
    words = phrases(lang)
    for section in (*EVERYWHERE, "crisis_reply", "crisis_question", "calm", "first_name", "nick"):
        assert words.has(section), section
        _check(words, section, set())


@pytest.mark.parametrize("lang", FOUR)
def test_the_main_languages_have_news_and_noise_too(lang: str) -> None:
    for section in IN_FOUR:
        assert "{" not in phrases(lang).say(section, random.Random(1), GIVEN)


def _check(words: Phrases, section: str, seen: set[str]) -> None:
    if section in seen or section in GIVEN:
        return
    seen.add(section)
    for line in words.choices(section):
        for slot in re.findall(r"\{(\w+)\}", line):
            _check(words, slot, seen)


def test_posts_name_the_brand_in_whatever_way_they_come_out() -> None:
    rng = random.Random(7)
    for lang in (*FOUR, "de", "fr"):
        for section in EVERYWHERE:
            for _ in range(60):
                text = phrases(lang).say(section, rng, GIVEN)
                assert "ondrello" in text.lower(), (lang, section, text)


def test_english_and_french_articles_bend_before_a_vowel() -> None:
    en = Phrases("en", {"x": ("a {brand} and a {model}",)})
    assert en.say("x", random.Random(1), GIVEN) == "An Ondrello and a Cargo"
    fr = Phrases("fr", {"x": ("le {brand} de {brand}",)})
    assert fr.say("x", random.Random(1), GIVEN) == "L'Ondrello d'Ondrello"


def test_a_turkish_sentence_begins_with_a_dotted_capital() -> None:
    tr = Phrases("tr", {"x": ("iki gün oldu. iyi ki almışım",)})
    assert tr.say("x", random.Random(1), {}) == "İki gün oldu. İyi ki almışım"


def test_romanian_is_written_with_comma_below_letters() -> None:
    lines = [
        line
        for section in ("praise", "crisis", "x_feel", "p_open")
        for line in phrases("ro").choices(section)
    ]
    assert not [line for line in lines if re.search("[şţŞŢ]", line)]


@pytest.mark.parametrize("text", ["early\n[a]\n", "[a]\none\n[a]\ntwo\n"])
def test_a_misshapen_file_of_texts_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line [13]"):
        parse_sections(text)


def test_the_same_person_is_met_again() -> None:
    assert person("tr", "bluesky", 5) is person("tr", "bluesky", 5)
    followers = sorted(person("en", "mastodon", number).followers or 0 for number in range(260))
    # Heavy-tailed: the largest is far above the median.
    assert followers[130] * 20 < followers[-1]


def test_monitors_people_and_policies_fit_each_other() -> None:
    setup = demo_setup()
    assert set(setup) == {"monitors", "people", "policies"}
    people = {f"person:{one['name']}" for one in setup["people"]}
    assert {one["role"] for one in setup["people"]} == {role.value for role in Role}
    assert all(one["channels"] == [{"kind": "console"}] for one in setup["people"])
    for policy in setup["policies"]:
        waits = [step["after_minutes"] for step in policy["steps"]]
        assert waits[0] == 0 and waits == sorted(set(waits))
        assert {target for step in policy["steps"] for target in step["targets"]} <= people
        assert {target for team in policy["teams"].values() for target in team} <= people
        assert set(policy["teams"]) == {"pr", "legal", "fallback"}
    assert {m["policy"] for m in setup["monitors"]} <= {policy["name"] for policy in setup["policies"]}
    assert [m["name"] for m in setup["monitors"]] == ["Ondrello", "Kvikkado", "Trapuno"]
