"""Nostr: which events count, whose deletions do, and several relays as one source."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.source import Fetched, FetchFailed, Removed, SourceContext
from ingest.sources.nostr import NostrDialect, NostrSettings, NostrSource, RelayPlace, is_genuine
from ingest.streaming import Heard
from ingest.wires import WireMessage
from tests.contracts.loopback import INGEST, Reply, World, posts
from tests.ingest.networks.nostr import AUTHOR, NostrRelay, event_id, talker
from tests.ingest.talking import Talker
from tocsin.core.errors import BadMention
from tocsin.settings import Ingest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTHER = "b" * 64


def event(kind: int = 1, content: str = 'De "ketel"\nlekt', **fields: Any) -> dict[str, Any]:
    """An event with the id that NIP-01 says."""
    made = {"pubkey": AUTHOR, "created_at": 1_772_366_000, "kind": kind, "tags": [], "content": content}
    made |= fields
    parts = [0, made["pubkey"], made["created_at"], made["kind"], made["tags"], made["content"]]
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return {"id": hashlib.sha256(text.encode()).hexdigest(), **made, "sig": "0" * 128}


def heard(*said: Any) -> Heard:
    settings = NostrSettings(relays=("wss://relay.example",))
    relay = NostrDialect(
        SourceContext("n", Ingest.model_validate({})), settings, settings.relays[0], is_genuine
    )
    found, at = Heard(NOON), RelayPlace()
    for one in said:
        at = relay.read(WireMessage(json.dumps(one).encode()), at, found)
    return found


def test_a_note_becomes_a_mention() -> None:
    root, parent = "1" * 64, "2" * 64
    tags = [
        ["e", root, "wss://r", "root", OTHER],
        ["e", parent, "", "reply"],
        ["t", "ketel"],
        ["l", "nl", "ISO-639-1"],
    ]
    note = event(tags=tags)
    (mention,) = heard(["EVENT", "x", note]).mentions
    assert (mention.id, mention.network, mention.lang) == (f"{AUTHOR}:{note['id']}", "nostr", "nl")
    assert (mention.text, mention.hashtags) == ('De "ketel"\nlekt', ("ketel",))
    assert (mention.thread, mention.in_reply_to) == (f"{OTHER}:{root}", parent)
    assert mention.created_at == datetime.fromtimestamp(1_772_366_000, UTC)


def test_only_the_author_deletes_a_note_and_vanishes() -> None:
    found = heard(
        ["EVENT", "x", event(kind=5, tags=[["e", "1" * 64]], pubkey=OTHER)],
        ["EVENT", "x", event(kind=62)],
        ["NOTICE", "slow down"],
    )
    assert found.removed == [Removed(id=f"{OTHER}:{'1' * 64}"), Removed(author=AUTHOR)]
    assert found.warning == "relay.example says: slow down"


@pytest.mark.parametrize(
    "fields", [{"content": "something else"}, {"tags": [[7]]}, {"pubkey": OTHER}, {"created_at": None}]
)
def test_an_event_that_is_not_what_its_id_says_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadMention, match="id is not that"):
        heard(["EVENT", "x", event() | fields])


def test_the_id_escapes_no_more_than_the_protocol_says() -> None:
    note = event()
    assert is_genuine(note)
    bell = event(content="\a")
    plain = f'[0,"{AUTHOR}",{bell["created_at"]},1,[],"\a"]'
    assert is_genuine(bell | {"id": hashlib.sha256(plain.encode()).hexdigest()})


def until_quiet(source: NostrSource, wanted: set[str]) -> tuple[list[str], Fetched]:
    """The ids that came until all that are wanted were among them, and the last fetch."""
    found: list[str] = []
    cursor = None
    ends = time.monotonic() + 10
    while True:
        fetched = source.fetch(cursor, NOON)
        cursor = fetched.cursor
        found += [one.id for one in fetched.mentions]
        if wanted <= set(found) and not fetched.more:
            return found, fetched
        assert time.monotonic() < ends


def test_a_note_on_two_relays_is_one_mention_and_one_relay_is_enough() -> None:
    world, shut = World(posts=posts(2)), World(fault=Reply(status=403))
    one, other = talker(), Talker(NostrRelay())
    for relay in (one, other):
        relay.begin(world)
    settings = NostrSettings(relays=(f"ws://{one.netloc}", f"ws://{other.netloc}"), first_minutes=600)
    source = NostrSource(
        SourceContext("n", INGEST, world.clock),
        settings,
        genuine=lambda event: True,
        settle=lambda inbox, fresh: inbox.settle(timedelta(milliseconds=20), timedelta(milliseconds=20)),
    )
    expected = {f"{AUTHOR}:{event_id(post)}" for post in world.posts}
    found, _ = until_quiet(source, expected)
    # Where both relays say it in the same fetch, it is there once; else the store counts it once.
    assert set(found) == expected
    other.begin(shut)
    source.close()
    found, fetched = until_quiet(source, expected)
    assert sorted(found) == sorted(expected)
    assert fetched.warning is not None and "403" in fetched.warning
    one.begin(shut)
    source.close()
    with pytest.raises(FetchFailed, match=r"403.*and 1 more"):
        source.fetch(fetched.cursor, NOON)
    source.close()
