"""Mastodon: several instances with one mention for one status, hashtags of the monitors, and timelines that are not shown."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.kinds import make_source
from ingest.source import Cursor, Fetched, FetchFailed
from ingest.sources.mastodon import DOUBT_EVERY, MastodonSettings, shown
from ingest.sources.mastodon_status import is_public, status_post
from tests.contracts.loopback import INGEST, Loopback, World, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks.mastodon import NETWORK, count_anew, status
from tocsin.definitions.models import SourceDef

OPEN = {"local": "public", "remote": "public"}
CLOSED = {"local": "authenticated", "remote": "disabled"}


def source(world: World, queries: list[str] | None = None, **settings: Any) -> Any:
    value = {"name": "fedi", "kind": "mastodon"} | NETWORK.settings(world.url) | settings
    asked = queries or []
    return make_source(SourceDef.model_validate(value), INGEST, world.clock, world.budget, lambda: asked)


def a_round(one: Any, world: World, cursor: Cursor | None = None) -> tuple[list[str], Fetched]:
    """The ids that one round over all timelines brings, and its last answer."""
    ids: list[str] = []
    while True:
        fetched = one.fetch(cursor, world.clock.now())
        cursor = json.loads(json.dumps(fetched.cursor))
        ids += [mention.id for mention in fetched.mentions]
        if not fetched.more:
            return ids, fetched


def test_a_status_that_two_instances_show_is_one_mention(loopback: Loopback) -> None:
    raw = status(posts(1)[0], World())
    here = status_post(raw, "mastodon.example").fields
    there = status_post(raw | {"id": "77", "url": "https://other.example/@ayse/77"}, "other.example").fields
    assert here["id"] == there["id"] == raw["uri"]
    world = loopback.begin(NETWORK)
    world.posts = posts(2)
    same = world.url.replace("127.0.0.1", "localhost")
    ids, last = a_round(source(world, instances=[world.url, same]), world)
    assert len(ids) == 4
    assert len(set(ids)) == 2
    assert last.cursor is not None
    assert set(last.cursor["lanes"]) == {f"{world.url} public", f"{same} public"}


def test_a_handle_names_the_home_of_its_account() -> None:
    raw = status(posts(1)[0], World())
    assert status_post(raw, "mastodon.example:3000").fields["author"]["handle"] == "ayse@mastodon.example"
    remote = raw | {"account": raw["account"] | {"acct": "jan@far.example"}}
    author = status_post(remote, "mastodon.example").fields["author"]
    assert (author["handle"], author["followers"]) == ("jan@far.example", 120)


def test_a_repost_and_a_quote_say_what_they_repeat() -> None:
    said = status(posts(1)[0], World())
    repost = status_post(
        said | {"uri": "https://x.example/9", "content": "", "reblog": said}, "x.example"
    ).fields
    assert (repost["repost_of"], repost["text"]) == (said["uri"], "De ketel lekt alweer (1)")
    quote = said | {"quote": {"state": "accepted", "quoted_status": {"uri": "https://x.example/1"}}}
    assert status_post(quote, "x.example").fields["extra"] == {"quote_of": "https://x.example/1"}
    assert not is_public(said | {"visibility": "private"})


@pytest.mark.parametrize(
    ("live", "tags", "only_local", "token", "public", "tag"),
    [
        (None, None, False, False, {}, {}),
        (OPEN, CLOSED, False, False, {}, None),
        (CLOSED, OPEN, False, True, {"local": "true"}, {}),
        ({"local": "public", "remote": "disabled"}, OPEN, False, False, {"local": "true"}, {}),
        ({"local": "disabled", "remote": "public"}, OPEN, False, False, {"remote": "true"}, {}),
        ({"local": "disabled", "remote": "public"}, OPEN, True, False, None, {"local": "true"}),
    ],
)
def test_an_instance_is_asked_for_as_much_as_it_shows(
    live: Any, tags: Any, only_local: bool, token: bool, public: Any, tag: Any
) -> None:
    access = {"live_feeds": live, "hashtag_feeds": tags}
    assert shown(access, "public", only_local=only_local, signed_in=token) == public
    assert shown(access, "#ketel", only_local=only_local, signed_in=token) == tag


def test_a_timeline_that_is_not_shown_is_not_asked_for(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.notes["access"] = {"live_feeds": CLOSED, "hashtag_feeds": OPEN}
    with pytest.raises(FetchFailed, match="shows its public timeline to nobody, or only with a token"):
        a_round(source(world), world)
    assert [one.path for one in world.requests] == ["/api/v2/instance"]
    world.posts = posts(1)
    ids, last = a_round(source(world, hashtags=["#Ketel"]), world)
    assert len(ids) == 1
    assert last.warning is not None
    assert last.warning.startswith("1 of 2 places are not heard: 127.0.0.1 shows its public timeline")
    assert world.requests[-1].path == "/api/v1/timelines/tag/Ketel"


def test_hashtags_follow_the_queries_of_the_monitors(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    queries = ["tocsin AND NOT #spam", "#Ketel OR #Isıtıcı OR #half*"]
    one = source(world, queries, public=False, hashtags_of_monitors=True)
    _, last = a_round(one, world)
    asked = [request.path.rpartition("/")[2] for request in world.requests if "/tag/" in request.path]
    assert asked == ["Is%C4%B1t%C4%B1c%C4%B1", "Ketel"] * 2
    queries.clear()
    quiet = one.fetch(last.cursor, world.clock.now())
    assert (quiet.cursor, quiet.warning) == (
        last.cursor,
        "nothing is read: no monitor's query names a hashtag",
    )


def test_a_silent_timeline_is_doubted_once_an_hour(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.posts = posts(2)
    one = source(world)
    _, last = a_round(one, world)
    a_round(one, world, last.cursor)
    newest = [
        request for request in world.requests if "min_id" not in request.query and "limit" in request.query
    ]
    assert len(newest) == 1
    count_anew(world)
    ids, last = a_round(one, world, last.cursor)
    assert ids == []
    world.clock.advance(DOUBT_EVERY + timedelta(minutes=1))
    ids, last = a_round(one, world, last.cursor)
    assert len(ids) == 3


def test_a_newest_status_that_was_deleted_is_no_other_instance(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.posts = posts(3)
    one = source(world)
    _, last = a_round(one, world)
    world.delete(3)
    world.clock.advance(DOUBT_EVERY)
    gaps = one.fetch(last.cursor, world.clock.now()).gaps, one.fetch(last.cursor, world.clock.now()).gaps
    assert gaps == ((), ())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"public": False}, "nothing is read"),
        ({"instances": ("a.example", "b.example"), "token": "env:T"}, "a token is for one instance"),
        ({"instances": ("ftp://a.example",)}, "must begin with http"),
        ({"hashtags": ("two words",)}, "pattern"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MastodonSettings.model_validate(settings)
