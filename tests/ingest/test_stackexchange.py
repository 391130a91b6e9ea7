"""Stack Exchange: answers beside questions, `backoff`, the day's requests, and the API's own words for its refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.kinds import make_source
from ingest.source import FetchFailed
from ingest.sources.stackexchange import domain_of, post_entry, refusal
from tests.contracts.loopback import INGEST, Loopback, World, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks.stackexchange import NETWORK
from tocsin.definitions.models import SourceDef

DAY_S = 86_400


def source(world: World, **settings: Any) -> Any:
    value = {"name": "so", "kind": "stackexchange"} | NETWORK.settings(world.url) | settings
    return make_source(SourceDef.model_validate(value), INGEST, world.clock, world.budget)


def test_an_answer_belongs_to_its_question() -> None:
    raw = {
        "answer_id": 12,
        "question_id": 7,
        "body": "<p>Use <code>x</code></p>",
        "creation_date": 1_772_000_000,
        "last_activity_date": 1_772_000_100,
        "last_edit_date": 1_772_000_100,
        "owner": {"user_type": "does_not_exist", "display_name": "user1"},
        "score": 3,
    }
    entry = post_entry(raw, "askubuntu", "answer_id")
    assert entry.fields["id"] == "askubuntu/12"
    assert entry.fields["thread"] == entry.fields["in_reply_to"] == "askubuntu/7"
    assert entry.fields["url"] == "https://askubuntu.com/a/12"
    assert (entry.fields["text"], entry.fields["author"]) == ("Use x", None)
    assert entry.at == datetime.fromtimestamp(1_772_000_100, UTC)


def test_a_site_is_read_on_its_own_host() -> None:
    assert [domain_of(site) for site in ("stackoverflow", "cooking", "mathoverflow.net")] == [
        "stackoverflow.com",
        "cooking.stackexchange.com",
        "mathoverflow.net",
    ]


def test_backoff_is_obeyed_before_the_list_is_asked_again(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.posts, world.notes["wrapper"] = posts(9), {"backoff": 30}
    one = source(world)
    first = one.fetch(None, world.clock.now())
    assert (first.more, first.retry_after) == (False, timedelta(seconds=30))
    assert len(first.mentions) == 3


def test_what_is_left_of_the_day_is_known_to_all_sources(loopback: Loopback) -> None:
    world = loopback.begin(NETWORK)
    world.posts, world.notes["wrapper"] = posts(1), {"quota_remaining": 17}
    source(world).fetch(None, world.clock.now())
    (state,) = world.budget.states(world.clock.now())
    assert (state.left, state.of) == (17, 300)


@pytest.mark.parametrize(
    ("said", "words", "wait"),
    [
        (
            {
                "error_id": 502,
                "error_message": "too many requests from this IP, more requests available in 900 seconds",
            },
            "takes no more requests of ours today",
            timedelta(minutes=15),
        ),
        ({"error_id": 502, "error_message": "slow down"}, "takes no more requests", timedelta(hours=6)),
        ({"error_id": 400, "error_message": "site is required"}, "site is required", None),
        ([], "it does not say why", None),
    ],
)
def test_refusals_are_said_in_the_networks_own_words(said: Any, words: str, wait: timedelta | None) -> None:
    error = refusal(said)
    assert isinstance(error, FetchFailed)
    assert words in str(error)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("settings", "lanes", "requests"),
    [
        ({"lists": ["questions", "answers"]}, 2, 300),
        ({"lists": ["questions", "answers"], "tagged": "kettle;tea"}, 1, 300),
        ({"sites": ["stackoverflow", "superuser"], "key": "env:NONE"}, 2, 10_000),
    ],
)
def test_by_itself_it_asks_as_seldom_as_the_days_requests_allow(
    loopback: Loopback, settings: Any, lanes: int, requests: int
) -> None:
    world = loopback.begin(NETWORK)
    rounds = DAY_S / source(world, **settings).interval.total_seconds()
    assert rounds * lanes <= requests * 0.9
