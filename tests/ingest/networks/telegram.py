"""The page of a public Telegram channel on loopback: twenty posts, and older ones before a number."""

from __future__ import annotations

from html import escape

from ingest.sources.telegram import BUDGET
from tests.contracts.loopback import Network, Post, Reply, Request, World

PAGE_SIZE = 20
CHANNEL = "ketelnieuws"


def message(post: Post) -> str:
    address = f"https://t.me/{CHANNEL}/{post.id}"
    edited = "edited " if post.edited_at else ""
    text = escape(post.text.encode("utf-8", "replace").decode()).replace("\n", "<br/>")
    return (
        '<div class="tgme_widget_message_wrap js-widget_message_wrap">'
        f'<div class="tgme_widget_message text_not_supported_wrap js-widget_message" data-post="{CHANNEL}/{post.id}">'
        '<div class="tgme_widget_message_author accent_color">'
        f'<a class="tgme_widget_message_owner_name" href="https://t.me/{CHANNEL}"><span dir="auto">Ketel</span></a></div>'
        f'<div class="tgme_widget_message_text js-message_text" dir="auto">{text}</div>'
        '<div class="tgme_widget_message_footer compact js-message_footer">'
        '<span class="tgme_widget_message_views">1.2K</span>'
        f'<span class="tgme_widget_message_meta">{edited}<a class="tgme_widget_message_date" href="{address}">'
        f'<time datetime="{post.at.isoformat()}" class="time">10:00</time></a></span></div></div></div>'
    )


def page(posts: list[Post]) -> Reply:
    body = (
        '<html><body><div class="tgme_channel_info"><div class="tgme_channel_info_header_title">'
        '<span dir="auto">Ketelnieuws</span></div><div class="tgme_channel_info_counter">'
        '<span class="counter_value">12.3K</span> <span class="counter_type">subscribers</span></div></div>'
        f"<section>{''.join(map(message, posts))}</section></body></html>"
    )
    return Reply(body.encode(), headers={"content-type": "text/html; charset=utf-8"})


def serve(world: World, request: Request) -> Reply:
    if request.path != f"/s/{CHANNEL}":
        return Reply(status=404)
    before = int(request.query.get("before", 10**9))
    return page([one for one in world.there if int(one.id) < before][-PAGE_SIZE:])


NETWORK = Network(
    kind="telegram",
    settings=lambda url: {"channel": f"@{CHANNEL}", "site": url},
    serve=serve,
    shapes="the web page t.me/s/NAME (Telegram documents it nowhere; as public readers of it describe its classes)",
    page=PAGE_SIZE,
    budget=BUDGET,
    id_of=lambda post: f"{CHANNEL}/{post.id}",
    odd_cursors=({"known": {"1001": "x"}}, {"next": "1"}),
    not_here={
        "test_a_deletion_is_told": "the newest post has no newer neighbour to be missed beside; tests/ingest/test_telegram.py",
        "test_a_cursor_that_is_too_old_is_a_gap_that_is_told_once": "older posts can be had for ever",
    },
)
