"""The share of negatives with a scorer's known errors undone, as far as that is to be believed.

A scorer calls some negatives something else and some others negative. Where a share p of the mentions is negative, the scorer
calls `p * caught + (1 - p) * wrong` of them negative; turned around, that gives p: the adjusted count (Gart and Buck, 1966;
Forman, 2008). But both rates differ from one kind of talk to the next, so undoing them in full goes too far as often as not. The
model's card (`share_of_negatives`) says what part of the way from the counted share to the adjusted one left the smallest error
on talk whose own rates were not known (`believed`), and how far off it was then; `training/talk.py` measures both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from processors.understand.artefacts import FOLDER, card_of

LEAST_POWER: Final = 0.2
"""The least difference of `caught` and `wrong` with which a scorer can be corrected. Below it, the scorer hardly tells negatives
from others.
"""
NORMAL_95: Final = 1.96


class Rates(NamedTuple):
    """How often a scorer says negative: of posts that are (`caught`), and of those that are not (`wrong`); 0..1."""

    caught: float
    wrong: float
    believed: float = 1.0
    """What part of the correction is made, 0..1."""
    half_width: float = 0.0
    """Half of a 95 % interval, 0..1: how far the true share of other talk may lie from the corrected one, however many mentions
    there are.
    """


class Share(NamedTuple):
    """A share, 0..1, and the ends of its 95 % interval."""

    share: float
    lower: float
    upper: float


NOTHING_KNOWN: Final = Rates(1.0, 0.0)


def corrected_share(counted: Mapping[str, tuple[int, int]], rates: Mapping[str, Rates]) -> Share | None:
    """The corrected share of negatives over all languages.

    `counted` has, by language, the mentions that were called negative and all that were scored. A language without rates counts
    as it was counted. None where nothing was scored, or where no language has rates that tell.
    """
    fit = {language: one for language, one in rates.items() if one.caught - one.wrong >= LEAST_POWER}
    scored = sum(all_of_it for _, all_of_it in counted.values())
    if not scored or not any(counted[language][1] for language in counted.keys() & fit.keys()):
        return None
    share = squared = 0.0
    for language, (negative, of) in counted.items():
        if of:
            own, half = _believed(negative, of, fit.get(language, NOTHING_KNOWN))
            share += own * of / scored
            squared += (half * of / scored) ** 2
    half = math.sqrt(squared)
    return Share(*(round(min(1.0, max(0.0, value)), 4) for value in (share, share - half, share + half)))


def _believed(negative: int, of: int, rates: Rates) -> tuple[float, float]:
    """The share of one language, and half of the width of its interval."""
    said = negative / of
    power = rates.caught - rates.wrong
    adjusted = min(1.0, max(0.0, (said - rates.wrong) / power))
    share = said + rates.believed * (adjusted - said)
    # Half a mention more and less, so that a share of 0 or 1 is not certain.
    near = (negative + 0.5) / (of + 1)
    steep = 1 + rates.believed * (1 / power - 1)
    counting = NORMAL_95 * steep * math.sqrt(near * (1 - near) / of)
    return share, math.hypot(counting, rates.half_width)


@cache
def rates_of(language: str) -> Rates | None:
    """The rates in the card of the model that comes with Tocsin; None for a language without one."""
    card = FOLDER / f"sentiment-{language}.json"
    return rates_in(card_of(card)) if card.exists() else None


def rates_in(card: Mapping[str, Any]) -> Rates | None:
    """The rates that a card names; None for a model that met too few kinds of talk to know them."""
    told = card.get("share_of_negatives")
    return Rates(*(told[field] for field in Rates._fields)) if told else None
