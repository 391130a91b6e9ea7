"""Both scorers together: the fast model of a language and the deep scorer err on other texts, so their mean errs on fewer.

It costs what the deep scorer costs, so it never stands in the stream; `tocsin score --both` asks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from processors.understand.deep import DeepScorer
from processors.understand.linear import Floats, LinearScorer
from processors.understand.quotes import own_words
from processors.understand.sentiment import LABELS, UNSCORED, Scorer, Sentiment

_LEAST: Final = 1e-6
"""The least share that is reckoned with: a share of nothing would overrule the other scorer."""


class BothScorers:
    """The labels of both scorers together. Only one thread at a time may use it."""

    def __init__(self, deep: DeepScorer, fast: Iterable[Scorer]) -> None:
        self._deep = deep
        self._fast = {
            language: one for one in fast if isinstance(one, LinearScorer) for language in one.languages
        }

    def sentiment(self, text: str, language: str | None) -> Sentiment:
        """The label whose two shares have the highest product. In a language without a linear model it is that of the deep
        scorer alone. There is no confidence, as with the deep scorer; `UNSCORED` for a text without a word.
        """
        deep = self._deep.shares(text)
        if deep is None:
            return UNSCORED
        fast = self._fast.get(language or "")
        if fast is None:
            return self._deep.sentiment_of(deep)
        shares = mean_of(deep, fast.shares([own_words(text)])[0])
        return Sentiment(
            LABELS[int(shares.argmax())],
            round((shares[2] - shares[0]) * 10_000),
            model=f"{self._deep.model}+{fast.model}",
        )


def mean_of(one: Floats, other: Floats) -> Floats:
    """The geometric mean of two scorers' shares, text by text, so that they add up to 1."""
    mean = np.sqrt(np.maximum(one, _LEAST) * np.maximum(other, _LEAST))
    shares: Floats = mean / mean.sum(axis=-1, keepdims=True)
    return shares
