"""The meaning of each operator, evaluated on one mention."""

from __future__ import annotations

from typing import Any

import pytest

from tests.query.strategies import WHEN
from tocsin.core.mention import Author, Mention
from tocsin.query import Asked, compile_query, parse_query
from tocsin.query.evaluate import known_language, searched


def holds(query: str, text: str = "tocsin", **fields: Any) -> bool:
    mention = Mention(**{"source": "made-up", "id": "1", "text": text, "created_at": WHEN, **fields})
    return compile_query(parse_query(query))(Asked(mention, searched(mention)))


@pytest.mark.parametrize(
    ("term", "followers", "expected"),
    [
        ("followers>1000", 1001, True),
        ("followers>1000", 1000, False),
        ("followers>=1000", 1000, True),
        ("followers<10", 9, True),
        ("followers<10", 10, False),
        ("followers<=10", 10, True),
        ("followers=0", 0, True),
        ("followers=0", 1, False),
        ("followers>1k", 1001, True),
        ("followers<10", None, False),
        ("-followers<10", None, True),
    ],
)
def test_followers_are_compared_and_an_unknown_number_is_not_met(
    term: str, followers: int | None, expected: bool
) -> None:
    assert holds(f"tocsin {term}", author=Author("1", followers=followers)) is expected


def test_a_mention_without_an_author_has_no_followers_and_no_name() -> None:
    assert not holds("tocsin followers>=0")
    assert not holds("tocsin author:jane")
    assert holds("tocsin -author:jane")


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (Author("1", handle="Jane"), True),
        (Author("1", handle="@JANE"), True),
        (Author("jane"), True),
        (Author("1", name="Jané"), True),
        (Author("1", handle="jane_2", name="Jane Doe"), False),
    ],
)
def test_an_author_is_met_by_the_whole_handle_id_or_name(author: Author, expected: bool) -> None:
    assert holds("tocsin author:@jane", author=author) is expected


def test_an_authors_name_may_hold_spaces_and_other_letters() -> None:
    assert holds('tocsin author:"Ayşe Yılmaz"', author=Author("1", name="AYŞE YILMAZ"))


def test_source_and_network_are_compared_whole_and_without_case() -> None:
    assert holds("tocsin source:news", source="News")
    assert not holds("tocsin source:news", source="news-2")
    assert holds('tocsin network:"Açık Ağ"', network="açık ağ")
    assert not holds("tocsin network:mastodon")


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("EN_us", "en"),
        ("pt-BR", "pt"),
        ("in", "id"),
        ("iw", "he"),
        ("und", ""),
        ("zxx", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_language_tag_is_read_without_its_region_and_by_its_new_code(tag: str | None, code: str) -> None:
    assert known_language(tag) == code


def test_a_language_in_a_query_may_use_an_old_code_too() -> None:
    assert holds("tocsin lang:iw", lang="he")


def test_the_title_and_the_listed_hashtags_are_searched_like_the_text() -> None:
    assert holds("bell", title="The bell rings")
    assert holds("#bell", hashtags=("Bell",))
    assert holds("#bell", hashtags=("#BELL",))
    assert holds("bell", hashtags=("bell",))
    assert not holds('"bell tocsin"', title="bell gong")
    assert holds('"bell tocsin"', title="bell")


def test_nothing_but_url_looks_into_links_and_the_mentions_own_address() -> None:
    links: dict[str, Any] = {
        "links": ("https://bell.example/tocsin",),
        "url": "https://social.example/@gong/1",
    }
    assert not holds("bell OR gong", **links)
    assert holds("url:bell.example", **links)
    assert holds("url:social.example", **links)
    assert not holds("url:gong.example", **links)


@pytest.mark.parametrize(
    ("address", "text", "expected"),
    [
        ("tocsin.example", "https://tocsin.example", True),
        ("tocsin.example", "HTTP://SHOP.TOCSIN.EXAMPLE:8080/x", True),
        ("https://www.tocsin.example/", "tocsin.example", True),
        ("tocsin.example", "https://tocsin.example.evil.org", False),
        ("tocsin.example", "https://tocsin.example@evil.org", False),
        ("tocsin.example", "https://not-tocsin.example", False),
        ("tocsin.example", "https://tocsin.example-shop.org", False),
        ("tocsin.example", "https://tocsin.examples", False),
        ("tocsin.example", "https://evil.org/?to=https://tocsin.example", True),
        ("tocsin.example/a", "tocsin.example/a.html", False),
        ("tocsin.example/a", "tocsin.example/a/b#c", True),
    ],
)
def test_a_domain_is_met_with_its_subdomains_and_no_others(address: str, text: str, expected: bool) -> None:
    assert holds(f"url:{address}", text) is expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("fırtına", "FIRTINA ve sel", True),
        ("kargo", "Kargom gelmedi", False),
        ("kargo*", "Kargom gelmedi", True),
        ("Tocsin", "Tocsin’in kargosu", True),
        ("Tocsin", "TOCSİN'den cevap yok", True),
        ('"müşteri hizmetleri"', "MÜŞTERİ HİZMETLERİ cevap vermiyor", True),
        ('"servicii clienți"', "Serviciile", False),
        ('"servicii clienți"', "servicii  clienţi?", True),
        ("întârziere", "INTARZIERE mare", True),
        ("klantenservice", "Klantenservice: geen gehoor", True),
        ('"geen hulp"', "geen... hulp!", True),
        ("ijs", "ĲS te koop", True),
        ("tocsin 😡", "tocsin!!!😡😡", True),
        ("tocsin 😡", "tocsin 😀", False),
        ("tocsin ❤️", "tocsin ❤", True),
        ("tocsin 👍", "tocsin 👍🏽", True),
        ("$TOC*", "buy $tocsin", True),
        ("삼성전", "삼성전자는", True),
        ("टोक्सि", "टोक्सिन", False),
        ('"a b c"', "a b x c a b c", True),
        ('"lost bag"', "lost" + "." * 9 + "bag", False),
        ('"lost bag"', "lost" + "." * 8 + "bag", True),
        ("tocsin", "___tocsin___", True),
        ("tocsin", "x_tocsin", False),
        ("tocsin", "x___tocsin", False),
        ("tocsin", "tocsin___x", False),
        ("tocsin", "tocsin____x", True),
        ("tocsin", "x____tocsin", True),
        ("#tocsin", "page#tocsin", False),
        ("@tocsin", "me@tocsin", False),
        ("#tocsin", "(#tocsin)", True),
    ],
)
def test_words_are_met_in_the_languages_that_people_write(query: str, text: str, expected: bool) -> None:
    assert holds(query, text) is expected
