"""Names are one line of characters that can be seen; a stored name of another kind is readable."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tocsin.definitions.models import Monitor, Person

BAD = (
    "\x00\n\r\t\x1b\x7f\x85\x9b\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\ue000\ud800"
)


@pytest.mark.parametrize("char", BAD, ids=[f"U+{ord(char):04X}" for char in BAD])
def test_a_character_that_steers_is_refused_in_a_name_and_readable_where_it_is_stored(char: str) -> None:
    name = f"Lu{char}mo"
    with pytest.raises(ValidationError):
        Person(name=name)
    # These were refused before.
    if char not in "\x00\n\r\t\x1b\ud800":
        assert Monitor.model_validate({"name": name, "query": "lumo"}, context={"stored": True}).name == name


@pytest.mark.parametrize(
    "name", ["Lumo", "Zürich", "日本語", "العربية", "می\u200cخواهم", "👩\u200d🚒", "a b", "🏴"]
)
def test_words_of_any_script_are_names(name: str) -> None:
    assert Monitor(name=name, query="lumo").name == name


def test_the_refusal_names_the_character() -> None:
    with pytest.raises(ValidationError, match=r"take out U\+2028"):
        Monitor(name="Lu\u2028mo", query="lumo")


@pytest.mark.parametrize(
    "name",
    [
        "key k-admin",
        "Key x",
        "KEY\u00a0x",
        "nobody",
        "Tocsin",
        "TOCSIN AUDITOR",
        "Tocsin  import",
        "command line",
        "   ",
        "engine",
        " Engine ",
        "ｅｎｇｉｎｅ",
        "en\u200dgine",
        "auditor",
        "System",
        "restore",
        "backtest",
        "ada (command line)",
    ],
)
def test_a_person_has_no_name_that_stands_in_the_record_for_somebody_else(name: str) -> None:
    with pytest.raises(ValidationError):
        Person(name=name)
    assert Person.model_validate({"name": name}, context={"stored": True}).name == name


@pytest.mark.parametrize(
    "name", ["Keyla", "key", "Engin", "Ana Tocsin", "Tocsina", "systems team", "auditor.ada"]
)
def test_a_name_that_nobody_takes_for_the_record_s_own_is_taken(name: str) -> None:
    assert Person(name=name).name == name


NESTED = json.loads("[" * 500 + "]" * 500)
SETTINGS = [NESTED, {}, None, float("nan"), 1.5, 10**30, "a\x00b", "a\nb", "a\u2028b", "x" * 2001]


@pytest.mark.parametrize("value", SETTINGS, ids=[ascii(value)[:12] for value in SETTINGS])
def test_a_setting_of_a_channel_is_short_and_plain(value: object) -> None:
    with pytest.raises(ValidationError, match="must be one line of text"):
        Person.model_validate({"name": "ada", "channels": [{"kind": "console", "x": value}]})


def test_plain_settings_of_a_channel_are_taken() -> None:
    given = {"kind": "pager", "to": "ada@example.org", "loud": True, "volume": 11}
    (channel,) = Person.model_validate({"name": "ada", "channels": [given]}).channels
    assert channel.target == {"to": "ada@example.org", "loud": True, "volume": 11}


def test_a_language_that_nobody_knows_is_refused_and_one_that_is_stored_is_kept() -> None:
    for codes in (["en", "pt-BR", "NL"], [""], []):
        assert Monitor.model_validate({"name": "a", "query": "acme", "languages": codes}).languages == tuple(
            codes
        )
    stored = {"name": "a", "query": "acme", "languages": ["nl", "Dutch"]}
    with pytest.raises(ValidationError, match="'Dutch' is no language; write its code, such as en or pt-BR"):
        Monitor.model_validate(stored)
    assert Monitor.model_validate(stored, context={"stored": True}).languages == ("nl", "Dutch")
