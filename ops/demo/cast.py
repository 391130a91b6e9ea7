"""The people who post in the demo: an invented crowd with heavy-tailed audiences, and a few parts that the story names.

A person is made from (language, network, number), so the same person turns up again and again: in the background, in the crisis
and after it. A few people post much and most post little. A few have many followers.
"""

from __future__ import annotations

import random
import unicodedata
from functools import cache

from ops.demo.phrases import phrases
from tocsin.core.mention import Author

# How many people each network has, per language.
_CROWD = {"mastodon": 260, "bluesky": 300, "forum": 160}
# Nobody in the background counts as influential: only the story has influential people.
_MOST_FOLLOWERS = 45_000

BRAND_ACCOUNT = Author(id="ondrello", name="Ondrello", handle="ondrello", followers=48_300, verified=True)
WITNESS = Author(id="marit-1978", name="Marit", handle="marit_1978", followers=12)
STARS = {
    "en": Author(
        id="theslowcommute",
        name="The Slow Commute",
        handle="theslowcommute",
        followers=248_000,
        verified=True,
    ),
    "tr": Author(
        id="pedalgunlugu", name="Pedal Günlüğü", handle="pedalgunlugu", followers=312_000, verified=True
    ),
}
OUTLETS = {
    "en": Author(id="saltmarsh-courier", name="The Saltmarsh Courier"),
    "tr": Author(id="marti-gundem", name="Martı Gündem"),
    "nl": Author(id="noorderklok", name="De Noorderklok"),
    "ro": Author(id="curierul-campiei", name="Curierul Câmpiei"),
}


def somebody(rng: random.Random, lang: str, network: str) -> Author:
    """A person of that language and network, drawn at random. People with low numbers come up most often."""
    return person(lang, network, int(_CROWD[network] * rng.random() ** 2))


@cache
def person(lang: str, network: str, number: int) -> Author:
    """The person of these arguments, always the same one. Forums do not tell how many followers somebody has."""
    rng = random.Random(f"{lang}/{network}/{number}")  # noqa: S311 - a made-up crowd, nothing secret
    words = phrases(lang)
    name = words.say("first_name", rng, {})
    handle = f"{_plain(name)}_{_plain(words.say('nick', rng, {}))}{number}"
    followers = min(_MOST_FOLLOWERS, int(20 * rng.paretovariate(0.85)))
    return Author(
        id=f"{lang}-{network[:2]}-{number}",
        name=name,
        handle=handle,
        followers=None if network == "forum" else followers,
    )


def thin_account(number: int) -> Author:
    """One of the accounts that post the flood: new, without a name, with hardly any followers."""
    rng = random.Random(f"thin/{number}")  # noqa: S311 - a made-up crowd, nothing secret
    digits = int(rng.random() * 90_000_000) + 10_000_000
    return Author(
        id=f"thin-{number}", name=f"user{digits}", handle=f"user{digits}", followers=int(rng.random() * 5)
    )


def _plain(name: str) -> str:
    """The name in lower-case ASCII, as handles are written."""
    folded = name.replace("ı", "i").replace("İ", "I")
    return unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode().lower()
