"""Feeds from a real web server on loopback: the source is polite and bounded, and no answer breaks it."""

from __future__ import annotations

import codecs
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.apart import read_apart
from ingest.markup import html_to_text
from ingest.source import Fetched, FetchFailed, SourceContext
from ingest.sources.feed import FeedSettings, FeedSource
from ingest.sources.feed_parsing import parse_apart, parse_feed
from tests.ingest.house import NOON, Site
from tocsin.core.clock import SimulatedClock
from tocsin.core.mention import Author, whole
from tocsin.settings import Ingest

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Forum</title><language>tr-TR</language>
<item><guid isPermaLink="false">post-1</guid><title>Isıtıcı &amp;amp; duman</title><link>https://forum.example/1</link>
<pubDate>Sun, 01 Mar 2026 14:30:00 +0300</pubDate><dc:creator>Ayşe</dc:creator>
<description>&lt;p&gt;Su ısıtıcı &lt;b&gt;patladı&lt;/b&gt;!&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;
&lt;p&gt;Dikkat &amp;lt;3&lt;/p&gt;</description>
<enclosure url="https://forum.example/1.jpg" type="image/jpeg" length="1"/></item>
%s</channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="nl"><title>Blog</title>
<entry><id>tag:blog.example,2026:1</id><title>Ketel</title><link href="https://blog.example/1"/>
<published>2026-03-01T10:00:00+01:00</published><updated>2026-03-01T11:00:00Z</updated>
<content type="html">&lt;div&gt;Lekt&lt;br/&gt;weer&lt;/div&gt;</content></entry></feed>"""
_ENTITIES = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
BOMB = (
    f'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol0 "lol">{_ENTITIES}]>'
    '<rss version="2.0"><channel><title>&lol9;</title></channel></rss>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    "<rss version='2.0'><channel><item><title>&x;</title></item></channel></rss>"
)


def source(site: Site, networks: tuple[str, ...] = ("127.0.0.0/8",), **settings: Any) -> FeedSource:
    ingest = Ingest.model_validate(
        {"allowed_private_networks": networks, "fetch_timeout_s": 0.5, "feed_max_bytes": 100_000}
    )
    return FeedSource(
        SourceContext("forum", ingest, SimulatedClock(NOON)),
        FeedSettings.model_validate({"url": site.url} | settings),
        parse_feed,
    )


def serve(site: Site, body: str | bytes, **headers: str) -> None:
    site.body = body.encode() if isinstance(body, str) else body
    site.headers |= {key.replace("_", "-"): value for key, value in headers.items()}


def failure(site: Site, **settings: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        source(site, **settings).fetch(None, NOON)
    return caught.value


def test_an_entry_becomes_a_mention_in_plain_text(site: Site) -> None:
    serve(site, RSS % "")
    (mention,) = source(site).fetch(None, NOON).mentions
    assert (mention.source, mention.id, mention.network, mention.lang) == ("forum", "post-1", "web", "tr")
    assert mention.created_at == datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    assert (mention.title, mention.text) == ("Isıtıcı & duman", "Su ısıtıcı patladı!\n\nDikkat <3")
    assert mention.author == Author("Ayşe", name="Ayşe")
    assert (mention.url, mention.media) == ("https://forum.example/1", ("https://forum.example/1.jpg",))
    assert mention.extra == {}


def test_atom_is_read_with_its_edit(site: Site) -> None:
    serve(site, ATOM, content_type="application/atom+xml")
    (mention,) = source(site, network="blogs").fetch(None, NOON).mentions
    assert (mention.id, mention.text, mention.lang) == ("tag:blog.example,2026:1", "Lekt\nweer", "nl")
    assert (mention.created_at, mention.edited_at, mention.network) == (
        datetime(2026, 3, 1, 9, tzinfo=UTC),
        datetime(2026, 3, 1, 11, tzinfo=UTC),
        "blogs",
    )


def test_an_entry_without_id_or_date_gets_both_and_keeps_them(site: Site) -> None:
    serve(
        site, RSS % "<item><title>Fara data</title></item><item><link>https://forum.example/3</link></item>"
    )
    feed = source(site)
    first = feed.fetch(None, NOON)
    _, nothing, linked = first.mentions
    assert (nothing.text, nothing.title, nothing.created_at) == ("", "Fara data", NOON)
    assert nothing.id.startswith("entry_")
    assert linked.id == "https://forum.example/3"
    later = feed.fetch(first.cursor, NOON + timedelta(hours=1))
    assert (list(later.mentions), later.cursor) == ([], first.cursor)


def test_only_what_is_new_or_changed_is_brought_again(site: Site) -> None:
    serve(site, RSS % "")
    feed = source(site)
    first = feed.fetch(None, NOON)
    serve(site, RSS.replace("Dikkat", "Aman") % "<item><guid>post-2</guid><title>Yeni</title></item>")
    second = feed.fetch(first.cursor, NOON)
    assert [(mention.id, "Aman" in mention.text) for mention in second.mentions] == [
        ("post-1", True),
        ("post-2", False),
    ]


@pytest.mark.parametrize("words", ["Aman", "Durun", "Yok", "Oldu"])
def test_changed_words_are_an_edit_of_now_so_that_they_are_current(site: Site, words: str) -> None:
    serve(site, RSS % "")
    feed, later = source(site), NOON + timedelta(hours=1)
    first = feed.fetch(None, NOON)
    serve(site, RSS.replace("Dikkat", words) % "")
    (edited,) = feed.fetch(first.cursor, later).mentions
    assert edited.edited_at == later
    assert edited.version_rank > whole(first.mentions[0]).version_rank


def test_a_change_of_anything_but_words_is_no_edit(site: Site) -> None:
    serve(site, RSS % "")
    feed = source(site)
    first = feed.fetch(None, NOON)
    serve(site, RSS.replace("1.jpg", "2.jpg") % "")
    (same,) = feed.fetch(first.cursor, NOON + timedelta(hours=1)).mentions
    assert same.edited_at is None


def test_an_entry_without_a_date_keeps_the_time_at_which_it_was_first_seen(site: Site) -> None:
    feed, times = source(site), [NOON + timedelta(hours=hour) for hour in range(3)]
    cursor, found = None, []
    for words, now in zip(("Bir", "Iki", "Uc"), times, strict=True):
        serve(site, RSS % f"<item><guid>post-2</guid><title>{words}</title></item>")
        fetched = feed.fetch(cursor, now)
        cursor, found = fetched.cursor, [*found, fetched.mentions[-1]]
    assert [(one.created_at, one.edited_at) for one in found] == [
        (NOON, None),
        (NOON, times[1]),
        (NOON, times[2]),
    ]


def test_a_cursor_of_an_earlier_version_is_gone_on_with(site: Site) -> None:
    serve(site, RSS % "<item><guid>post-2</guid><title>Bir</title></item>")
    feed = source(site)
    cursor = dict(feed.fetch(None, NOON).cursor or {})
    del cursor["entries"]
    serve(site, RSS % "<item><guid>post-2</guid><title>Bir</title></item><!-- -->")
    again = feed.fetch(cursor, NOON + timedelta(hours=1))
    assert (list(again.mentions), "entries" in (again.cursor or {})) == ([], True)


def test_a_feed_is_asked_conditionally_and_304_is_an_answer(site: Site) -> None:
    serve(site, RSS % "", etag='"abc"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT")
    feed = source(site)
    first = feed.fetch(None, NOON)
    site.status, site.body = 304, b""
    assert feed.fetch(first.cursor, NOON) == Fetched(cursor=first.cursor)
    assert "if-none-match" not in site.requests[0]
    assert site.requests[1]["if-none-match"] == '"abc"'
    assert site.requests[1]["if-modified-since"] == "Sun, 01 Mar 2026 11:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Sun, 01 Mar 2026 12:03:00 GMT", timedelta(minutes=3)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta(0)),
        ("9999999999999", timedelta(hours=6)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=6)),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_honoured_within_reason(site: Site, header: str, wait: timedelta | None) -> None:
    site.status = 429
    serve(site, b"", retry_after=header)
    error = failure(site)
    assert str(error) == "the feed answered 429 Too Many Requests"
    assert error.retry_after == wait


@pytest.mark.parametrize(
    "bomb", [BOMB.encode(), OUTSIDE.encode(), codecs.BOM_UTF16_LE + BOMB.encode("utf-16-le")]
)
def test_an_xml_bomb_is_refused_before_it_is_read(site: Site, bomb: bytes) -> None:
    serve(site, bomb)
    assert "entities of its own" in str(failure(site))


@pytest.mark.parametrize(
    ("content_type", "start"),
    [
        ("text/xml; charset=utf-7", b""),
        ("text/xml", b"<?xml version='1.0' encoding='cp037'?>"),
        ("text/xml; charset=rot13", b""),
    ],
)
def test_an_encoding_that_could_hide_a_bomb_is_refused(content_type: str, start: bytes) -> None:
    with pytest.raises(FetchFailed, match="is not read"):
        parse_feed(start + b"+ADwAIQ-ENTITY", content_type)


def test_broken_xml_gives_what_can_be_read_and_says_so(site: Site) -> None:
    serve(site, (RSS % "<item><title>Yarım")[:-20])
    fetched = source(site).fetch(None, NOON)
    assert [mention.id for mention in fetched.mentions][:1] == ["post-1"]
    assert fetched.warning is not None
    assert fetched.warning.startswith("broken XML: ")


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Niet gevonden</body></html>", b"\x00\xff\x00", b"{}", b"<rss"]
)
def test_what_is_no_feed_is_said_plainly(site: Site, body: bytes) -> None:
    serve(site, body)
    assert "feed" in str(failure(site)) or "broken XML" in str(failure(site))


PAGE = "<!doctype html><html><head>%s</head><body><p>Sign in</p></body></html>"
LINK = '<link rel="alternate" type="application/rss+xml" href="https://forum.example/rss">'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PAGE % "", "the answer is no RSS or Atom feed but a web page"),
        (
            f"\ufeff\n<!-- c --> {PAGE % LINK}",
            "the answer is no RSS or Atom feed but a web page; the page names https://forum.example/rss as its feed",
        ),
        ('{"version": "https://jsonfeed.org/version/1.1"}', "the answer is no RSS or Atom feed but JSON"),
    ],
)
def test_a_page_or_json_where_a_feed_was_wanted_is_called_so(site: Site, body: str, said: str) -> None:
    serve(site, body)
    assert str(failure(site)) == said


@pytest.mark.parametrize(
    "reference",
    ["&#xD800;", "&#xdfff;", "&#55296;", "&#xD83D;&#xDE00;", "&#x110000;", "&#99999999999999999999999;"],
)
def test_a_reference_to_no_character_spoils_one_letter_and_no_feed(site: Site, reference: str) -> None:
    item = f"<item><guid>post-2</guid><title>A{reference}b &#x1F525;&#0000233;</title></item>"
    serve(site, RSS % item)
    found = source(site).fetch(None, NOON).mentions
    assert [one.id for one in found] == ["post-1", "post-2"]
    assert (found[1].title or found[1].text).replace("\ufffd\ufffd", "\ufffd").startswith("A\ufffdb 🔥é")


@pytest.mark.live
def test_the_parsers_process_is_told_none_of_our_environment_and_may_wait_for_its_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[object] = []
    run = subprocess.run

    def noted(*given: Any, **named: Any) -> Any:
        told.append((named["env"], given[0][-1], named["timeout"]))
        return run(*given, **named)

    monkeypatch.setattr(subprocess, "run", noted)
    assert len(parse_apart((RSS % "").encode(), "text/xml").entries) == 1
    assert told == [({}, "10", 90)]
    monkeypatch.setenv("TOCSIN_SECRET", "hush")
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = read_apart("tests.ingest.child_sees:everything", "the feed", b"x")
    # Python itself puts the name of its coding there.
    assert set(seen["environment"]) <= {"LC_CTYPE"}
    assert str(tmp_path / "ours") not in seen["files"]
    # Each would take longer than all that such a process needs.
    assert {"structlog", "pydantic", "sqlalchemy"}.isdisjoint(seen["packages"])


@pytest.mark.live
def test_a_feed_is_read_in_a_process_of_its_own() -> None:
    entries = parse_feed((RSS % "").encode(), "text/xml").entries
    assert parse_apart((RSS % "").encode(), "text/xml").entries == entries
    with pytest.raises(FetchFailed, match="entities of its own"):
        parse_apart(BOMB.encode(), "text/xml")
    with pytest.raises(FetchFailed, match="to read: it is made to be slow"):
        slow = "<rss version='2.0'><channel>" + "<a>" * 1_500_000
        parse_apart(slow.encode(), "text/xml", timedelta(seconds=1))


def test_an_empty_feed_is_a_feed(site: Site) -> None:
    serve(site, "<rss version='2.0'><channel><title>Stil</title></channel></rss>")
    assert source(site).fetch(None, NOON).mentions == []


def test_a_feed_in_another_encoding_is_read(site: Site) -> None:
    text = (RSS % "").replace("utf-8", "iso-8859-9")
    serve(site, text.encode("iso8859-9"), content_type="application/rss+xml; charset=iso-8859-9")
    fetched = source(site).fetch(None, NOON)
    assert (fetched.mentions[0].title, fetched.warning) == ("Isıtıcı & duman", None)
    site.headers["content-type"] = "text/plain"
    assert source(site).fetch(None, NOON).mentions == fetched.mentions


def test_an_answer_that_is_too_large_is_not_read(site: Site) -> None:
    serve(site, RSS % "" + " " * 200_000)
    assert "100000 bytes" in str(failure(site))


def test_an_answer_that_drips_is_cut_off(site: Site) -> None:
    serve(site, RSS % "")
    site.drip_s = 0.05
    assert str(failure(site)) == "the feed took longer than 0.5 s"


def test_a_private_address_is_refused_also_behind_a_redirect(site: Site) -> None:
    serve(site, RSS % "")
    assert "loopback address" in str(failure(site, networks=()))
    site.status = 302
    serve(site, b"", location="http://169.254.169.254/latest")
    assert "link-local address" in str(failure(site))
    site.headers["location"] = "file:///etc/hostname"
    assert "cannot be fetched" in str(failure(site))
    site.headers["location"] = site.url
    assert "redirects more than 5 times" in str(failure(site))


def test_nobody_at_home_is_a_failure_like_another(site: Site) -> None:
    site.url = "http://127.0.0.1:9/feed"
    assert "cannot be fetched" in str(failure(site))


def test_an_id_that_is_too_long_is_hashed(site: Site) -> None:
    long = "x" * 300
    serve(site, RSS % f"<item><guid>{long}</guid><title>Lang</title></item>")
    fetched = source(site).fetch(None, NOON)
    assert [len(mention.id) for mention in fetched.mentions] == [6, 26]


def test_markup_becomes_what_a_reader_would_read() -> None:
    assert (
        html_to_text("<ul><li>een</li><li>twee</li></ul><style>p{}</style>&lt;b&gt; &amp;amp;")
        == "een\ntwee\n<b> &amp;"
    )
    assert html_to_text("<img src=x onerror=alert(1)>tekst<!-- stil -->") == "tekst"
    assert len(html_to_text("<b>" * 400_000)) == 0


def test_markup_that_is_made_to_be_slow_is_read_without_a_parser() -> None:
    assert html_to_text("<div>" * 90_000 + "Lekt &amp; drupt") == "Lekt & drupt"
    assert html_to_text("<b>vet</b><br>" * 100) == "\n".join(["vet"] * 100)
