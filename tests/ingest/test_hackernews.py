"""Hacker News: stories beside comments, and more posts than the index shows of one question."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingest.sources.hackernews import hit_post
from tests.contracts.loopback import Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.ingest.networks.hackernews import NETWORK, PAGE
from tests.ingest.one_network import ear_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_story_has_its_link_and_a_comment_its_story() -> None:
    raw = {
        "objectID": "7",
        "created_at_i": 1_772_000_000,
        "author": "pg",
        "title": "Show HN: a kettle &amp; more",
        "url": "https://kettle.example/",
        "story_id": 7,
        "points": 12,
        "num_comments": 3,
    }
    story = hit_post(raw, NOON).fields
    assert (story["title"], story["text"], story["links"]) == (
        "Show HN: a kettle & more",
        "",
        ["https://kettle.example/"],
    )
    assert (story["thread"], story["engagement"]) == ("7", {"likes": 12, "replies": 3})
    comment = hit_post(
        {"objectID": "8", "comment_text": "<p>So &gt; what", "story_id": 7, "parent_id": 7}, NOON
    ).fields
    assert (comment["text"], comment["thread"], comment["in_reply_to"]) == ("So > what", "7", "7")


def test_a_time_in_the_future_ends_no_page() -> None:
    future = int((NOON + timedelta(days=400)).timestamp())
    assert hit_post({"objectID": "7", "created_at_i": future}, NOON).at is None


def test_when_nothing_is_new_one_question_is_asked(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(3 * PAGE)
    source = ear.source()
    first = hear(ear, source)
    asked = len(ear.world.requests)
    ear.world.posts = posts(3 * PAGE + 1)
    assert hear(ear, source, first.cursor).ids == [ear.world.posts[-1].id]
    assert len(ear.world.requests) == asked + 1


def test_more_posts_of_one_second_than_the_index_shows_are_a_gap(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    crowd = [replace(one, at=posts(1)[0].at) for one in posts(3 * PAGE, first=10)]
    before = replace(posts(1)[0], at=posts(1)[0].at - timedelta(minutes=1))
    ear.world.posts = [before, *crowd]
    heard = hear(ear, ear.source())
    assert before.id in heard.ids
    assert [(gap.start, gap.end) for gap in heard.gaps] == [(crowd[0].at, crowd[0].at + timedelta(seconds=1))]
