"""The demo's story: two weeks of talk about a bicycle maker that does not exist, then a crisis.

Background with the hours and weekdays of each language's own zone, conversations and good and bad days; a
giveaway that is loud and harmless; a copy-paste flood; and, `CRISIS_BEFORE_END` before the end, a first
report of an overheating battery that spreads over languages and networks, is taken up by people with an
audience and by newspapers, and calms in `live_mentions`. Every brand, person, outlet and address is made
up; addresses end in .test or example.org. The same (end, seed, days) gives the same mentions, byte for
byte: each hour of each topic has random numbers of its own.
"""

from __future__ import annotations

import heapq
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo

from ops.demo.cast import (
    BRAND_ACCOUNT,
    OUTLETS,
    STARS,
    WITNESS,
    somebody,
    thin_account,
)
from ops.demo.phrases import phrases
from tocsin.core.clock import minute_of
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Author, Engagement, Mention

BRAND = "Ondrello"
CAMPAIGN_TAG = "#RideOndrello"
CRISIS_BEFORE_END = timedelta(minutes=75)

_HOUR = timedelta(hours=1)
_NOISE = "noise"  # talk that no monitor of the demo asked for
_SPILL = 6  # hours after which a conversation has ended
_CALM_OVER = 75  # minutes in which the crisis has run off after the end


@dataclass(frozen=True)
class Timeline:
    """When what happens; all aware, in UTC."""

    start: datetime
    campaign_from: datetime
    campaign_to: datetime
    flood_from: datetime
    flood_to: datetime
    crisis_at: datetime
    end: datetime


@dataclass(frozen=True)
class _Topic:
    """What is talked about: conversations begun in a day, by which language, about which models."""

    starters_per_day: float
    languages: Mapping[str, float]
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    """Where a language lives: its zone, countries, and how its talk divides over the networks."""

    zone: str
    countries: tuple[str, ...]
    networks: Mapping[str, float]


_FOUR = {"nl": 0.36, "en": 0.27, "tr": 0.23, "ro": 0.14}
_TOPICS = {
    BRAND: _Topic(
        232,
        {"nl": 0.35, "en": 0.26, "tr": 0.21, "ro": 0.13, "de": 0.03, "fr": 0.02},
        ("Lento", "Cargo", "Mezzo"),
    ),
    "Kvikkado": _Topic(77, _FOUR, ("Solo", "Duo", "Passo")),
    "Trapuno": _Topic(73, _FOUR, ("Rondo", "Tempo", "Trio")),
    _NOISE: _Topic(55, _FOUR),
}
_PLACES = {
    "nl": _Place("Europe/Amsterdam", ("NL", "NL", "BE"), {"mastodon": 0.36, "bluesky": 0.32, "forum": 0.32}),
    "en": _Place(
        "Europe/London", ("GB", "GB", "IE", "MT"), {"mastodon": 0.34, "bluesky": 0.48, "forum": 0.18}
    ),
    "tr": _Place("Europe/Istanbul", ("TR",), {"mastodon": 0.28, "bluesky": 0.47, "forum": 0.25}),
    "ro": _Place("Europe/Bucharest", ("RO", "RO", "MD"), {"mastodon": 0.3, "bluesky": 0.38, "forum": 0.32}),
    "de": _Place("Europe/Berlin", ("DE", "AT"), {"mastodon": 0.6, "bluesky": 0.3, "forum": 0.1}),
    "fr": _Place("Europe/Paris", ("FR", "BE"), {"mastodon": 0.5, "bluesky": 0.4, "forum": 0.1}),
}
_KINDS = {"praise": 0.3, "complaint": 0.17, "question": 0.21, "chat": 0.32}
# Weight of each hour of a local day (mean about 1) and of each day of the week, Monday first.
_WORKDAY = (
    22,
    12,
    8,
    6,
    8,
    22,
    62,
    118,
    128,
    112,
    106,
    112,
    138,
    120,
    104,
    104,
    114,
    132,
    142,
    152,
    168,
    160,
    112,
    56,
)
_WEEKEND = (
    40,
    24,
    14,
    9,
    8,
    10,
    22,
    48,
    86,
    122,
    142,
    146,
    138,
    128,
    124,
    122,
    120,
    124,
    132,
    140,
    148,
    142,
    104,
    64,
)
_WEEKDAYS = (1.04, 1.06, 1.05, 1.03, 0.98, 0.86, 0.84)
_NEWS_A_DAY = 0.8  # reports a day and language about the brand, on working days
_REPLIES, _REPOSTS = 0.55, 0.3  # expected per conversation's first post
_FLOOD_TEXT = (
    f"{BRAND} Lento 70% OFF today only!!! I claimed my voucher in 2 minutes, hurry up, "
    f"last pieces 👉 https://{BRAND.lower()}-vouchers.test/win #ondrello"
)
_FLOOD_COPIES, _FLOOD_ACCOUNTS, _FLOOD_MINUTES = 230, 20, 18


