"""News with the words of their articles: robots.txt, politeness, pages that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.kinds import make_source
from ingest.source import BudgetSpent, FetchFailed, Source
from ingest.sources import news
from ingest.sources.article_reading import article_apart, plain_article
from ingest.sources.linked import MOST_WAITING
from tests.contracts.loopback import INGEST, Loopback, Reply, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, hear
from tests.contracts.sources import NOW
from tests.ingest.networks.news import MORE, NETWORK, page
from tests.ingest.one_network import ear_of
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef

MINUTE = timedelta(minutes=1)


@pytest.fixture
def ear(loopback: Loopback) -> Ear:
    return ear_of(loopback, NETWORK)


def asked(ear: Ear) -> list[str]:
    return [one.path for one in ear.world.requests]


def heard(ear: Ear, source: Source | None = None) -> list[Mention]:
    return hear(ear, source or ear.source()).mentions


def test_an_entry_comes_once_with_the_words_of_its_article(ear: Ear) -> None:
    ear.world.posts = posts(2)
    found = heard(ear)
    assert sorted(one.id for one in found) == ["1001", "1002"]
    assert all(MORE in one.text and one.title == "Kop" and one.lang == "nl" for one in found)
    assert asked(ear).count("/robots.txt") == 1
    assert found[0].author is not None
    assert found[0].author.name == "Jan de Wit"


def test_what_robots_txt_refuses_is_not_read(ear: Ear) -> None:
    ear.world.posts = [replace(one, author="hidden") for one in posts(1)]
    (found,) = heard(ear)
    assert (found.text, MORE in found.text) == ("De ketel lekt alweer (1)", False)
    assert "robots.txt" in found.extra["not_read"]
    assert not any(path.startswith("/secret") for path in asked(ear))


@pytest.mark.parametrize(("status", "is_read"), [(404, True), (403, True), (500, False)])
def test_a_host_without_robots_txt_wants_nothing_and_one_that_fails_is_left_alone(
    ear: Ear, status: int, is_read: bool
) -> None:
    ear.world.posts = posts(1)
    ear.world.notes["robots"] = ("", status)
    (found,) = heard(ear)
    assert (MORE in found.text) is is_read


def test_a_host_is_asked_one_page_at_a_time_with_the_wait_that_it_wants(ear: Ear) -> None:
    ear.world.posts = posts(3)
    ear.world.notes["robots"] = ("User-agent: *\nCrawl-delay: 30\n", 200)
    source = ear.source()
    cursor, reads = source.fetch(None, NOW).cursor, 0
    while reads < 3:
        before = ear.world.clock.now()
        try:
            fetched = source.fetch(cursor, before)
        except BudgetSpent as error:
            assert error.retry_after
            ear.world.clock.advance(error.retry_after)
            continue
        cursor, reads = fetched.cursor, reads + 1
    assert ear.world.clock.now() - NOW >= timedelta(seconds=60)


def test_entries_that_wait_too_long_come_as_the_feed_has_them(ear: Ear) -> None:
    ear.world.posts = posts(2)
    source = ear.source()
    cursor = source.fetch(None, NOW).cursor
    ear.world.clock.advance(11 * MINUTE)
    rest = hear(ear, source, cursor).mentions
    assert {one.extra["not_read"] for one in rest} == {"its host had to be waited for too long"}


def test_a_page_that_is_gone_leaves_the_words_of_the_feed(ear: Ear) -> None:
    ear.world.posts = posts(1)
    source = ear.source()
    cursor = source.fetch(None, NOW).cursor
    ear.world.fault = Reply(status=404)
    (found,) = hear(ear, source, cursor).mentions
    assert (found.text, "404" in found.extra["not_read"]) == ("De ketel lekt alweer (1)", True)


def test_a_feed_that_gives_whole_articles_is_not_read_again(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "ENOUGH_CHARS", 10)
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    heard(ear)
    assert asked(ear) == ["/feed"]


def test_more_entries_than_may_wait_come_at_once(ear: Ear) -> None:
    ear.world.posts = posts(MOST_WAITING + 3)
    first = ear.source().fetch(None, NOW)
    assert len(first.mentions) == 3
    assert first.cursor is not None
    assert len(first.cursor["waiting"]) == MOST_WAITING


def test_without_its_libraries_a_source_says_what_to_install(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "_WANTED", ("no_such_module_here",))
    definition = SourceDef.model_validate({"name": "n", "kind": "news", "url": "https://news.example/rss"})
    with pytest.raises(WrongInput, match=r"pip install 'tocsin\[news\]'"):
        make_source(definition, INGEST)


@pytest.mark.slow("loads trafilatura")
def test_the_words_of_an_article_are_told_from_what_stands_around_them() -> None:
    (post,) = posts(1)
    found = plain_article(page(post).encode(), "https://news.example/1")
    assert found == {"text": f"Kop\n{post.text}\n{MORE}", "author": "Jan de Wit"}
    with pytest.raises(FetchFailed, match="no article"):
        plain_article(b"<html><body><p>Accept our cookies.</p></body></html>", "")
    with pytest.raises(FetchFailed, match="no article"):
        plain_article(b"\x00\xff" * 500, "")


@pytest.mark.live
def test_an_article_is_read_in_a_process_of_its_own() -> None:
    (post,) = posts(1)
    assert MORE in article_apart(page(post).encode(), "https://news.example/1")["text"]
