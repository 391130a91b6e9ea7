"""Sentiment, and the port of all scorers.

A `Scorer` speaks some languages. It answers for each text on its own: the answer never depends on the rest of the batch. Scores
are whole ten-thousandths, so that the same text has the same score in every process and on every engine. A text in a language
that no scorer speaks is `UNSCORED`. It is never called neutral: "we do not know" and "they do not mind" must not be added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from processors.understand.brand import Nudge
from tocsin.core.facets import Facets

Label = Literal["negative", "neutral", "positive", "unscored"]
LABELS: Final[tuple[Label, ...]] = ("negative", "neutral", "positive")
"""The labels of scored texts, in the order of the columns of every model."""


class Sentiment(msgspec.Struct, frozen=True):
    """The sentiment of a text.

    `score_e4` is -10,000 (as bad as can be) to 10,000. `confidence_e4`, 0 to 10,000, is the share of texts with such a score
    whose label people agreed with, measured on labelled posts; it is not the strength of the feeling. `model` is the name and
    the version of the scorer, or None for an unscored text.
    """

    label: Label
    score_e4: int = 0
    confidence_e4: int = 0
    model: str | None = None

    @property
    def score(self) -> float:
        """The score, -1 (negative) to 1 (positive). An unscored text also has 0, so look at the label first."""
        return self.score_e4 / 10_000

    @property
    def confidence(self) -> float:
        """The confidence, 0 to 1: how often such a label is right."""
        return self.confidence_e4 / 10_000


UNSCORED = Sentiment("unscored")
"""The sentiment of a text in an unknown language, or in one that no scorer speaks."""


class Scorer(Protocol):
    """A scorer of texts in some languages. It reads its model at the first `score`, not when it is made."""

    @property
    def languages(self) -> frozenset[str]:
        """The ISO 639-1 codes of the languages that the scorer speaks."""
        ...

    @property
    def model(self) -> str:
        """The name and the version. Whatever may change a score changes this, too."""
        ...

    def score(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        """One sentiment per text, in order, each a function of its text alone, and of its nudge. Takes any string.

        A scorer that has no logits leaves the nudges out.
        """
        ...

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        """The sentiment and the facets of each text, as `score` would give it; `NO_FACETS` from a scorer that tells none."""
        ...