def timeline(end: datetime, *, days: int = 14, crisis_before: timedelta = CRISIS_BEFORE_END) -> Timeline:
    """The story's dates. WrongInput when `end` has no zone, or `days` is not 7 to 60."""
    if end.tzinfo is None:
        raise WrongInput(f"the demo's end {end.isoformat()} has no time zone; give an aware time")
    if not 7 <= days <= 60:
        raise WrongInput(f"the demo covers 7 to 60 days, not {days}")
    if not timedelta(minutes=40) <= crisis_before <= timedelta(hours=6):
        raise WrongInput(
            f"the demo's crisis begins 40 minutes to 6 hours before the end, not {crisis_before}"
        )
    end = end.astimezone(UTC).replace(microsecond=0)
    start = end - timedelta(days=days)
    campaign = _at_hour(start + timedelta(days=days * 9 // 14), 15)
    flood = _at_hour(start + timedelta(days=days * 11 // 14), 12) + timedelta(minutes=40)
    return Timeline(
        start=start,
        campaign_from=campaign,
        campaign_to=campaign + timedelta(hours=3),
        flood_from=flood,
        flood_to=flood + timedelta(minutes=_FLOOD_MINUTES),
        crisis_at=end - crisis_before,
        end=end,
    )


def demo_mentions(
    end: datetime, *, seed: int = 1, days: int = 14, crisis_before: timedelta = CRISIS_BEFORE_END
) -> Iterator[Mention]:
    """The recorded part, [end - days, end), sorted by `created_at`. WrongInput as `timeline` says."""
    times = timeline(end, days=days, crisis_before=crisis_before)
    told: list[Mention] = []
    for hour in range(-24 * days, 0):
        told += _background(times, seed, hour)
    told += _campaign(times, seed) + _flood(times, seed) + _crisis(times, seed)
    told = [mention for mention in told if times.start <= mention.created_at < times.end]
    yield from sorted(told, key=_order)


def live_mentions(
    start: datetime, seed: int = 1, *, crisis_before: timedelta = CRISIS_BEFORE_END
) -> Iterator[Mention]:
    """What follows from `start`, the `end` of the recorded part: the crisis calms over some 40 minutes, then
    background without end. Sorted by `created_at`; make it once and take from it as the clock gets there."""
    times = timeline(start, crisis_before=crisis_before)
    waiting = [
        ((mention.created_at, mention.id), mention)
        for mention in _crisis(times, seed)
        if mention.created_at >= times.end
    ]
    heapq.heapify(waiting)
    for hour in count(-_SPILL):
        for mention in _background(times, seed, hour):
            if mention.created_at >= times.end:
                heapq.heappush(waiting, (_order(mention), mention))
        closed = times.end + (hour + 1) * _HOUR  # nothing of a later hour comes before this
        while waiting and waiting[0][0][0] < closed:
            yield heapq.heappop(waiting)[1]


def expected_per_hour(topic: str, at: datetime) -> float:
    """How many mentions of `topic` the background holds in the hour that begins at `at`, on average."""
    talk = _TOPICS[topic]
    share = sum(part * _season(lang, at) for lang, part in talk.languages.items())
    return talk.starters_per_day / 24 * share * (1 + _REPLIES + _REPOSTS)


@dataclass
class _Desk:
    """Writes mentions: gives ids, addresses, engagement and the small habits of how people type."""

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
        """A text of `section`; with `root` it is a reply in that conversation."""
        rng, words = self.rng, phrases(lang)
        given = self._given(rng) | dict(slots or {})
        text = words.say(section, rng, given)
        if author is None:
            author = somebody(rng, lang, network)
            text = _habits(rng, text, lang, network, section)
            if self.topic != _NOISE and network in ("mastodon", "bluesky") and rng.random() < 0.12:
                text += f" #{self.topic.lower()}" if "#" not in text else ""
        if root is not None and network == "forum":
            title = f"Re: {root.title}" if root.title and not root.title.startswith("Re: ") else root.title
        elif title is None and network == "forum":
            kind = f"title_{section.partition('_')[0]}"
            title = words.say(kind, rng, given) if words.has(kind) else None
        return self._write(at, lang, network, text, author, title=title, root=root)

    def repost(self, at: datetime, original: Mention, lang: str) -> Mention:
        """The same text passed on by somebody else, told as such."""
        network = original.network or "mastodon"
        author = somebody(self.rng, lang, network)
        return self._write(at, lang, network, original.text, author, repost_of=original)

    def copy(self, at: datetime, text: str, author: Author, network: str) -> Mention:
        """The same text again, posted as if it were one's own."""
        return self._write(at, "en", network, text, author)

    def _given(self, rng: random.Random) -> dict[str, str]:
        models = _TOPICS[self.topic].models
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
        countries = _PLACES[lang].countries
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


def _background(times: Timeline, seed: int, hour: int) -> list[Mention]:
    """All that is begun in one hour (counted from the end) of every topic, with what follows from it."""
    at = times.end + hour * _HOUR
    out: list[Mention] = []
    for name, talk in _TOPICS.items():
        rng = _random(seed, name, str(hour))
        desk = _Desk(f"{minute_of(times.end):x}-{name[:1]}{hour}", rng, name)
        day = _random(seed, name, at.date().isoformat()).gammavariate(30, 1 / 30)
        for lang, part in talk.languages.items():
            mean = talk.starters_per_day / 24 * part * _season(lang, at) * day * rng.gammavariate(5, 1 / 5)
            for _ in range(_poisson(rng, mean)):
                _conversation(desk, at + rng.random() * _HOUR, lang)
            if (
                name == BRAND
                and lang in OUTLETS
                and _office_hours(lang, at)
                and rng.random() < _NEWS_A_DAY / 10
            ):
                _report(desk, at + rng.random() * _HOUR, lang, "news")
        out += desk.out
    return out


def _conversation(desk: _Desk, at: datetime, lang: str) -> None:
    """A first post, the replies and the reposts it draws: few draw many."""
    rng = desk.rng
    network = _pick(rng, _PLACES[lang].networks)
    if desk.topic == _NOISE:
        desk.post(at, lang, network, "noise")
        return
    root = desk.post(at, lang, network, _pick(rng, _KINDS))
    later = at
    for _ in range(_poisson(rng, _REPLIES * rng.gammavariate(0.45, 1 / 0.45))):
        later += timedelta(minutes=1 + rng.expovariate(1 / 16))
        if later < at + _SPILL * _HOUR:
            desk.post(later, lang, network, "reply", root=root)
    if network == "forum":
        return
    # Forums have no reposts: the other networks carry their share of them.
    mean = _REPOSTS / (1 - _PLACES[lang].networks["forum"])
    for _ in range(_poisson(rng, mean * rng.gammavariate(0.35, 1 / 0.35))):
        desk.repost(at + timedelta(minutes=min(rng.expovariate(1 / 30), 60 * _SPILL - 1)), root, lang)


def _report(desk: _Desk, at: datetime, lang: str, section: str) -> Mention:
    """A newspaper's item: title and first lines."""
    title = phrases(lang).say(f"{section}_title", desk.rng, desk._given(desk.rng))
    return desk.post(at, lang, "news", f"{section}_body", author=OUTLETS[lang], title=title)


def _campaign(times: Timeline, seed: int) -> list[Mention]:
    """The giveaway: three hours of some six and a half times the usual volume, glad and harmless."""
    rng = _random(seed, "campaign")
    desk = _Desk(f"{minute_of(times.end):x}-giveaway", rng, BRAND)
    begun = times.campaign_from
    first = {
        lang: desk.post(begun + timedelta(seconds=20 * n), lang, "bluesky", "campaign", author=BRAND_ACCOUNT)
        for n, lang in enumerate(("nl", "en", "tr", "ro"))
    }
    usual = sum(expected_per_hour(BRAND, begun + n * _HOUR) for n in range(3))
    span = (times.campaign_to - begun).total_seconds()
    for _ in range(_poisson_large(rng, 5.5 * usual)):
        at = begun + timedelta(seconds=60 + (span - 60) * rng.betavariate(1.3, 1.6))
        lang = _pick(rng, _TOPICS[BRAND].languages)
        drawn = rng.random()
        if lang in first and drawn < 0.18:
            desk.repost(at, first[lang], lang)
        elif lang in first and drawn < 0.42:
            desk.post(at, lang, "bluesky", "campaign_reply", root=first[lang])
        else:
            desk.post(at, lang, "mastodon" if rng.random() < 0.4 else "bluesky", "campaign")
    return desk.out


def _flood(times: Timeline, seed: int) -> list[Mention]:
    """One text, posted over and over by a few thin accounts, with nothing that says it is a repost."""
    rng = _random(seed, "flood")
    desk = _Desk(f"{minute_of(times.end):x}-flood", rng, BRAND)
    span = (times.flood_to - times.flood_from).total_seconds()
    for _ in range(_FLOOD_COPIES):
        at = times.flood_from + timedelta(seconds=span * rng.betavariate(1.4, 1.8))
        author = thin_account(int(rng.random() * _FLOOD_ACCOUNTS))
        desk.copy(at, _FLOOD_TEXT, author, "bluesky" if int(author.id[5:]) % 3 else "mastodon")
    return desk.out


# What is certain to happen in the crisis: minute, language, network, section, author (None: somebody).
_BEATS: tuple[tuple[int, str, str, str, Author | None], ...] = (
    (7, "tr", "bluesky", "crisis", None),
    (9, "tr", "forum", "crisis", None),
    (11, "en", "mastodon", "crisis", None),
    (15, "ro", "bluesky", "crisis", None),
    (17, "en", "bluesky", "crisis_star", STARS["en"]),
    (24, "tr", "bluesky", "crisis_star", STARS["tr"]),
    (26, "nl", "news", "crisis_news", None),
    (33, "tr", "news", "crisis_news", None),
    (41, "en", "news", "crisis_news", None),
    (48, "ro", "news", "crisis_news", None),
)
# From which minute each language talks about it, and its share once all do.
_SPREAD = {
    "nl": (0, 0.3),
    "tr": (7, 0.26),
    "en": (11, 0.27),
    "ro": (15, 0.12),
    "de": (21, 0.03),
    "fr": (23, 0.02),
}
_RAMP = 28.0  # minutes from the first post to the full crisis


def _crisis(times: Timeline, seed: int) -> list[Mention]:
    """The whole crisis, from the first post until it has run off after the end."""
    rng = _random(seed, "crisis")
    desk = _Desk(f"{minute_of(times.end):x}-crisis", rng, BRAND)
    begun = times.crisis_at
    cargo = {"model": "Cargo"}
    title = phrases("nl").say("crisis_first_title", rng, {"brand": BRAND})
    first = desk.post(begun, "nl", "forum", "crisis_first", author=WITNESS, title=title)
    threads: dict[str, list[Mention]] = {"nl": [first]}
    beats = list(_BEATS)
    # By night the background is thin and a crisis smaller, but it stays one.
    full = 7 + 9 * expected_per_hour(BRAND, begun) / 60
    ends = (times.end - begun).total_seconds() / 60
    # The company's own word comes when the recorded part is over.
    answers = int(ends) + 12
    for minute in range(1, int(ends) + _CALM_OVER):
        while beats and beats[0][0] <= minute:
            _, lang, network, section, author = beats.pop(0)
            at = begun + timedelta(minutes=minute, seconds=int(rng.random() * 30))
            if network == "news":
                root = _report(desk, at, lang, section)
            else:
                root = desk.post(at, lang, network, section, author=author, slots=cargo)
            threads.setdefault(lang, []).append(root)
        if minute == answers:
            at = begun + timedelta(minutes=minute)
            threads["en"].append(desk.post(at, "en", "bluesky", "brand_statement", author=BRAND_ACCOUNT))
        calm = min(0.8, max(0.0, (minute - ends) / 40))
        mean = _crisis_rate(minute, full, ends) * rng.gammavariate(7, 1 / 7)
        for _ in range(_poisson(rng, mean)):
            at = begun + timedelta(minutes=minute + rng.random())
            heard = {lang: share for lang, (since, share) in _SPREAD.items() if minute > since}
            _outcry(desk, at, _pick(rng, heard), threads, calm)
    return desk.out


def _outcry(desk: _Desk, at: datetime, lang: str, threads: dict[str, list[Mention]], calm: float) -> None:
    """One more voice: a reply or a repost in a conversation that is going on, or a post of its own."""
    rng = desk.rng
    roots = list(takewhile(lambda root: root.created_at < at, threads.get(lang, [])))
    root = roots[int(len(roots) * math.sqrt(rng.random()))] if roots else None
    drawn = rng.random()
    if root is not None and drawn < 0.16 and root.network in ("mastodon", "bluesky"):
        desk.repost(at, root, lang)
    elif root is not None and drawn < 0.42 and root.network != "news":
        section = "calm" if rng.random() < calm else "crisis_reply"
        desk.post(at, lang, root.network or "forum", section, root=root)
    else:
        section = "crisis_question" if rng.random() < 0.1 else "crisis"
        posted = desk.post(
            at, lang, _pick(rng, _PLACES[lang].networks), "calm" if rng.random() < calm else section
        )
        if rng.random() < 0.06:
            threads.setdefault(lang, []).append(posted)
            threads[lang].sort(key=_order)


def _crisis_rate(minute: float, full: float, ends: float) -> float:
    """Mentions a minute: exponential growth to `full` at `_RAMP`, level until `ends`, exponential decay."""
    if minute < _RAMP:
        return 0.35 * math.exp(minute / _RAMP * math.log(full / 0.35))
    return full * math.exp(-max(0.0, minute - ends) / 15)


def _habits(rng: random.Random, text: str, lang: str, network: str, section: str) -> str:
    """How people type: without the last full stop, without diacritics, with an emoji."""
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
    """Grows with the square root of the audience; each network tells what it tells."""
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


def _season(lang: str, at: datetime) -> float:
    """The weight of this hour in the zone of `lang`; about 1 on average over a week."""
    local = at.astimezone(ZoneInfo(_PLACES[lang].zone))
    hours = _WEEKEND if local.weekday() >= 5 else _WORKDAY
    here, next_ = hours[local.hour], hours[(local.hour + 1) % 24]
    part = local.minute / 60
    return (here * (1 - part) + next_ * part) * 24 / sum(hours) * _WEEKDAYS[local.weekday()]


def _office_hours(lang: str, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(_PLACES[lang].zone))
    return local.weekday() < 5 and 8 <= local.hour < 18


def _at_hour(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, minute=0, second=0)


def _order(mention: Mention) -> tuple[datetime, str]:
    return (mention.created_at, mention.id)


def _random(seed: int, *parts: str) -> random.Random:
    return random.Random("/".join((str(seed), *parts)))  # noqa: S311 - a story that must repeat, nothing secret


def _pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    """A key, with a chance in proportion to its weight."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(reversed(list(weights)))


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's product of uniforms (The Art of Computer Programming, 3.4.1); means here stay below thirty."""
    floor, drawn, product = math.exp(-mean), 0, rng.random()
    while product > floor:
        drawn += 1
        product *= rng.random()
    return drawn


def _poisson_large(rng: random.Random, mean: float) -> int:
    """The normal approximation, for means of a hundred and more."""
    return max(0, round(rng.gauss(mean, math.sqrt(mean))))
