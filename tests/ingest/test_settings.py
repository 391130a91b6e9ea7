"""Settings of sources that mean nothing are refused where they are written, in one line that names the setting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.kinds import settings_of
from tests.inside import command
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import SourceDef

WHOLE: Mapping[str, Mapping[str, Any]] = {
    "file": {"path": "posts.jsonl"},
    "gdelt": {"query": "lumo"},
    "github": {"repositories": ["lumo/lamp"]},
    "imap": {"host": "mail.example", "user": "ada", "password": "env:MAIL"},
    "kafka": {"servers": ["kafka.example:9092"], "topic": "posts"},
    "mastodon_stream": {"instance": "social.example", "token": "env:TOKEN"},
    "nostr": {"relays": ["wss://relay.example"]},
    "x": {"token": "env:TOKEN", "query": "lumo"},
    "x_stream": {"token": "env:TOKEN"},
}
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def define(kind: str, **settings: Any) -> Any:
    return settings_of(
        SourceDef.model_validate({"name": "one", "kind": kind, **WHOLE.get(kind, {}), **settings})
    )


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [
        ("stackexchange", "tagged", "  ", "no tag is named: write them like python;pandas"),
        ("stackexchange", "tagged", ";;", "no tag is named"),
        ("stackexchange", "tagged", "machine learning", "is no tag: a tag is one word"),
        ("stackexchange", "tagged", "python;\u202epandas", "is no tag"),
        ("stackexchange", "tagged", "x" * 36, "is no tag"),
        ("stackexchange", "tagged", "...", "is no tag"),
        ("mastodon", "hashtags", ["lumo", "\u202eomul"], "take out what cannot be seen: U+202E"),
        ("mastodon", "hashtags", ["..."], "is no hashtag: it needs a letter, a digit or an emoji"),
        ("mastodon_stream", "hashtags", ["lumo\u200b"], "take out what cannot be seen: U+200B"),
        ("nostr", "hashtags", ["\u2066lumo"], "take out what cannot be seen: U+2066"),
        ("gdelt", "query", "     ", "this may not be empty"),
        ("gdelt", "query", "lumo\x07\u200f", "take out what cannot be seen: U+0007, U+200F"),
        ("gdelt", "query", "?!;", "looks for nothing: a search needs a word"),
        ("hackernews", "query", " ", "this may not be empty"),
        ("x", "query", "lumo\u2028lamp", "take out what cannot be seen: U+2028"),
        ("x_stream", "rules", ["lumo", "   "], "this may not be empty"),
        ("x_stream", "within", "\u202e", "take out what cannot be seen: U+202E"),
        ("imap", "folder", " ", "this may not be empty"),
        ("imap", "folder", "IN\nBOX", "has a line break or another control character"),
        ("imap", "user", "\t", "has a line break or another control character"),
        ("imap", "interval_s", True, "a whole number is needed"),
        ("imap", "port", True, "a whole number is needed"),
        ("wikimedia", "namespaces", [0, True], "a whole number is needed"),
        ("file", "interval_s", True, "a number is needed"),
        ("file", "path", "", "this may not be empty"),
        ("file", "path", "   ", "this may not be empty"),
        ("file", "path", "/", "is a folder: name the file in it"),
        ("file", "path", "logs/..", "is a folder: name the file in it"),
        ("file", "path", ["a"], "a text is needed"),
        ("file", "path", "x" * 256, "no file has so long a path: 4,095 bytes at most, and 255 in one name"),
        ("file", "path", "x/" * 3000 + "y", "no file has so long a path"),
        ("kafka", "username", "", "this may not be empty"),
        ("kafka", "username", "ada", "PLAINTEXT does not sign in: leave username and password out"),
        ("kafka", "security", "SASL_SSL", "SASL_SSL signs in: set username and password"),
        ("github", "site", "https://<b>", "names no host"),
        ("lemmy", "instances", ["a,b"], "names no host"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(kind: str, name: str, value: object, says: str) -> None:
    with pytest.raises(WrongInput) as refused:
        define(kind, **{name: value})
    said = str(refused.value)
    assert said.startswith("source 'one': ") and says in said and "\n" not in said, said
    assert name in said or name == "security", said


def test_what_worked_is_taken_as_it_was() -> None:
    assert define("stackexchange", tagged="c++; .net;").tagged == "c++;.net"
    assert define("stackexchange", tagged="многопоточность").tagged == "многопоточность"
    assert not define("stackexchange", tagged="").tagged
    assert define("mastodon", hashtags=["#Lumo", "می‌خواهم", "covid-19"]).hashtags == (
        "Lumo",
        "می‌خواهم",
        "covid-19",
    )
    assert define("nostr", hashtags=["⚡"]).hashtags == ("⚡",)
    for query in ('("Vaillant" OR "Bosch ketel")\n\tsourcelang:dutch\n', "💡 lumo", ENGLAND):
        assert (define("gdelt", query=query).query, define("x", query=query).query) == (query, query)
    assert define("x", query="  ", monitors=True).query == "  "
    assert define("x_stream", within="", rules=[" lumo "]).rules == (" lumo ",)
    assert define("imap", folder="Отправленные [1]", user="ada lumo").folder == "Отправленные [1]"
    assert define("file", path=" odd name .jsonl", interval_s="2").path == Path(" odd name .jsonl")
    assert define("kafka", security="SASL_SSL", username="ada", password="env:K").username == "ada"
    for site in (
        "https://münchen.example",
        "http://my_host:8080",
        "https://[2001:db8::1]",
        "https://10.0.0.1",
    ):
        assert define("github", site=site).site == site


def test_a_file_of_definitions_with_such_a_setting_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(
        'sources:\n  - {name: letters, kind: imap, host: m.example, user: ada, password: "env:M", folder: " "}\n'
    )
    done = command("apply", file, "--data", tmp_path / "data")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode().strip().endswith("source 'letters': folder = ' ': this may not be empty")
    tried = command("sources", "test", "--kind", "gdelt", "--set", "query=   ", "--data", tmp_path / "data")
    assert tried.returncode == 2 and b"query = '   ': this may not be empty" in tried.stderr
