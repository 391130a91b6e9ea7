"""The facets of a mention, beside its sentiment: its intent, emotions, the kinds of crisis that it talks of, and its harm.

A facet has a few values. A mention has those that the text says clearly enough, often none. At most one intent is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

Intent = Literal["complaint", "question", "request", "praise", "threat", "news", "advert"]
Emotion = Literal["anger", "disgust", "fear", "sadness", "joy", "trust", "surprise", "anticipation"]
Crisis = Literal[
    "safety", "data", "legal", "discrimination", "outage", "executive", "labour", "environment", "boycott"
]
Harm = Literal["insult", "hate", "violence", "sexual"]

FACETS: Final[dict[str, tuple[str, ...]]] = {
    "intent": get_args(Intent),
    "emotion": get_args(Emotion),
    "crisis": get_args(Crisis),
    "harm": get_args(Harm),
}
"""By facet, its values, in the order in which they are said."""


class Facets(msgspec.Struct, frozen=True):
    """The values of each facet that were told of a text, in the order of `FACETS`."""

    intent: tuple[str, ...] = ()
    emotion: tuple[str, ...] = ()
    crisis: tuple[str, ...] = ()
    harm: tuple[str, ...] = ()


NO_FACETS: Final = Facets()
"""The facets of a text of which nothing could be told."""


def pairs(facets: Any) -> Iterator[tuple[str, str]]:
    """Each (facet, value) of something that has one field for each facet. A field that is None has no values."""
    for facet in FACETS:
        for value in getattr(facets, facet) or ():
            yield facet, value


def counted(rows: Iterable[tuple[Any, int]]) -> dict[str, dict[str, int]]:
    """By facet and value, the number of mentions, the most frequent first. Each row has something with facets, and how many
    mentions are alike in them.
    """
    totals: dict[str, Counter[str]] = {facet: Counter() for facet in FACETS}
    for one, number in rows:
        for facet, value in pairs(one):
            totals[facet][value] += number
    return {facet: ordered(counts) for facet, counts in totals.items() if counts}


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by value, the largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


COMMON_FROM: Final = 0.05
MOST_COMMON: Final = 3


class CommonValue(NamedTuple):
    """A value of a facet, its share of the mentions, and the share that it usually has, where that is known. Both are 0..1."""

    value: str
    share: float
    usual: float | None = None


def common(
    counts: Mapping[str, int], mentions: int, usual: Mapping[str, float] | None = None
) -> list[CommonValue]:
    """The values that are common enough to be shown: with a share of `COMMON_FROM` or more, at most `MOST_COMMON` of them.
    `usual` has the shares that values usually have.
    """
    known = usual or {}
    shares = [
        CommonValue(value, count / mentions, known.get(value))
        for value, count in (ordered(counts).items() if mentions else ())
    ]
    return [one for one in shares if one.share >= COMMON_FROM][:MOST_COMMON]
