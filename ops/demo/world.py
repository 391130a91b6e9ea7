"""The world of the demo: what people talk about, where each language is spoken, and how the week goes there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

BRAND = "Ondrello"
CAMPAIGN_TAG = "#RideOndrello"
# The topic of posts that no monitor of the demo matches.
NOISE = "noise"
# The expected numbers for the first post of a conversation.
REPLIES, REPOSTS = 0.55, 0.3


@dataclass(frozen=True)
class Topic:
    """What people talk about: how many conversations begin in a day, the share of each language, and the models they name."""

    starters_per_day: float
    languages: Mapping[str, float]
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a language is spoken: its zone, its countries, and the share of each network."""

    zone: str
    countries: tuple[str, ...]
    networks: Mapping[str, float]


_FOUR = {"nl": 0.36, "en": 0.27, "tr": 0.23, "ro": 0.14}
TOPICS = {
    BRAND: Topic(
        232,
        {"nl": 0.35, "en": 0.26, "tr": 0.21, "ro": 0.13, "de": 0.03, "fr": 0.02},
        ("Lento", "Cargo", "Mezzo"),
    ),
    "Kvikkado": Topic(77, _FOUR, ("Solo", "Duo", "Passo")),
    "Trapuno": Topic(73, _FOUR, ("Rondo", "Tempo", "Trio")),
    NOISE: Topic(55, _FOUR),
}
PLACES = {
    "nl": Place("Europe/Amsterdam", ("NL", "NL", "BE"), {"mastodon": 0.36, "bluesky": 0.32, "forum": 0.32}),
    "en": Place(
        "Europe/London", ("GB", "GB", "IE", "MT"), {"mastodon": 0.34, "bluesky": 0.48, "forum": 0.18}
    ),
    "tr": Place("Europe/Istanbul", ("TR",), {"mastodon": 0.28, "bluesky": 0.47, "forum": 0.25}),
    "ro": Place("Europe/Bucharest", ("RO", "RO", "MD"), {"mastodon": 0.3, "bluesky": 0.38, "forum": 0.32}),
    "de": Place("Europe/Berlin", ("DE", "AT"), {"mastodon": 0.6, "bluesky": 0.3, "forum": 0.1}),
    "fr": Place("Europe/Paris", ("FR", "BE"), {"mastodon": 0.5, "bluesky": 0.4, "forum": 0.1}),
}
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


def expected_per_hour(topic: str, at: datetime) -> float:
    """How many mentions of `topic` the background holds in the hour that begins at `at`, on average."""
    talk = TOPICS[topic]
    share = sum(part * season(lang, at) for lang, part in talk.languages.items())
    return talk.starters_per_day / 24 * share * (1 + REPLIES + REPOSTS)


def season(lang: str, at: datetime) -> float:
    """The weight of this hour in the zone of `lang`; about 1 on average over a week."""
    local = at.astimezone(ZoneInfo(PLACES[lang].zone))
    hours = _WEEKEND if local.weekday() >= 5 else _WORKDAY
    here, next_ = hours[local.hour], hours[(local.hour + 1) % 24]
    part = local.minute / 60
    return (here * (1 - part) + next_ * part) * 24 / sum(hours) * _WEEKDAYS[local.weekday()]


def office_hours(lang: str, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(PLACES[lang].zone))
    return local.weekday() < 5 and 8 <= local.hour < 18
