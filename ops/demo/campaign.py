"""The two loud and harmless events of the demo: a giveaway, and a copy-paste flood."""

from __future__ import annotations

from datetime import timedelta

from ops.demo.cast import BRAND_ACCOUNT, thin_account
from ops.demo.chance import pick, poisson_large, seeded
from ops.demo.desk import Desk
from ops.demo.timeline import Timeline
from ops.demo.world import BRAND, TOPICS, expected_per_hour
from tocsin.core.clock import HOUR, minute_of
from tocsin.core.mention import Mention

_FLOOD_TEXT = (
    f"{BRAND} Lento 70% OFF today only!!! I claimed my voucher in 2 minutes, hurry up, "
    f"last pieces 👉 https://{BRAND.lower()}-vouchers.test/win #ondrello"
)
_FLOOD_COPIES, _FLOOD_ACCOUNTS = 230, 20


def campaign(times: Timeline, seed: int) -> list[Mention]:
    """The giveaway: three hours at about six and a half times the usual volume, glad and harmless."""
    rng = seeded(seed, "campaign")
    desk = Desk(f"{minute_of(times.end):x}-giveaway", rng, BRAND)
    begun = times.campaign_from
    first = {
        lang: desk.post(begun + timedelta(seconds=20 * n), lang, "bluesky", "campaign", author=BRAND_ACCOUNT)
        for n, lang in enumerate(("nl", "en", "tr", "ro"))
    }
    usual = sum(expected_per_hour(BRAND, begun + n * HOUR) for n in range(3))
    span = (times.campaign_to - begun).total_seconds()
    for _ in range(poisson_large(rng, 5.5 * usual)):
        at = begun + timedelta(seconds=60 + (span - 60) * rng.betavariate(1.3, 1.6))
        lang = pick(rng, TOPICS[BRAND].languages)
        drawn = rng.random()
        if lang in first and drawn < 0.18:
            desk.repost(at, first[lang], lang)
        elif lang in first and drawn < 0.42:
            desk.post(at, lang, "bluesky", "campaign_reply", root=first[lang])
        else:
            desk.post(at, lang, "mastodon" if rng.random() < 0.4 else "bluesky", "campaign")
    return desk.out


def flood(times: Timeline, seed: int) -> list[Mention]:
    """The flood: one text that a few thin accounts post over and over. No post says that it is a repost."""
    rng = seeded(seed, "flood")
    desk = Desk(f"{minute_of(times.end):x}-flood", rng, BRAND)
    span = (times.flood_to - times.flood_from).total_seconds()
    for _ in range(_FLOOD_COPIES):
        at = times.flood_from + timedelta(seconds=span * rng.betavariate(1.4, 1.8))
        author = thin_account(int(rng.random() * _FLOOD_ACCOUNTS))
        desk.copy(at, _FLOOD_TEXT, author, "bluesky" if int(author.id[5:]) % 3 else "mastodon")
    return desk.out
