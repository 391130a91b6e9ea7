"""The desk: writes the demo's mentions, with ids, addresses, engagement, and the small habits of how people type."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.demo.cast import somebody
from ops.demo.phrases import phrases
from ops.demo.world import BRAND, CAMPAIGN_TAG, NOISE, PLACES, TOPICS
from tocsin.core.mention import Author, Engagement, Mention

_SOURCES = {
    "mastodon": "demo-mastodon",
    "bluesky": "demo-bluesky",
    "forum": "demo-forum",
    "news": "demo-news-feed",
}
_LINK = re.compile(r"https?://\S+")
_HASHTAG = re.compile(r"#(\w+)")
_EMOJI = {
    "praise": ("🚲", "🙂", "😀", "👍", "💚", "☀️"),
    "complaint": ("😤", "🙄", "👎", "😒"),
    "campaign": ("🤞", "🎉", "💚", "😍"),
    "crisis": ("😡", "😱", "🤬", "👎"),
    "chat": ("🚲", "☕"),
}
_NO_DIACRITICS = str.maketrans("çğıöşüÇĞİÖŞÜăâîșțĂÂÎȘȚ", "cgiosuCGIOSUaaistAAIST")
_CEDILLA = str.maketrans("șțȘȚ", "şţŞŢ")


@dataclass
class Desk:
    """Writes mentions about one topic into `out`. `stamp` begins the id of each."""

    stamp: str
    rng: random.Random
    topic: str
    out: list[Mention] = field(default_factory=list)

    def post(
        self,
        at: datetime,
        lang: str,
        network: str,
        section: str,
        *,
        author: Author | None = None,
        root: Mention | None = None,
        title: str | None = None,
        slots: Mapping[str, str] | None = None,
    ) -> Mention:
        """Post a text of `section`. With `root` the post is a reply in that conversation."""
        rng, words = self.rng, phrases(lang)
        given = self.given(rng) | dict(slots or {})
        text = words.say(section, rng, given)
        if author is None:
            author = somebody(rng, lang, network)
            text = _habits(rng, text, lang, network, section)
            if self.topic != NOISE and network in ("mastodon", "bluesky") and rng.random() < 0.12:
                text += f" #{self.topic.lower()}" if "#" not in text else ""
        if root is not None and network == "forum":
            title = f"Re: {root.title}" if root.title and not root.title.startswith("Re: ") else root.title
        elif title is None and network == "forum":
            kind = f"title_{section.partition('_')[0]}"
            title = words.say(kind, rng, given) if words.has(kind) else None
        return self._write(at, lang, network, text, author, title=title, root=root)

    def repost(self, at: datetime, original: Mention, lang: str) -> Mention:
        """Repost the same text by somebody else. The repost says what it reposts."""
        network = original.network or "mastodon"
        author = somebody(self.rng, lang, network)
        return self._write(at, lang, network, original.text, author, repost_of=original)

    def copy(self, at: datetime, text: str, author: Author, network: str) -> Mention:
        """Post a text again as if it were the author's own. Nothing says that it is a copy."""
        return self._write(at, "en", network, text, author)

    def given(self, rng: random.Random) -> dict[str, str]:
        models = TOPICS[self.topic].models
        return {
            "brand": self.topic,
            "model": models[int(rng.random() * len(models))] if models else "",
            "at": f"@{self.topic.lower()}",
            "tag": CAMPAIGN_TAG,
        }

    def _write(
        self,
        at: datetime,
        lang: str,
        network: str,
        text: str,
        author: Author,
        *,
        title: str | None = None,
        root: Mention | None = None,
        repost_of: Mention | None = None,
    ) -> Mention:
        id = f"{self.stamp}-{len(self.out)}"
        parent = root or repost_of
        countries = PLACES[lang].countries
        told_country = countries[int(self.rng.random() * len(countries))] if self.rng.random() < 0.4 else None
        untold_language = network == "mastodon" and self.topic == BRAND and self.rng.random() < 0.04
        mention = Mention(
            source=_SOURCES[network],
            id=id,
            text=text,
            title=title,
            created_at=at.replace(microsecond=0),
            network=network,
            url=_address(network, author, id),
            lang=None if untold_language else lang,
            country=told_country,
            author=author,
            in_reply_to=root.id if root else None,
            repost_of=repost_of.id if repost_of else None,
            thread=(parent.thread or parent.id) if parent else (id if network == "forum" else None),
            engagement=_engagement(self.rng, network, author.followers or 0),
            links=tuple(_LINK.findall(text)),
            hashtags=tuple(_HASHTAG.findall(text)),
        )
        self.out.append(mention)
        return mention


def by_time(mention: Mention) -> tuple[datetime, str]:
    return (mention.created_at, mention.id)


def _habits(rng: random.Random, text: str, lang: str, network: str, section: str) -> str:
    """The text as people type it: sometimes without the last full stop, without diacritics, or with an emoji."""
    drawn = rng.random()
    if lang == "ro":
        # Cedilla letters come from old keyboards; both ways of writing are common in Romanian.
        text = (
            text.translate(_NO_DIACRITICS)
            if drawn < 0.22
            else text.translate(_CEDILLA)
            if drawn < 0.28
            else text
        )
    elif lang == "tr" and drawn < 0.05:
        text = text.translate(_NO_DIACRITICS)
    if rng.random() < 0.3:
        text = text.removesuffix(".")
    emoji = _EMOJI.get(section.partition("_")[0])
    if emoji and network in ("mastodon", "bluesky") and rng.random() < 0.1:
        text += f" {emoji[int(rng.random() * len(emoji))]}"
    return text


def _engagement(rng: random.Random, network: str, followers: int) -> Engagement | None:
    """Engagement that grows with the square root of the audience. Each network tells its own figures; news tells none."""
    if network == "news":
        return None
    likes = int(math.sqrt(followers + 4) * rng.lognormvariate(-1.1, 1.1))
    if network == "forum":
        return Engagement(likes=likes, replies=int(likes * 0.4), views=40 + int(300 * rng.random()))
    return Engagement(likes=likes, reposts=int(likes * 0.22 * rng.random()), replies=int(likes * 0.15))


def _address(network: str, author: Author, id: str) -> str:
    if network == "forum":
        return f"https://forum.example.org/post/{id}"
    if network == "news":
        return f"https://{author.id}.test/{id}"
    return f"https://{network}.test/@{author.handle}/{id}"
