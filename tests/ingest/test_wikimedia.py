"""Wikimedia EventStreams: what an event becomes, and the bytes that events are read from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.event_stream import EventLines
from ingest.source import Removed, SourceContext
from ingest.sources.wikimedia import EventStreams, WikimediaPlace, WikimediaSettings
from ingest.streaming import Heard
from ingest.wires import WireEnded, WireMessage
from tests.contracts.loopback import posts as some_posts
from tests.ingest.networks.wikimedia import edit, hidden
from tocsin.settings import Ingest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def heard(event: dict[str, Any], **settings: Any) -> Heard:
    dialect = EventStreams(
        SourceContext("wiki", Ingest.model_validate({})), WikimediaSettings.model_validate(settings)
    )
    found = Heard(NOON)
    dialect.read(WireMessage(json.dumps(event).encode(), "message", "[]"), WikimediaPlace(), found)
    return found


def change(**fields: Any) -> dict[str, Any]:
    (post,) = some_posts(1)
    return edit(post) | fields


def test_a_change_becomes_a_mention() -> None:
    (mention,) = heard(
        change(comment="Brand gemeld op de fabriek", title="Ketelfabriek", user="Ayşe")
    ).mentions
    assert (mention.id, mention.network, mention.lang) == ("nlwiki:1001", "wikimedia", "nl")
    assert (mention.title, mention.text) == ("Ketelfabriek", "Brand gemeld op de fabriek")
    assert mention.url == "https://nl.wikipedia.org/w/index.php?diff=1001"
    assert (mention.author and mention.author.name, mention.thread) == ("Ayşe", "nlwiki:Ketelfabriek")


@pytest.mark.parametrize(
    ("fields", "settings", "counts"),
    [
        ({"bot": True}, {}, False),
        ({"bot": True}, {"bots": True}, True),
        ({"type": "log"}, {}, False),
        ({"type": "new"}, {}, True),
        ({"namespace": 2}, {}, False),
        ({"namespace": 2}, {"namespaces": []}, True),
        ({"wiki": "enwiki"}, {"wikis": ["nlwiki"]}, False),
        ({"meta": {"domain": "canary", "stream": "mediawiki.recentchange"}}, {}, False),
    ],
)
def test_only_the_changes_that_are_asked_for_count(
    fields: dict[str, Any], settings: dict[str, Any], counts: bool
) -> None:
    assert bool(heard(change(**fields), **settings).mentions) is counts


def test_a_hidden_revision_is_removed() -> None:
    assert heard(hidden(5)).removed == [Removed(id="nlwiki:1005")]
    assert heard(hidden(5) | {"visibility": {"text": True, "user": False}}).removed == []


def read(*chunks: bytes, most: int = 1000) -> list[WireMessage]:
    lines = EventLines("a.example", most)
    return [message for chunk in chunks for message in lines.read(chunk)]


def test_events_are_read_as_the_standard_says() -> None:
    text = (
        b": hello\n\nevent: add\nid: 7\ndata: a\ndata:  b\n\ndata\n\nid: 8\n\nretry: 5\ndata: c\r\ndata:d\r\r"
    )
    expected = [
        WireMessage(b"a\n b", "add", "7"),
        WireMessage(b"", "", "7"),
        WireMessage(b"c\nd", "", "8"),
    ]
    assert read(text + b"data: not whole") == expected
    assert read(*(text[n : n + 1] for n in range(len(text))), b"\n") == expected


def test_an_event_without_end_is_not_held() -> None:
    with pytest.raises(WireEnded, match="too many bytes") as caught:
        read(*[b"data: aaaaaaaaaaaaaaaaaaaaaaaa\n"] * 50)
    assert caught.value.too_large
    with pytest.raises(WireEnded):
        read(b"a" * 2000)
