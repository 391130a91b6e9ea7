"""The words that counted for a score, worked out on demand: a linear model is a sum, so each word has its part in it.

A word's part is what its features add to the label that was given, less what they add to the other label that they speak for
most, at the scale of the logits. So a word that speaks for another label counts against the one that was given. A pair of
neighbours counts half for each. Features of the text as a whole (its length, the rules of VADER) belong to no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Final, NamedTuple

from processors.understand.features import tokens_of
from processors.understand.linear import LinearScorer, shipped_languages
from processors.understand.quotes import own_spans, own_words, place_in
from processors.understand.sentiment import LABELS

MOST: Final = 6
LEAST: Final = 0.15
"""The least part in the logit that is worth showing, and the most words that are shown."""

_STOP: Final = re.compile(r"[.,;:…|\"'“”‘’()\[\]-]|\.+")
"""Signs that mean nothing to a reader by themselves. Runs of ! and ?, smileys and emoji do."""


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
    weights = parts[:, label] - parts[:, others].max(axis=1)
    found = [
        Reason(text[start:end], start, end, round(float(weight), 3))
        for (start, end), weight in zip(places(text), weights.tolist(), strict=True)
        if end > start and abs(weight) >= LEAST and not _STOP.fullmatch(text, start, end)
    ]
    strongest = sorted(found, key=lambda one: (-abs(one.weight), one.start))[:MOST]
    return sorted(_apart(strongest), key=lambda one: one.start)


def _apart(found: Sequence[Reason]) -> Iterator[Reason]:
    """The reasons without those that lie in a stronger one, such as the words in a hashtag beside the hashtag."""
    taken: list[Reason] = []
    for one in found:
        if all(one.end <= other.start or one.start >= other.end for other in taken):
            taken.append(one)
            yield one


def places(text: str) -> list[tuple[int, int]]:
    """The place of each token that is read in the text as written; an empty place where the text does not show it."""
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


_LOCK: Final = Lock()
"""A scorer remembers what its tokens bring, so one thread at a time may use it."""


@cache
def _scorer(language: str) -> LinearScorer | None:
    return LinearScorer(language) if language in shipped_languages() else None


def reasons_for(model: str | None, language: str | None, text: str) -> list[Reason] | None:
    """The reasons for a stored score of the model of this name.

    None where another model than the present one of the language gave the score: the words of that model are not known.
    """
    scorer = _scorer(language) if model and language else None
    if scorer is None or model != scorer.model:
        return None
    spans = own_spans(text)
    with _LOCK:
        found = reasons(scorer, own_words(text))
    return [
        one._replace(start=(start := place_in(spans, one.start)), end=start + one.end - one.start)
        for one in found
    ]


def pieces(text: str, found: Sequence[Reason]) -> list[tuple[str, float]]:
    """The text cut into pieces that follow each other, each with the weight of its reason, 0 for the text between."""
    cut: list[tuple[str, float]] = []
    at = 0
    for one in found:
        cut += [(text[at : one.start], 0.0), (text[one.start : one.end], one.weight)]
        at = one.end
    return [piece for piece in [*cut, (text[at:], 0.0)] if piece[0]]
