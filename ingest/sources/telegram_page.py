"""The web page of a public Telegram channel (`t.me/s/NAME`), read as posts.

The page is a stranger's. So it is first cleaned to a few known tags, which also closes what was left open, and only then
walked. Telegram documents the page nowhere; its classes are those that its own embedded posts use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import nh3

from ingest.markup import is_tangled

MAX_CHARS = 5_000_000
_TAGS = {"div", "span", "a", "time", "br", "p", "blockquote", "pre", "i", "b"}
_ATTRIBUTES = {tag: {"class", "data-post", "href", "datetime", "style"} for tag in _TAGS}
_VOID = {"br"}
_BLOCKS = {"br", "p", "blockquote", "pre"}

# A field of a post, or of the channel, by the class of the element that holds its text. The first that fits counts.
_FIELDS: Mapping[str, str] = {
    "tgme_widget_message_text": "text",
    "tgme_widget_message_poll_question": "text",
    "tgme_widget_message_views": "views",
    "tgme_widget_message_owner_name": "author",
    "tgme_widget_message_reply": "quoted",
    "tgme_channel_info_header_title": "title",
    "counter_value": "counter",
    "counter_type": "counted",
}
# Links that say something by where they lead.
_LINKS: Mapping[str, str] = {
    "tgme_widget_message_reply": "reply",
    "tgme_widget_message_forwarded_from_name": "forwarded",
}
_PICTURE = re.compile(r"background-image:\s*url\(['\"]?(https?://[^'\")\s]{1,1500})")
_POST = re.compile(r"([A-Za-z0-9_]{1,64})/([0-9]{1,15})")
_COUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*([KMB]?)")
_TIMES = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}


@dataclass(slots=True)
class ChannelPost:
    """A post as the page shows it. `number` is unique in its channel and grows with time."""

    channel: str
    number: int
    is_service: bool = False
    posted: str = ""
    texts: dict[str, list[str]] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    def said(self, name: str) -> str:
        """The text of the field, with single blanks and at most one empty line."""
        lines = (" ".join(line.split()) for line in "".join(self.texts.get(name, ())).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


@dataclass(frozen=True, slots=True)
class ChannelPage:
    """The posts of a page, oldest first, and what the page says of its channel. `is_channel`: it is a channel's page."""

    posts: Sequence[ChannelPost]
    is_channel: bool
    title: str | None = None
    subscribers: int | None = None


def read_page(text: str) -> ChannelPage:
    """The page in this HTML. Whatever it holds, this raises nothing."""
    reader = _Reader()
    text = text[:MAX_CHARS]
    if is_tangled(text):
        return ChannelPage((), is_channel=False)
    # Cleaning drops relative links unless told not to; hashtags are such links.
    reader.feed(nh3.clean(text, tags=_TAGS, attributes=_ATTRIBUTES, link_rel=None))
    reader.close()
    about = {name: "".join(parts).strip() for name, parts in reader.about.items()}
    subscribers = (
        count(about.get("counter", "")) if about.get("counted", "").startswith("subscriber") else None
    )
    return ChannelPage(reader.posts, reader.is_channel, about.get("title") or None, subscribers)


def count(text: str) -> int | None:
    """The figure that a page shows as `987`, `1.2K` or `3M`."""
    found = _COUNT.fullmatch(text.replace(",", "").strip())
    return round(float(found[1]) * _TIMES[found[2]]) if found else None


def fields(post: ChannelPost, page: ChannelPage) -> dict[str, Any]:
    """The fields of a mention."""
    id = f"{post.channel}/{post.number}"
    return {
        "id": id,
        "text": post.said("text"),
        "created_at": post.posted or None,
        "network": "telegram",
        "url": f"https://t.me/{id}",
        "author": {
            "id": post.channel,
            "handle": post.channel,
            "name": page.title or post.said("author"),
            "followers": page.subscribers,
        },
        "in_reply_to": _post_of(post.leads.get("reply")),
        "repost_of": _post_of(post.leads.get("forwarded")),
        "engagement": {"views": count(post.said("views"))},
        "links": [link for link in post.links if not link.startswith("?")],
        "hashtags": [link[len("?q=%23") :] for link in post.links if link.startswith("?q=%23")],
        "media": post.pictures,
    }


def _post_of(link: str | None) -> str | None:
    found = _POST.search(link.removeprefix("https://t.me/")) if link else None
    return found[0] if found and link and link.startswith("https://t.me/") else None


class _Reader(HTMLParser):
    """Walks the cleaned page; each open element remembers the field that its text belongs to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.posts: list[ChannelPost] = []
        self.about: dict[str, list[str]] = {}
        self.is_channel = False
        # The field of each open element, the innermost last; None: its text belongs to no field.
        self._open: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        classes = values.get("class", "").split()
        self.is_channel = self.is_channel or "tgme_channel_info" in classes
        found = _POST.fullmatch(values.get("data-post", ""))
        if found and "tgme_widget_message" in classes:
            self.posts.append(ChannelPost(found[1], int(found[2]), "service_message" in classes))
        if self.posts:
            self._note(self.posts[-1], tag, values, classes)
        if tag in _BLOCKS:
            self.handle_data("\n")
        if tag not in _VOID:
            inherited = self._open[-1] if self._open else None
            # A quoted post has a text of its own inside.
            own = None if inherited == "quoted" else next(filter(None, map(_FIELDS.get, classes)), None)
            self._open.append(own or inherited)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._open:
            if tag in _BLOCKS:
                self.handle_data("\n")
            self._open.pop()

    def handle_data(self, data: str) -> None:
        name = self._open[-1] if self._open else None
        if name is None:
            return
        if name in ("title", "counter", "counted"):
            # The first counter is that of subscribers.
            if len(self.about.setdefault(name, [])) < 1:
                self.about[name].append(data)
        elif self.posts:
            self.posts[-1].texts.setdefault(name, []).append(data)

    def _note(self, post: ChannelPost, tag: str, values: Mapping[str, str], classes: Sequence[str]) -> None:
        link = values.get("href", "")
        for name in classes:
            if name in _LINKS and link:
                post.leads.setdefault(_LINKS[name], link)
        if tag == "a" and link and self._open and self._open[-1] == "text":
            post.links.append(link)
        if tag == "time" and values.get("datetime"):
            post.posted = values["datetime"]
        picture = _PICTURE.search(values.get("style", "")[:2000])
        if picture and any(name.endswith("photo_wrap") for name in classes):
            post.pictures.append(picture[1])
