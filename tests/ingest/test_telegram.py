"""A Telegram channel by its page, and by a bot: what a post says, deletions, refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.source import FetchFailed
from ingest.sources.telegram_bot import fields as bot_fields
from ingest.sources.telegram_page import count, fields, read_page
from tests.contracts.loopback import Loopback, Reply, as_json, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.contracts.sources import NOW
from tests.ingest.networks.telegram import NETWORK
from tests.ingest.networks.telegram_bot import CHAT, TOKEN
from tests.ingest.networks.telegram_bot import NETWORK as BOT
from tests.ingest.one_network import ear_of

PAGE = """<div class="tgme_channel_info"><div class="tgme_channel_info_header_title"><span>Isıtıcı</span></div>
<div class="tgme_channel_info_counter"><span class="counter_value">12.3K</span>
<span class="counter_type">subscribers</span></div>
<div class="tgme_channel_info_counter"><span class="counter_value">99</span> <span class="counter_type">photos</span></div></div>
<div class="tgme_widget_message js-widget_message" data-post="isitici/12">
<a class="tgme_widget_message_forwarded_from_name" href="https://t.me/other/7"><span>Other</span></a>
<a class="tgme_widget_message_reply" href="https://t.me/isitici/3"><div class="tgme_widget_message_text">quoted</div></a>
<a class="tgme_widget_message_photo_wrap" style="width:9px;background-image:url('https://cdn.example/x.jpg')"></a>
<div class="tgme_widget_message_text js-message_text">Su <b>ısıtıcı</b> patladı &lt;3<br/><br/>
<a href="?q=%23duman">#duman</a> <a href="https://ex.example/1" onclick="x()">link</a><script>x()</script></div>
<span class="tgme_widget_message_views">1.2K</span><time datetime="2026-03-01T13:00:00+03:00">13:00</time></div>
<div class="tgme_widget_message service_message" data-post="isitici/13">
<div class="tgme_widget_message_text">pinned</div></div>"""


def test_a_post_of_the_page_says_all_that_the_page_shows() -> None:
    page = read_page(PAGE)
    assert (page.title, page.subscribers, page.is_channel) == ("Isıtıcı", 12_300, True)
    post, service = page.posts
    assert service.is_service
    assert fields(post, page) == {
        "id": "isitici/12",
        "text": "Su ısıtıcı patladı <3\n\n#duman link",
        "created_at": "2026-03-01T13:00:00+03:00",
        "network": "telegram",
        "url": "https://t.me/isitici/12",
        "author": {"id": "isitici", "handle": "isitici", "name": "Isıtıcı", "followers": 12_300},
        "in_reply_to": "isitici/3",
        "repost_of": "other/7",
        "engagement": {"views": 1200},
        "links": ["https://ex.example/1"],
        "hashtags": ["duman"],
        "media": ["https://cdn.example/x.jpg"],
    }


@pytest.mark.parametrize(
    ("shown", "figure"), [("987", 987), ("1.2K", 1200), ("3M", 3_000_000), ("1,024", 1024), ("many", None)]
)
def test_figures_are_read_as_the_page_shortens_them(shown: str, figure: int | None) -> None:
    assert count(shown) == figure


def test_a_page_that_is_made_to_be_slow_is_no_channel() -> None:
    assert read_page(PAGE + "<" * 20_000).posts
    assert not read_page("<div>" * 20_000 + PAGE).is_channel
    assert not read_page("<a href='" * 20_000).is_channel


def test_a_post_that_is_gone_from_between_its_neighbours_was_deleted(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(5)
    first = hear(ear, ear.source())
    ear.world.delete(3)
    second = hear(ear, ear.source(), first.cursor)
    assert {one.id for one in second.removed} == ear.ids(3)
    assert hear(ear, ear.source(), second.cursor).removed == []


def test_a_channel_without_a_page_says_what_may_be_the_matter(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.fault = Reply(b"<html><div class='tgme_page'>Contact</div></html>")
    with pytest.raises(FetchFailed, match="private, renamed"):
        ear.source().fetch(None, NOW)


MESSAGE: dict[str, Any] = {
    "message_id": 9,
    "message_thread_id": 4,
    "from": {"id": 5, "first_name": "Ayşe", "last_name": "Y", "username": "ayse"},
    "chat": {"id": CHAT, "title": "Buren", "type": "supergroup"},
    "date": 1_772_360_000,
    "reply_to_message": {"message_id": 8},
    "caption": "😀 #lek https://ex.example",
    "caption_entities": [
        {"type": "hashtag", "offset": 3, "length": 4},
        {"type": "url", "offset": 8, "length": 18},
    ],
}


def test_a_message_to_a_bot_says_who_where_and_in_answer_to_what() -> None:
    found = bot_fields(MESSAGE)
    assert (found["id"], found["in_reply_to"], found["thread"]) == (f"{CHAT}/9", f"{CHAT}/8", f"{CHAT}/4")
    assert found["author"] == {"id": "5", "handle": "ayse", "name": "Ayşe Y"}
    assert (found["text"], found["url"], found["chat"]) == (MESSAGE["caption"], "", "Buren")
    # Telegram counts in UTF-16, in which the face is two.
    assert (found["hashtags"], found["links"]) == (["#lek"], ["https://ex.example"])


@pytest.mark.parametrize(("private", "ids"), [(False, []), (True, ["5/9"])])
def test_letters_to_a_bot_are_heard_only_when_that_is_wanted(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, private: bool, ids: list[str]
) -> None:
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    ear = ear_of(loopback, BOT, private=private)
    letter = MESSAGE | {"chat": {"id": 5, "type": "private"}, "message_thread_id": None}
    ear.world.fault = as_json({"ok": True, "result": [{"update_id": 3, "message": letter}]})
    fetched = ear.source().fetch(None, NOW)
    assert [one.id for one in fetched.mentions] == ids  # type: ignore[union-attr]  # mentions are whole here
    assert fetched.cursor is not None
    assert fetched.cursor["offset"] == 4


@pytest.mark.parametrize(
    ("code", "words"), [(401, "BotFather"), (409, "somebody else reads"), (400, "Bad Request")]
)
def test_a_bot_that_is_refused_says_why_and_never_its_token(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    ear = ear_of(loopback, BOT)
    ear.world.fault = as_json({"ok": False, "error_code": code, "description": "Bad Request"}, code)
    with pytest.raises(FetchFailed, match=words) as caught:
        ear.source().fetch(None, NOW)
    assert TOKEN not in str(caught.value)


def test_an_offset_is_sent_only_after_its_updates_were_handed_over(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking with an offset makes Telegram forget what is before it."""
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    ear = ear_of(loopback, BOT)
    ear.world.posts = posts(2)
    first = ear.source().fetch(None, NOW)
    again = ear.source().fetch(None, NOW)
    assert first.mentions == again.mentions
    ear.source().fetch(first.cursor, NOW + timedelta(minutes=1))
    assert [one.query.get("offset") for one in ear.world.requests] == [None, None, "3"]


def test_numbers_that_begin_anew_after_a_quiet_week_lose_nothing(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram may go on with a lower number. Asked with the old offset, it would take what came for read."""
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    ear = ear_of(loopback, BOT)
    ear.world.notes["quiet_week"] = (5, 1)
    every = posts(8)
    ear.world.posts = every[:5]
    before = hear(ear, ear.source())
    quiet = hear(ear, ear.source(), before.cursor)
    assert (len(before.ids), quiet.ids) == (5, [])
    assert "offset" not in (quiet.cursor or {})
    ear.world.posts = every
    after = hear(ear, ear.source(), quiet.cursor)
    assert set(after.ids) == ear.ids(6, 7, 8)
    assert hear(ear, ear.source(), after.cursor).ids == []
