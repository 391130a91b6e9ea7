"""Reviews of the App Store: several countries, edits, and empty pages that are no silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.source import FetchFailed, Gap
from ingest.sources.appstore import reviews
from tests.contracts.loopback import Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.contracts.sources import NOW
from tests.ingest.networks.appstore import NETWORK, entry
from tests.ingest.one_network import ear_of

HOUR = timedelta(hours=1)


def test_a_review_has_its_country_its_stars_and_its_version() -> None:
    """Some answers begin with the app itself, which has no stars."""
    page = reviews({"feed": {"entry": [{"im:name": {"label": "the app"}}, entry(posts(1)[0])]}}, "nl", 1)
    (review,) = page.entries
    assert (review.fields["country"], review.fields["rating"], review.fields["version"]) == ("NL", 1, "7.1")
    assert review.fields["author"] == {"id": "77", "name": "ayse"}


def test_each_country_is_read_and_the_same_review_counts_once(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, countries=["nl", "tr"])
    ear.world.posts = posts(60)
    heard = hear(ear, ear.source())
    assert {one.country for one in heard.mentions} == {"NL", "TR"}
    assert set(heard.ids) == ear.ids(*range(1, 61))
    assert hear(ear, ear.source(), heard.cursor).ids == []


def test_an_edited_review_is_a_version_of_now(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(2)
    heard = hear(ear, ear.source())
    ear.world.edit(1, "Toch goed", NOW - HOUR)
    ear.world.clock.advance(HOUR)
    (after,) = hear(ear, ear.source(), heard.cursor).mentions
    assert (after.text, after.edited_at) == ("Toch goed", NOW + HOUR)


def test_an_empty_page_is_a_failure_where_there_is_nothing_else(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    with pytest.raises(FetchFailed, match="empty page for us"):
        ear.source().fetch(None, NOW)


def test_a_country_that_comes_empty_is_a_gap_and_is_caught_up_with(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, countries=["nl", "tr"])
    ear.world.posts = posts(2)
    heard = hear(ear, ear.source())
    ear.world.notes["empty"] = {("tr", 1)}
    ear.world.posts = posts(3)
    for hours in (1, 2):
        ear.world.clock.advance(HOUR)
        heard = hear(ear, ear.source(), heard.cursor)
        (gap,) = heard.gaps
        assert gap == Gap(NOW + (hours - 1) * HOUR, NOW + hours * HOUR, gap.reason)
        assert "empty page for tr" in gap.reason
    ear.world.notes.clear()
    assert [one.country for one in hear(ear, ear.source(), heard.cursor).mentions] == ["TR"]


def test_an_empty_page_in_the_middle_is_asked_for_again_and_then_a_gap(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    before = hear(ear, ear.source())
    ear.world.posts = posts(160)
    ear.world.notes["empty"] = {("us", 2)}
    first = hear(ear, ear.source(), before.cursor)
    assert len(first.ids) == 50
    second = hear(ear, ear.source(), first.cursor)
    third = hear(ear, ear.source(), second.cursor)
    assert [gap.start for gap in third.gaps] == [ear.world.posts[0].at]
    ear.world.notes.clear()
    assert hear(ear, ear.source(), second.cursor).gaps == []
    assert len(hear(ear, ear.source(), second.cursor).ids) == 109


def test_a_review_that_turns_up_below_newer_ones_is_found(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = [one for one in posts(200) if one.number != 90]
    heard = hear(ear, ear.source())
    ear.world.posts = posts(200)
    assert hear(ear, ear.source(), heard.cursor).ids == ["1090"]
