"""Made-up mentions for benchmarks and memory tests, made as fast as they can be consumed. They tell no story.

Brands are `brand0001`, `brand0002`, ... A mention matches exactly one of `synthetic_queries`, or none. Texts have the length of a
tweet, in English, Turkish, Dutch and Romanian. Some sixteen million different texts can come.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tocsin.core.errors import WrongInput
from tocsin.core.mention import Author, Engagement, Mention

MOST_MONITORS = 9999
# Beginnings of texts for each language, and as many endings.
_HALVES = 2048
_AUTHORS = 5000
_NETWORKS = ("mastodon", "bluesky", "forum", "news")

# Boolean queries of different shapes, as people write them. The bare name matches each query, and no other text here does.
_SHAPES = (
    "{b} OR #{b} OR @{b}",
    '({b}* OR @{b}) AND NOT "second hand"',
    '"{b} service" OR {b}',
    "#{b} OR ({b} AND NOT (coupon AND voucher))",
    "({b} OR {b}shop OR {b}app*) AND NOT lottery",
)


def synthetic_queries(monitors: int) -> dict[str, str]:
    """`monitors` queries, by the name of their brand. Raises `WrongInput` where `monitors` is not 1 to `MOST_MONITORS`."""
    _check_monitors(monitors)
    return {
        name: _SHAPES[number % len(_SHAPES)].format(b=name)
        for number, name in enumerate(_brand(n) for n in range(1, monitors + 1))
    }


def synthetic_mentions(
    n: int, *, start: datetime, rate_per_second: float, match_share: float, monitors: int, seed: int
) -> Iterator[Mention]:
    """`n` mentions from `start` on, evenly `rate_per_second` in event time, in order, each with its own id.

    A share `match_share` (0..1) names one of the first `monitors` brands; the rest names none. Few brands are named much, and
    most are named little. Memory does not grow with `n`. Raises `WrongInput` for values that make no sense.
    """
    _check_monitors(monitors)
    if n < 0 or not 0 <= match_share <= 1 or not 0 < rate_per_second < 1e9:
        raise WrongInput(
            f"n={n}, match_share={match_share}, rate_per_second={rate_per_second}: "
            "need n >= 0, match_share from 0 to 1, rate_per_second over 0 and under 1e9"
        )
    if start.tzinfo is None:
        raise WrongInput(f"start {start.isoformat()} has no time zone; give an aware time")
    return _mentions(n, start.astimezone(UTC), 1e6 / rate_per_second, match_share, monitors, seed)


def _mentions(
    n: int, start: datetime, step_micros: float, match_share: float, monitors: int, seed: int
) -> Iterator[Mention]:
    rng = random.Random(seed)
    firsts, seconds = _half_texts(rng)
    languages = tuple(firsts)
    brands = [_brand(number) for number in range(1, monitors + 1)]
    authors = [
        Author(id=f"a{k}", handle=f"reader{k}", followers=min(900_000, int(30 * rng.paretovariate(0.9))))
        for k in range(_AUTHORS)
    ]
    engagements = [Engagement(likes=k * k // 40, reposts=k // 9, replies=k // 5) for k in range(60)]
    draw = rng.random
    for k in range(n):
        one, two, three = draw(), draw(), draw()
        lang = languages[int(one * 4)]
        # The digits that the first use of a draw leaves over are as good as a new draw.
        text = firsts[lang][int(one * 4 % 1 * _HALVES)] + seconds[lang][int(two * _HALVES)]
        if three < match_share:
            text = f"{brands[int((three / match_share) ** 3 * monitors)]} {text}"
        spread = two * _HALVES % 1
        yield Mention(
            source="synthetic",
            id=f"{seed}-{k}",
            text=text,
            created_at=start + timedelta(0, 0, int(k * step_micros)),
            network=_NETWORKS[k & 3],
            lang=lang,
            author=authors[int(spread * spread * _AUTHORS)],
            engagement=engagements[k % 60],
        )


def _half_texts(rng: random.Random) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Beginnings and endings of texts, by language. Any beginning goes with any ending."""
    words = {lang: text.split() for lang, text in _WORDS.items()}
    firsts = {lang: [_some(rng, known) for _ in range(_HALVES)] for lang, known in words.items()}
    seconds = {lang: [" " + _some(rng, known) for _ in range(_HALVES)] for lang, known in words.items()}
    return firsts, seconds


def _some(rng: random.Random, words: list[str]) -> str:
    return " ".join(words[int(rng.random() * len(words))] for _ in range(4 + int(rng.random() * 12)))


def _brand(number: int) -> str:
    return f"brand{number:04d}"


def _check_monitors(monitors: int) -> None:
    if not 1 <= monitors <= MOST_MONITORS:
        raise WrongInput(f"monitors={monitors}: need 1 to {MOST_MONITORS}")


_WORDS = {
    "en": """
        the a my your this that is was will be not very really quite good great bad awful slow quick
        late early new old broken lovely happy angry tired thanks please help wait order delivery
        train bus shop morning evening week month phone screen coffee rain queue price refund
        service friend family kitchen garden never always again today tomorrow with without from
        about after before because while nobody everybody something nothing waiting talking buying
        walking trying found lost bought called answered
    """,
    "tr": """
        bir bu şu o ve ama çünkü çok daha hiç yine bugün yarın dün sabah akşam hafta ay iyi kötü
        güzel berbat yavaş hızlı geç erken yeni eski bozuk mutlu kızgın yorgun teşekkürler lütfen
        yardım sipariş kargo otobüs vapur dükkân telefon ekran kahve yağmur kuyruk fiyat iade hizmet
        arkadaş aile mutfak bahçe her zaman asla sonra önce için ile kimse herkes bekliyorum aldım
        aradım buldum kaybettim konuştuk yürüdük denedim geldi gitti oldu değil var yok belki
        gerçekten
    """,
    "nl": """
        de het een mijn jouw dit dat is was wordt niet heel echt best goed geweldig slecht vreselijk
        traag snel laat vroeg nieuw oud kapot mooi blij boos moe bedankt graag help wacht bestelling
        bezorging trein bus winkel ochtend avond week maand telefoon scherm koffie regen rij prijs
        terugbetaling service vriend familie keuken tuin nooit altijd weer vandaag morgen met zonder
        van over na voor omdat terwijl niemand iedereen iets niets gewacht gekocht gebeld gevonden
        verloren
    """,
    "ro": """
        un o acest această este a fost va fi nu foarte chiar destul bun grozav prost groaznic încet
        repede târziu devreme nou vechi stricat frumos fericit supărat obosit mulțumesc vă rog
        ajutor aștept comandă livrare tren autobuz magazin dimineață seară săptămână lună telefon
        ecran cafea ploaie coadă preț rambursare serviciu prieten familie bucătărie grădină
        niciodată mereu iar astăzi mâine cu fără de despre după înainte pentru că nimeni toți ceva
        nimic am cumpărat am sunat am găsit am pierdut
    """,
}
