"""The share of negatives with a scorer's known errors undone: the adjusted count (Gart and Buck, 1966; Forman, 2008).

A scorer calls some negatives something else and some others negative. How often it does either was counted on posts that nobody
trained on (`confusion` in the model's card). Where a share p of the mentions is negative, a share p * caught + (1 - p) * wrong
is called negative; turned around, that gives p. The interval is wider than that of the counted share, for three reasons: the
division, the rates being counts themselves, and talk that differs from the posts that they were counted on (`DRIFT`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from processors.understand.artefacts import FOLDER, card_of

DRIFT: Final = 0.08
"""How far, as a standard deviation, a rate of other talk lies from the one in the card. On a week of airlines it was 0.06."""
LEAST_POWER: Final = 0.2
"""A scorer that calls negatives negative hardly more often than others cannot be corrected."""
NORMAL_95: Final = 1.96
LEAST_INSIDE: Final = 1e-6


class Rates(NamedTuple):
    """How often a scorer says negative: of posts that are (`caught`), and of those that are not (`wrong`); 0..1."""

    caught: float
    wrong: float
    caught_of: float
    """The number of posts behind each rate."""
    wrong_of: float


class Share(NamedTuple):
    """A share, 0..1, and the ends of its 95 % interval."""

    share: float
    lower: float
    upper: float


NOTHING_KNOWN: Final = Rates(1.0, 0.0, math.inf, math.inf)


def corrected_share(counted: Mapping[str, tuple[int, int]], rates: Mapping[str, Rates]) -> Share | None:
    """The corrected share of negatives over all languages.

    `counted` has, by language, the mentions that were called negative and all that were scored. A language without rates counts
    as it was counted. None where nothing was scored, or where no language has rates that tell.
    """
    fit = {language: one for language, one in rates.items() if one.caught - one.wrong >= LEAST_POWER}
    scored = sum(all_of_it for _, all_of_it in counted.values())
    if not scored or not any(counted[language][1] for language in counted.keys() & fit.keys()):
        return None
    share = variance = 0.0
    for language, (negative, of) in counted.items():
        if of:
            own, spread = _adjusted(negative, of, fit.get(language, NOTHING_KNOWN))
            share += own * of / scored
            variance += spread * (of / scored) ** 2
    spread = math.sqrt(variance)
    nearest = min(1.0, max(0.0, share))
    lower, upper = nearest - NORMAL_95 * spread, nearest + NORMAL_95 * spread
    return Share(*(round(min(1.0, max(0.0, value)), 4) for value in (_within(share, spread), lower, upper)))


def _within(share: float, spread: float) -> float:
    """The mean of what lies between 0 and 1 of a normal distribution around `share`: no count can be below none or above all."""
    low, high = (0 - share) / spread, (1 - share) / spread
    inside = _normal(high) - _normal(low)
    if inside < LEAST_INSIDE:
        return min(1.0, max(0.0, share))
    return share + spread * (_density(low) - _density(high)) / inside


def _normal(at: float) -> float:
    return 0.5 * (1 + math.erf(at / math.sqrt(2)))


def _density(at: float) -> float:
    return math.exp(-at * at / 2) / math.sqrt(2 * math.pi)


def _adjusted(negative: int, of: int, rates: Rates) -> tuple[float, float]:
    """The share of one language, which may lie below 0 or above 1, and its variance."""
    said = negative / of
    power = rates.caught - rates.wrong
    share = (said - rates.wrong) / power
    possible = min(1.0, max(0.0, share))
    # Half a mention more and less, so that a share of 0 or 1 is not certain.
    near = (negative + 0.5) / (of + 1)
    counting = near * (1 - near) / of
    moved = possible**2 * _spread(rates.caught, rates.caught_of) + (1 - possible) ** 2 * _spread(
        rates.wrong, rates.wrong_of
    )
    return share, (counting + moved) / power**2


def _spread(rate: float, of: float) -> float:
    return 0.0 if math.isinf(of) else rate * (1 - rate) / of + DRIFT**2


@cache
def rates_of(language: str) -> Rates | None:
    """The rates in the card of the model that comes with Tocsin; None for a language without one."""
    card = FOLDER / f"sentiment-{language}.json"
    return rates_in(card_of(card)["confusion"]) if card.exists() else None


def rates_in(confusion: Mapping[str, Mapping[str, float]]) -> Rates:
    """The rates of a confusion: by the label that people gave, how often each label was said. Unscored posts do not count."""
    scored = {
        gold: sum(count for label, count in said.items() if label != "unscored")
        for gold, said in confusion.items()
    }
    others = [gold for gold in confusion if gold != "negative"]
    wrong_of = sum(scored[gold] for gold in others)
    wrong = sum(confusion[gold].get("negative", 0) for gold in others)
    return Rates(
        confusion["negative"].get("negative", 0) / scored["negative"],
        wrong / wrong_of,
        scored["negative"],
        wrong_of,
    )
