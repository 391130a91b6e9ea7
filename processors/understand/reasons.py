"""The words that counted for a score, worked out on demand: a linear model is a sum, so each word has its part in it.

A word's part is what its features add to the label that was given, over what they add to the others, at the scale of the
logits. A pair of neighbours counts half for each. What belongs to the text as a whole (its length, the rules of VADER) is no
word's part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from processors.understand.features import tokens_of
from processors.understand.linear import LABELS, LinearScorer

MOST: Final = 6
LEAST: Final = 0.15
"""The least part in the logit that is worth showing, and the most words that are shown."""


class Reason(NamedTuple):
    """A word that counted for a label (`weight` above 0) or against it, and where it stands in the text."""

    word: str
    start: int
    end: int
    weight: float


def reasons(scorer: LinearScorer, text: str) -> list[Reason]:
    """The words of a text that counted most for its label or against it, in the order of the text."""
    parts = scorer.parts(text)
    label = int(scorer.shares([text])[0].argmax())
    others = [column for column in range(len(LABELS)) if column != label]
    weights = parts[:, label] - parts[:, others].mean(axis=1)
    found = [
        Reason(text[start:end], start, end, round(float(weight), 3))
        for (start, end), weight in zip(places(text), weights.tolist(), strict=True)
        if end > start and abs(weight) >= LEAST
    ]
    strongest = sorted(found, key=lambda one: (-abs(one.weight), one.start))[:MOST]
    return sorted(_apart(strongest), key=lambda one: one.start)


def _apart(found: Sequence[Reason]) -> Iterator[Reason]:
    """Those that do not lie in a stronger one: the words in a hashtag, beside the hashtag."""
    taken: list[Reason] = []
    for one in found:
        if all(one.end <= other.start or one.start >= other.end for other in taken):
            taken.append(one)
            yield one


def places(text: str) -> list[tuple[int, int]]:
    """By token that is read, where it stands in the text as written; an empty place where that cannot be told."""
    found, at = [], 0
    for token in tokens_of(text):
        start = text.find(token, at)
        if start < 0:
            found.append((0, 0))
            continue
        found.append((start, start + len(token)))
        # The words of a hashtag come after it, and stand in it.
        at = start + (1 if token.startswith("#") and len(token) > 1 else len(token))
    return found
