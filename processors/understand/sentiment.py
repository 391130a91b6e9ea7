"""Sentiment, and the port behind which each scorer stands.

A `Scorer` speaks some languages. It answers for each text on its own: what it says never depends on what
else is in the batch, and scores are whole ten-thousandths, so that the same text has the same score in
every process and on every engine. A text in a language that no scorer speaks is `UNSCORED`. It is never
called neutral: "we do not know" and "they do not mind" must not be added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

Label = Literal["negative", "neutral", "positive", "unscored"]


class Sentiment(msgspec.Struct, frozen=True):
    """How a text sounds.

    `score_e4` is -10,000 (as bad as can be) to 10,000; `confidence_e4` 0 to 10,000 is the share of texts
    with such a score whose label people agreed with, measured on labelled posts: it is not the strength of
    the feeling. `model` is the scorer's name and version; None where nothing was scored.
    """

    label: Label
    score_e4: int = 0
    confidence_e4: int = 0
    model: str | None = None

    @property
    def score(self) -> float:
        """-1 (negative) to 1 (positive); 0 also where nothing was scored: look at the label first."""
        return self.score_e4 / 10_000

    @property
    def confidence(self) -> float:
        """0 to 1: how often such a label is right."""
        return self.confidence_e4 / 10_000


UNSCORED = Sentiment("unscored")
"""No scorer speaks the language, or the language is unknown."""


class Scorer(Protocol):
    """Scores texts in some languages. Its model is read at the first `score`, not when it is made."""

    @property
    def languages(self) -> frozenset[str]:
        """The ISO 639-1 codes that it speaks."""
        ...

    @property
    def model(self) -> str:
        """Name and version. Whatever may change a score changes it."""
        ...

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """One sentiment a text, in order, each a function of its text alone. Any string is taken."""
        ...
