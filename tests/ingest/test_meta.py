"""Comments of a Facebook page: what one says, posts that are gone, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.source import FetchFailed
from tests.contracts.loopback import Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, hear
from tests.contracts.sources import NOW
from tests.ingest.networks.meta import NETWORK, POST, TOKEN, refused
from tests.ingest.one_network import ear_of
from tocsin.core.mention import Author, Engagement


@pytest.fixture
def ear(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Ear:
    monkeypatch.setenv("META_TOKEN", TOKEN)
    return ear_of(loopback, NETWORK)


def test_a_comment_says_who_under_what_and_in_answer_to_what(ear: Ear) -> None:
    ear.world.posts = posts(1)
    (found,) = hear(ear, ear.source()).mentions
    assert (found.author, found.engagement) == (Author("77", "ayse"), Engagement(likes=1, replies=2))
    assert (found.network, found.thread, found.in_reply_to) == ("facebook", POST, "20_5")


def test_a_post_that_is_gone_holds_no_other_up(ear: Ear) -> None:
    ear.world.posts = posts(3)
    ear.world.notes["posts"] = ["10_7", POST, "10_8"]
    heard = hear(ear, ear.source())
    assert set(heard.ids) == ear.ids(1, 2, 3)
    assert hear(ear, ear.source(), heard.cursor).ids == []


@pytest.mark.parametrize(
    ("code", "words", "wait"),
    [
        (190, "expired", None),
        (200, "permission", None),
        (102, "expired", None),
        (4, "fewer requests", timedelta(minutes=15)),
        (80001, "fewer requests", timedelta(minutes=15)),
        (1, "no", None),
    ],
)
def test_a_refusal_says_what_to_do(ear: Ear, code: int, words: str, wait: timedelta | None) -> None:
    ear.world.fault = refused(code)
    with pytest.raises(FetchFailed, match=words) as caught:
        ear.source().fetch(None, NOW)
    assert caught.value.retry_after == wait
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ('{"10": [{"type": "pages", "estimated_time_to_regain_access": 40}]}', timedelta(minutes=40)),
        ('{"10": [{"estimated_time_to_regain_access": 99999999999}]}', timedelta(hours=6)),
        ('{"10": [{"estimated_time_to_regain_access": -5}, 7], "11": null}', timedelta(minutes=15)),
        ("[[[", timedelta(minutes=15)),
        ("[]", timedelta(minutes=15)),
    ],
)
def test_a_page_that_was_asked_too_often_rests_as_long_as_meta_says(
    ear: Ear, told: str, wait: timedelta
) -> None:
    reply = refused(80001)
    ear.world.fault = replace(reply, headers={**reply.headers, "x-business-use-case-usage": told})
    with pytest.raises(FetchFailed, match="for this page") as caught:
        ear.source().fetch(None, NOW)
    assert caught.value.retry_after == wait
