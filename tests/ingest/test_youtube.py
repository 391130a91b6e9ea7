"""Videos and comments of YouTube: a 404 that passes, replies, quotas."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingest.source import FetchFailed
from tests.contracts.loopback import Loopback, Reply, as_json, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, hear
from tests.contracts.sources import NOW
from tests.ingest.networks.youtube import NETWORK as VIDEOS
from tests.ingest.networks.youtube_comments import KEY, NETWORK
from tests.ingest.one_network import ear_of


@pytest.fixture
def comments(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setenv("YOUTUBE_KEY", KEY)
    return ear_of(loopback, NETWORK)


def test_a_video_is_a_mention_with_its_description(loopback: Loopback) -> None:
    ear = ear_of(loopback, VIDEOS, lang="nl")
    ear.world.posts = posts(1)
    (video,) = hear(ear, ear.source()).mentions
    assert (video.id, video.network, video.title, video.lang) == ("1001", "youtube", "Video", "nl")
    assert video.url == "https://www.youtube.com/watch?v=1001"
    assert video.author is not None
    assert video.author.name == "ayse"


def test_a_404_of_the_feed_passes(loopback: Loopback) -> None:
    ear = ear_of(loopback, VIDEOS)
    ear.world.fault = Reply(status=404)
    with pytest.raises(FetchFailed, match="asked again") as caught:
        ear.source().fetch(None, NOW)
    assert caught.value.status == 404


def test_all_replies_are_read_and_again_when_there_are_more(comments: Ear) -> None:
    """A thread brings two replies along here; the others are asked for."""
    (post,) = comments.world.posts = posts(1)
    replies = posts(250, first=100)
    comments.world.notes["replies"] = {post.id: replies}
    first = hear(comments, comments.source())
    assert set(first.ids) == {post.id, *(one.id for one in replies)}
    (reply,) = [one for one in first.mentions if one.id == replies[9].id]
    assert reply.in_reply_to == post.id
    asked = len(comments.world.requests)
    assert hear(comments, comments.source(), first.cursor).ids == []
    assert len(comments.world.requests) == asked + 1
    comments.world.notes["replies"] = {post.id: [*replies, *posts(1, first=400)]}
    assert "1400" in hear(comments, comments.source(), first.cursor).ids


def test_a_thread_that_was_deleted_meanwhile_holds_nothing_up(comments: Ear) -> None:
    comments.world.posts = posts(1)
    after = hear(comments, comments.source(), {"waiting": {"gone": ""}})
    assert hear(comments, comments.source(), after.cursor).ids == ["1001"]


def test_a_page_that_is_gone_begins_the_pass_again(comments: Ear) -> None:
    comments.world.posts = posts(150)
    first = comments.source().fetch(None, NOW)
    comments.world.fault = as_json({"error": {"code": 400, "errors": [{"reason": "invalidPageToken"}]}}, 400)
    second = comments.source().fetch(first.cursor, NOW)
    assert second.more
    comments.world.fault = None
    assert set(hear(comments, comments.source(), second.cursor).ids) == comments.ids(*range(1, 151))


@pytest.mark.parametrize(
    ("status", "reason", "words", "wait"),
    [
        (403, "quotaExceeded", "midnight in California", timedelta(hours=1)),
        (403, "commentsDisabled", "no comments", None),
        (404, "channelNotFound", "no channel", None),
        (400, "keyInvalid", "does not know the key", None),
    ],
)
def test_a_refusal_says_what_to_do(
    comments: Ear, status: int, reason: str, words: str, wait: timedelta | None
) -> None:
    comments.world.fault = as_json({"error": {"code": status, "errors": [{"reason": reason}]}}, status)
    with pytest.raises(FetchFailed, match=words) as caught:
        comments.source().fetch(None, NOW)
    assert caught.value.retry_after == wait
    assert KEY not in str(caught.value)


def test_every_request_costs_a_unit_of_the_quota(comments: Ear) -> None:
    comments.world.posts = posts(1)
    hear(comments, comments.source())
    (state,) = comments.world.budget.states(NOW)
    assert (state.left, state.of) == (9_999, 10_000)


def test_likes_and_the_time_of_an_edit_are_kept(comments: Ear) -> None:
    (post,) = posts(1)
    comments.world.posts = [replace(post, edited_at=NOW)]
    (found,) = hear(comments, comments.source()).mentions
    figures: Any = found.engagement
    assert (figures.likes, figures.replies, found.edited_at) == (2, 0, NOW)
