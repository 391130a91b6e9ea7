"""The label toward a brand, in a text that names another brand, too: "Left Vodalink for Hillwave and my calls work again".

The clauses about the brand (`target`) often say nothing by themselves: "Hillwave beats Vodalink", or a clause that holds both
names. So a small model weighs the scores of six pieces of the text against each other, with where the names stand. The pieces are
the clauses about the brand, those about the others, the whole, and what stands before the first name, between the two, and behind
the second. It reads scores and no words, so it is one for all languages and for every scorer. `training/contrast.py` makes it.
Where the text says in so many words which brand is the better one (`comparisons`), that counts for more than all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays, write_arrays
from processors.understand.sentiment import LABELS, Sentiment
from processors.understand.target import Pieces

Floats = npt.NDArray[np.float64]
NUMBERS: Final = 28
"""The numbers that `numbers_of` makes of a text."""
SAID: Final = 3.0
"""Added to the logit of the side that the text names in so many words, and taken from that of the other side."""
FARTHEST: Final = 3.0
"""A number counts as no more than so many of its deviations."""


def numbers_of(pieces: Pieces, said: Sequence[Sentiment | None]) -> list[float]:
    """What the model reads: the scores of the pieces (-1 to 1; 0 for a blank one), how they differ, which are neutral, and the
    shape.
    """
    own, rest, whole, before, between, behind = (one.score_e4 / 10_000 if one else 0.0 for one in said)
    first, *places = pieces.shape
    neutral = [float(one is not None and one.label == "neutral") for one in said]
    scores = (own, rest, own - rest, whole, before, between, behind)
    return [
        *scores,
        *(first * one for one in (before, between, behind)),
        first,
        abs(whole),
        *(neutral[place] for place in (0, 1, 2, 4, 5)),
        *places,
    ]


class ContrastModel(NamedTuple):
    """A few small networks of one hidden layer, whose shares are averaged. `LABELS` is the order of the classes."""

    version: str
    middle: Floats
    """By number, its mean, and in `scale` its deviation."""
    scale: Floats
    hidden: Floats
    """(network, number, unit), with their biases in `hidden_bias`."""
    hidden_bias: Floats
    weights: Floats
    """(network, unit, label), with their biases in `bias`."""
    bias: Floats

    def logits(self, numbers: Floats) -> Floats:
        """By text and label, the logarithm of the share, to four digits. `numbers` is (text, number)."""
        steps: Floats = np.clip((numbers - self.middle) / self.scale, -FARTHEST, FARTHEST)
        units: Floats = np.maximum(
            0.0, np.einsum("tn,knu->ktu", steps, self.hidden) + self.hidden_bias[:, None]
        )
        found: Floats = np.einsum("ktu,kul->ktl", units, self.weights) + self.bias[:, None]
        raised: Floats = np.exp(found - found.max(axis=2, keepdims=True))
        shares: Any = (raised / raised.sum(axis=2, keepdims=True)).mean(axis=0)
        logits: Floats = np.round(np.log(shares), 4)
        return logits

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        arrays = {name: getattr(self, name) for name in self._fields if name != "version"}
        write_arrays(path, {"labels": LABELS, "version": self.version}, **arrays)


def read_contrast(path: Path, sha256: str | None = None) -> ContrastModel:
    """Read an artefact. Raises `TocsinError` where it is missing, damaged, or not the one of its card."""
    told, arrays = read_arrays(path, sha256)
    return ContrastModel(told["version"], **arrays)


@cache
def shipped_contrast() -> ContrastModel:
    """The model that comes with Tocsin, read once per process and held against its card."""
    card = FOLDER / "contrast.json"
    return read_contrast(card.with_suffix(".npz"), checksum_of(card))


def logits_of(
    found: Sequence[Pieces], said: Sequence[Sentiment], model: ContrastModel | None = None
) -> Floats:
    """By text and label, the logit toward the brand. `said` answers `asked_of` these texts."""
    answers = iter(said)
    rows: list[Any] = [
        numbers_of(one, [next(answers) if text.strip() else None for text in one.texts]) for one in found
    ]
    logits = (shipped_contrast() if model is None else model).logits(np.array(rows, dtype=np.float64))
    return with_sides(logits, [one.side for one in found])


def with_sides(logits: Floats, sides: Sequence[int]) -> Floats:
    """The logits with what the texts say in so many words."""
    told: Floats = logits + SAID * np.outer(sides, [-1.0, 0.0, 1.0])
    return told
