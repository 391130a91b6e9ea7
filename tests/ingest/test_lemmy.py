"""Lemmy: both versions of its API, comments, deletions, and pages that move or are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingest.sources.lemmy import PAGE_SIZE, VERSION_HOLDS, view_post
from tests.contracts.loopback import Loopback, Reply, Request, World, as_json, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, hear
from tests.ingest.networks.lemmy import NETWORK, serve
from tests.ingest.one_network import all_pages_heard, ear_of

COMMENT: dict[str, Any] = {
    "comment": {
        "id": 9,
        "content": "Bij *mij* ook",
        "ap_id": "https://far.example/comment/9",
        "path": "0.9",
        "published_at": "2026-03-01T11:00:00.123456Z",
        "upvotes": 2,
        "child_count": 1,
        "deleted": False,
        "removed": False,
    },
    "post": {"ap_id": "https://lemmy.example/post/7"},
    "creator": {
        "name": "jan",
        "display_name": "Jan",
        "ap_id": "https://far.example/u/jan",
        "bot_account": True,
    },
    "community": {"ap_id": "https://lemmy.example/c/ketels"},
}


def test_a_comment_belongs_to_its_post_and_names_its_home() -> None:
    fields = view_post(COMMENT, "comments").fields
    assert (fields["id"], fields["thread"], fields["in_reply_to"]) == (
        "https://far.example/comment/9",
        "https://lemmy.example/post/7",
        "https://lemmy.example/post/7",
    )
    assert fields["author"] == {"id": "https://far.example/u/jan", "name": "Jan", "handle": "jan@far.example"}
    assert fields["extra"] == {"community": "https://lemmy.example/c/ketels", "bot": True}
    assert fields["engagement"] == {"likes": 2, "replies": 1}
    below = COMMENT | {"comment": COMMENT["comment"] | {"path": "0.9.12"}}
    assert view_post(below, "comments").fields["in_reply_to"] is None


def test_both_versions_give_the_same_mentions(loopback: Loopback) -> None:
    found = []
    for version in ("v4", "v3"):
        ear = ear_of(loopback, NETWORK)
        ear.world.notes["version"] = version
        ear.world.posts = [replace(posts(2)[0], edited_at=posts(2)[1].at), posts(2)[1]]
        found.append(hear(ear, ear.source()).mentions)
    assert found[0] == found[1]
    assert found[0][1].edited_at == posts(2)[1].at


def test_a_server_that_answers_an_unknown_version_with_its_web_page_is_asked_for_the_other(
    loopback: Loopback,
) -> None:
    def with_page(world: World, request: Request) -> Reply:
        if request.path.startswith("/api/v4/"):
            return Reply(b"<!DOCTYPE html><title>Lemmy</title>", headers={"content-type": "text/html"})
        return serve(world, request)

    ear = ear_of(loopback, replace(NETWORK, serve=with_page))
    ear.world.notes["version"] = "v3"
    ear.world.posts = posts(2)
    assert set(hear(ear, ear.source()).ids) == ear.ids(1, 2)


def pages_after_the_first(ear: Ear) -> None:
    later = all_pages_heard(ear, 2 * PAGE_SIZE + 5)
    assert hear(ear, ear.source(), later.cursor).ids == []


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_all_pages_since_the_last_reading_are_read(loopback: Loopback, version: str) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.notes["version"] = version
    pages_after_the_first(ear)


def test_an_instance_that_is_upgraded_between_two_pages_is_read_on(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.notes["version"] = "v3"
    ear.world.posts = posts(2)
    first = hear(ear, ear.source())
    ear.world.posts = posts(2 * PAGE_SIZE)
    half = ear.source().fetch(first.cursor, ear.world.clock.now())
    assert half.more
    ear.world.notes["version"] = "v4"
    ear.world.clock.advance(VERSION_HOLDS)
    rest = hear(ear, ear.source(), half.cursor)
    assert {one.id for one in half.mentions} | set(rest.ids) == ear.ids(*range(3, 2 * PAGE_SIZE + 1))


def test_a_page_that_the_instance_forgot_is_read_from_the_newest_again(loopback: Loopback) -> None:
    def forgetful(world: World, request: Request) -> Reply:
        if "page_cursor" in request.query and not world.notes.get("asked"):
            world.notes["asked"] = True
            return as_json({"error": "couldnt_parse_pagination_token"}, 400)
        return serve(world, request)

    pages_after_the_first(ear_of(loopback, replace(NETWORK, serve=forgetful)))


def test_posts_and_comments_are_read_in_turn(loopback: Loopback) -> None:
    def both(world: World, request: Request) -> Reply:
        if request.path == "/api/v4/comment/list":
            gone = COMMENT | {
                "comment": COMMENT["comment"] | {"ap_id": "https://far.example/comment/8", "removed": True}
            }
            return as_json({"items": [COMMENT, gone]})
        return serve(world, request)

    ear = ear_of(loopback, replace(NETWORK, serve=both), lists=["posts", "comments"])
    ear.world.posts = posts(1)
    heard = hear(ear, ear.source())
    assert set(heard.ids) == ear.ids(1) | {"https://far.example/comment/9"}
    assert [one.id for one in heard.removed] == ["https://far.example/comment/8"]
