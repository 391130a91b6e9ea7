"""The background of the demo: conversations by the hours and weekdays of each language, and a newspaper report now and then."""

from __future__ import annotations

from datetime import datetime, timedelta

from ops.demo.cast import OUTLETS
from ops.demo.chance import pick, poisson, seeded
from ops.demo.desk import Desk
from ops.demo.phrases import phrases
from ops.demo.timeline import Timeline
from ops.demo.world import BRAND, NOISE, PLACES, REPLIES, REPOSTS, TOPICS, office_hours, season
from tocsin.core.clock import HOUR, minute_of
from tocsin.core.mention import Mention

# The hours after which a conversation has ended.
LONGEST_CONVERSATION_H = 6
_KINDS = {"praise": 0.3, "complaint": 0.17, "question": 0.21, "chat": 0.32}
# The reports about the brand a day and language, on working days.
_NEWS_A_DAY = 0.8


def background(times: Timeline, seed: int, hour: int) -> list[Mention]:
    """The conversations that begin in one hour, of every topic, with their replies and reposts. Hours count from the end."""
    at = times.end + hour * HOUR
    out: list[Mention] = []
    for name, talk in TOPICS.items():
        rng = seeded(seed, name, str(hour))
        desk = Desk(f"{minute_of(times.end):x}-{name[:1]}{hour}", rng, name)
        day = seeded(seed, name, at.date().isoformat()).gammavariate(30, 1 / 30)
        for lang, part in talk.languages.items():
            mean = talk.starters_per_day / 24 * part * season(lang, at) * day * rng.gammavariate(5, 1 / 5)
            for _ in range(poisson(rng, mean)):
                _conversation(desk, at + rng.random() * HOUR, lang)
            if (
                name == BRAND
                and lang in OUTLETS
                and office_hours(lang, at)
                and rng.random() < _NEWS_A_DAY / 10
            ):
                report(desk, at + rng.random() * HOUR, lang, "news")
        out += desk.out
    return out


def _conversation(desk: Desk, at: datetime, lang: str) -> None:
    """A first post with its replies and reposts. Few posts draw many."""
    rng = desk.rng
    network = pick(rng, PLACES[lang].networks)
    if desk.topic == NOISE:
        desk.post(at, lang, network, "noise")
        return
    root = desk.post(at, lang, network, pick(rng, _KINDS))
    later = at
    for _ in range(poisson(rng, REPLIES * rng.gammavariate(0.45, 1 / 0.45))):
        later += timedelta(minutes=1 + rng.expovariate(1 / 16))
        if later < at + LONGEST_CONVERSATION_H * HOUR:
            desk.post(later, lang, network, "reply", root=root)
    if network == "forum":
        return
    # Forums have no reposts: the other networks carry their share.
    mean = REPOSTS / (1 - PLACES[lang].networks["forum"])
    for _ in range(poisson(rng, mean * rng.gammavariate(0.35, 1 / 0.35))):
        desk.repost(
            at + timedelta(minutes=min(rng.expovariate(1 / 30), 60 * LONGEST_CONVERSATION_H - 1)), root, lang
        )


def report(desk: Desk, at: datetime, lang: str, section: str) -> Mention:
    """A newspaper's item: title and first lines."""
    title = phrases(lang).say(f"{section}_title", desk.rng, desk.given(desk.rng))
    return desk.post(at, lang, "news", f"{section}_body", author=OUTLETS[lang], title=title)
