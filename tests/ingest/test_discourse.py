"""Discourse: pages of both kinds of versions, topics by the feed, and first posts with their titles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingest.newest_first import Pass
from ingest.source import SourceContext
from ingest.sources.discourse import DiscourseSettings, DiscourseSource, forum_post
from ingest.sources.feed_parsing import parse_feed
from tests.contracts.loopback import INGEST, Loopback, Network, Reply, Request, World, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.ingest.networks.discourse import NETWORK, PAGE, raw_post
from tests.ingest.one_network import all_pages_heard, ear_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_first_post_of_a_topic_has_its_title() -> None:
    first = forum_post(raw_post(posts(1)[0]) | {"post_number": 1}, "https://forum.example").fields
    reply = forum_post(raw_post(posts(1)[0]), "https://forum.example").fields
    assert (first["title"], first["extra"]) == ("De ketel", {})
    assert (reply["title"], reply["extra"]) == ("", {"topic_title": "De ketel"})
    assert reply["url"] == "https://forum.example/t/de-ketel/9/2"
    assert (reply["thread"], reply["author"]["id"]) == ("forum.example/t/9", "forum.example/7")
    assert reply["engagement"] == {"likes": 3, "replies": 1, "views": 20}


@pytest.mark.parametrize("old", [False, True])
def test_all_pages_since_the_last_reading_are_read(loopback: Loopback, old: bool) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.notes["old"] = old
    count = 2 * PAGE + 5
    later = all_pages_heard(ear, count)
    asked = len(ear.world.requests)
    ear.world.posts = posts(count + 1)
    assert set(hear(ear, ear.source(), later.cursor).ids) == ear.ids(count + 1)
    assert len(ear.world.requests) == asked + 1


def test_what_lies_behind_a_page_that_nobody_may_see_is_a_gap(loopback: Loopback) -> None:
    """An older version counts back by numbers: more than a page of hidden posts, and nothing tells where the next one is."""
    ear = ear_of(loopback, NETWORK)
    ear.world.notes["old"] = True
    ear.world.posts = posts(2)
    source = ear.source()
    first = hear(ear, source)
    ear.world.posts = [*posts(3), *posts(3, first=2 * PAGE)]
    later = hear(ear, source, first.cursor)
    assert set(later.ids) == ear.ids(2 * PAGE, 2 * PAGE + 1, 2 * PAGE + 2)
    (gap,) = later.gaps
    assert gap.start == posts(2)[1].at
    assert gap.end == posts(1, first=2 * PAGE)[0].at
    page, _ = source._posts(ear.world.url, Pass(next="1"))  # type: ignore[attr-defined]
    assert (page.entries, page.cut) == ([], "the forum shows an empty page before what was heard last")


def test_new_topics_come_by_the_feed_and_those_that_left_it_are_a_gap(loopback: Loopback) -> None:
    def serve(world: World, request: Request) -> Reply:
        assert (request.path, request.query["order"]) == ("/latest.rss", "created")
        items = "".join(
            f"<item><guid isPermaLink='false'>topic-{post.id}</guid><title>Ketel</title><description>{post.text}</description>"
            f"<pubDate>{format_datetime(post.at, usegmt=True)}</pubDate></item>"
            for post in reversed(world.there[-3:])
        )
        return Reply(f"<rss version='2.0'><channel><title>Forum</title>{items}</channel></rss>".encode())

    world = loopback.begin(Network("discourse", NETWORK.settings, serve, ""))
    settings = DiscourseSettings(forums=(world.url,), read="topics", lang="nl")
    source = DiscourseSource(SourceContext("forum", INGEST, world.clock, world.budget), settings, parse_feed)
    world.posts = posts(2)
    first = source.fetch(None, NOON)
    assert [(one.title, one.lang, one.network) for one in first.mentions] == [
        ("Ketel", "nl", "discourse")
    ] * 2
    world.posts = posts(3)
    second = source.fetch(first.cursor, NOON)
    assert (len(second.mentions), list(second.gaps)) == (1, [])
    world.posts = posts(9)
    third = source.fetch(second.cursor, NOON)
    assert [(gap.start, gap.end) for gap in third.gaps] == [(posts(3)[-1].at, posts(7)[-1].at)]
    assert third.gaps[0].end - third.gaps[0].start == timedelta(seconds=4)
    assert not source.fetch(third.cursor, NOON).gaps
