"""The streams of Mastodon: what each message does, and where the timelines go on."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ingest.source import Removed, SourceContext
from ingest.sources.mastodon_stream import MastodonStreams, MastodonStreamSettings, TimelinePlaces
from ingest.streaming import Heard
from ingest.wires import WireMessage
from tests.contracts.loopback import World, posts
from tests.contracts.sources import NOW
from tests.ingest.networks.mastodon import status, status_id, uri
from tocsin.settings import Ingest


def dialect(**settings: Any) -> MastodonStreams:
    given = {"instance": "mastodon.example", "token": "env:NONE"} | settings
    context = SourceContext("m", Ingest.model_validate({}))
    return MastodonStreams(context, MastodonStreamSettings.model_validate(given))


def said(event: str, payload: Any, *stream: str) -> WireMessage:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    message = {"stream": stream or ["public"], "event": event, "payload": text}
    return WireMessage(json.dumps(message).encode())


def test_a_status_that_is_deleted_is_removed_by_its_address() -> None:
    world, (post, other) = World(), posts(2)
    streams, heard, at = dialect(), Heard(NOW), TimelinePlaces()
    at = streams.read(said("update", status(post, world)), at, heard)
    assert [one.id for one in heard.mentions] == [uri(post)]
    assert at.ids == {"public": str(status_id(post, world))}
    later = Heard(NOW)
    streams.read(said("delete", str(status_id(other, world))), at, later)
    streams.read(said("delete", str(status_id(post, world))), at, later)
    streams.read(said("filters_changed", ""), at, later)
    assert later.removed == [Removed(id=uri(post))]
    assert later.bad == []


def test_each_timeline_has_a_place_of_its_own_and_late_statuses_move_none_back() -> None:
    world, (first, second) = World(), posts(2)
    streams, heard = dialect(hashtags=["#Ketel"]), Heard(NOW)
    at = streams.read(said("update", status(second, world), "hashtag", "ketel"), TimelinePlaces(), heard)
    before = streams.read(said("update", status(first, world), "hashtag", "ketel"), at, heard)
    assert before.ids == at.ids == {"#ketel": str(status_id(second, world))}
    assert before != at
    assert len(heard.mentions) == 2


def test_a_status_for_followers_is_not_kept_and_one_from_the_future_moves_no_clock() -> None:
    world, (post, other) = World(), posts(2)
    streams, heard = dialect(), Heard(NOW)
    private = status(post, world) | {"visibility": "private"}
    at = streams.read(said("update", private), TimelinePlaces(), heard)
    assert heard.mentions == []
    future = status(other, world) | {"created_at": (NOW + timedelta(days=900)).isoformat()}
    assert streams.read(said("update", future), at, heard).posted == post.at


@pytest.mark.parametrize(
    "settings", [{"public": False}, {"token": "in plain text"}, {"instance": "ftp://a.example"}]
)
def test_settings_that_could_not_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        dialect(**settings)
