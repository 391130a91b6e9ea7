"""Reddit: feeds of an account at one request a minute, the API with keys, and refusals in plain words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.source import BudgetSpent, Cursor, FetchFailed, SourceContext
from ingest.sources.feed_parsing import parse_feed
from ingest.sources.reddit import PAGE_SIZE, RedditSettings, RedditSource, in_plain_words
from ingest.sources.reddit_posts import api_post, feed_post
from tests.contracts.loopback import INGEST, Loopback, Network, World, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.ingest.networks.reddit import ENVIRONMENT, NETWORK, name_of, serve_feed
from tests.ingest.one_network import all_pages_heard, ear_of

MINUTE = timedelta(minutes=1)
FEED = Network("reddit", NETWORK.settings, serve_feed, "")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "FEED": "a-feed-token", "WRONG": "a-wrong-token"}.items():
        monkeypatch.setenv(name, value)


def feed_source(world: World, **settings: Any) -> RedditSource:
    """A source by feeds. They are parsed here, not in a process of their own."""
    plain: dict[str, Any] = {
        "site": world.url,
        "subreddits": ("kettles", "tea"),
        "user": "ayse",
        "feed_token": "env:FEED",
    }
    context = SourceContext("reddit", INGEST, world.clock, world.budget)
    return RedditSource(context, RedditSettings.model_validate(plain | settings), parse_feed)


@pytest.mark.slow("many fetches")
def test_a_feed_is_asked_once_a_minute_and_all_its_pages_are_read(loopback: Loopback) -> None:
    world = loopback.begin(FEED)
    world.posts = posts(2)
    source = feed_source(world)
    cursor: Cursor | None = source.fetch(None, world.clock.now()).cursor
    count = 2 * PAGE_SIZE + 5
    world.posts = posts(count)
    found: set[str] = set()
    for _ in range(4):
        with pytest.raises(BudgetSpent) as caught:
            source.fetch(cursor, world.clock.now())
        assert timedelta(0) < (caught.value.retry_after or timedelta(0)) <= MINUTE
        world.clock.advance(MINUTE)
        fetched = source.fetch(cursor, world.clock.now())
        found |= {one.id for one in fetched.mentions}
        cursor = fetched.cursor
    assert found == {name_of(post) for post in posts(count)[2:]}
    # Three pages after the first reading, and one question that found nothing new.
    assert len(world.requests) == 5
    assert world.requests[0].query == {"user": "ayse", "feed": "a-feed-token", "limit": "100"}


def test_two_lists_share_the_one_request_a_minute(loopback: Loopback) -> None:
    world = loopback.begin(FEED)
    source, cursor = feed_source(world, lists=("posts", "comments")), None
    for _ in range(4):
        while True:
            try:
                fetched = source.fetch(cursor, world.clock.now())
            except FetchFailed:
                break
            cursor = fetched.cursor
            if not fetched.more:
                break
        world.clock.advance(MINUTE)
    assert [one.path.split("/")[3] for one in world.requests] == ["new", "comments", "new", "comments"]


def test_a_feed_and_the_api_give_the_same_post_the_same_identity() -> None:
    entry = {
        "id": "t3_abc",
        "title": "Ketel",
        "text": "Hij lekt submitted by /u/ayse to r/kettles [link] [comments]",
        "url": "https://www.reddit.com/r/kettles/comments/abc/ketel/",
        "created_at": "2026-03-01T10:00:00Z",
        "author": {"name": "/u/ayse"},
    }
    thing = {
        "kind": "t3",
        "data": {
            "name": "t3_abc",
            "title": "Ketel",
            "selftext": "Hij lekt",
            "author": "ayse",
            "created_utc": 1_772_359_200.0,
            "edited": False,
            "subreddit": "kettles",
            "permalink": "/r/kettles/comments/abc/ketel/",
        },
    }
    by_feed, by_api = feed_post(entry).fields, api_post(thing).fields
    for name in ("id", "title", "text", "url", "created_at", "author", "extra"):
        assert by_feed[name] == by_api[name], name


def test_a_comment_in_a_feed_belongs_to_its_post() -> None:
    url = "https://www.reddit.com/r/kettles/comments/abc/ketel/xyz/"
    entry = {
        "id": "t1_xyz",
        "title": "/u/jan on Ketel",
        "text": "Bij mij ook",
        "url": url,
        "author": {"name": "/u/jan"},
    }
    fields = feed_post(entry).fields
    assert (fields["thread"], fields["title"], fields["text"]) == ("t3_abc", "", "Bij mij ook")
    thing = {
        "kind": "t1",
        "data": {"name": "t1_xyz", "body": "Bij mij ook", "link_id": "t3_abc", "parent_id": "t1_x"},
    }
    assert api_post(thing).fields["in_reply_to"] == "t1_x"
    assert api_post(thing).fields["thread"] == "t3_abc"


def test_all_pages_of_the_api_since_the_last_reading_are_read(loopback: Loopback) -> None:
    all_pages_heard(ear_of(loopback, NETWORK), 2 * PAGE_SIZE + 5)


def test_a_token_that_was_taken_back_is_asked_for_anew(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    source = ear.source()
    first = hear(ear, source)
    ear.world.notes["forget"] = True
    with pytest.raises(FetchFailed, match=r"does not know the keys or the token \(401\)"):
        source.fetch(first.cursor, ear.world.clock.now())
    ear.world.posts = posts(2)
    ear.world.clock.advance(timedelta(hours=1))
    assert hear(ear, source, first.cursor).ids == [name_of(posts(2)[1])]
    assert [one.path for one in ear.world.requests].count("/api/v1/access_token") == 2


def test_a_refusal_is_a_state_in_plain_words_with_the_time_of_the_next_try(loopback: Loopback) -> None:
    world = loopback.begin(FEED)
    with pytest.raises(
        FetchFailed, match=r"Reddit does not let us read this \(403\): the token is wrong"
    ) as caught:
        feed_source(world, feed_token="env:WRONG").fetch(None, world.clock.now())
    assert caught.value.retry_after == timedelta(hours=1)
    assert "a-wrong-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "asked_for", "says", "wait"),
    [
        (401, None, "does not know the keys", timedelta(hours=1)),
        (429, None, "has been asked too often", timedelta(minutes=10)),
        (429, timedelta(seconds=90), "has been asked too often", timedelta(seconds=90)),
        (503, None, "503", None),
    ],
)
def test_what_reddit_puts_off_is_asked_again_when_it_says_or_after_a_rest(
    status: int, asked_for: timedelta | None, says: str, wait: timedelta | None
) -> None:
    told = in_plain_words(FetchFailed(f"Reddit answered {status}", asked_for, status=status))
    assert says in str(told)
    assert (told.status, told.retry_after) == (status, wait)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"user": "ayse"},
        {"client_id": "env:ID"},
        {"user": "ayse", "feed_token": "env:T", "client_id": "env:ID", "client_secret": "env:S"},
        {"user": "ayse", "feed_token": "the token itself"},
    ],
)
def test_it_takes_a_feed_token_or_keys_and_never_the_secret_itself(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        RedditSettings.model_validate({"subreddits": ["tea"]} | settings)
    assert "set user and feed_token" in str(caught.value) or "pattern" in str(caught.value)
