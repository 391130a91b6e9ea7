"""The facets of texts (`tocsin.core.facets`): intent, emotions, kinds of crisis and harm, by one linear model a language.

The model has one column for each value, over the features that sentiment reads (`processors.understand.features`), folded into
fewer buckets. A text gets a value where the column reaches its own threshold, and no value where none does. An artefact is a
`.npz` file that numpy reads with `allow_pickle=False`; `training/facets.py` makes it, and its card says how often each value is
right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays, write_arrays
from processors.understand.features import Ints
from tocsin.core.errors import TocsinError
from tocsin.core.facets import FACETS, Facets

BUCKETS: Final = 1 << 16
"""Four buckets of the features share one here, which costs no figure a point."""

COLUMNS: Final[tuple[tuple[str, str], ...]] = tuple(
    (facet, value) for facet, values in FACETS.items() for value in values
)
"""By column of a model, its facet and its value."""

LEAST_FEATURES: Final = 12
"""A text with fewer features has hardly a word, and gets no facets."""

_INTENTS: Final = len(FACETS["intent"])

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FacetModel:
    """The weights of one model. `weights[bucket, column] * scale[column]` is a weight as it was learnt."""

    language: str
    version: str
    weights: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    thresholds: Floats
    """By column, the least logit at which a text gets the value. Infinite where the model cannot tell the value well enough."""

    @property
    def name(self) -> str:
        """`facets-`, the language, and the version that the model's card explains."""
        return f"facets-{self.language}-{self.version}"

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        told = {"language": self.language, "version": self.version, "columns": COLUMNS}
        write_arrays(
            path, told, weights=self.weights, scale=self.scale, bias=self.bias, thresholds=self.thresholds
        )

    def logits(self, sums: Ints, features: Ints) -> Floats:
        """By text and column, the logit, from the sums of the text's weights and the number of its features."""
        logits: Floats = sums * self.scale / np.sqrt(features)[:, None] + self.bias
        return logits

    def decide(self, sums: Ints, features: Ints) -> list[Facets]:
        """The facets of each text."""
        over = self.logits(sums, features) - self.thresholds
        over[features < LEAST_FEATURES] = -1.0
        intents = over[:, :_INTENTS]
        best = np.where(intents.max(axis=1) >= 0, intents.argmax(axis=1), _INTENTS)
        said = np.packbits(over[:, _INTENTS:] >= 0, axis=1)
        return [_facets(intent, bits.tobytes()) for intent, bits in zip(best.tolist(), said, strict=True)]


@lru_cache(maxsize=1 << 14)
def _facets(intent: int, bits: bytes) -> Facets:
    """The facets of an intent (or `_INTENTS` for none) and the packed bits of the other columns."""
    told = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
    values: dict[str, tuple[str, ...]] = {}
    for (facet, value), said in zip(COLUMNS[_INTENTS:], told.tolist(), strict=False):
        if said:
            values[facet] = (*values.get(facet, ()), value)
    return Facets(intent=(COLUMNS[intent][1],) if intent < _INTENTS else (), **values)


def load_facets(path: Path, sha256: str | None = None) -> FacetModel:
    """Read an artefact. Raises `TocsinError` where it is missing, damaged, not the one of its card, or of other columns."""
    told, arrays = read_arrays(path, sha256)
    columns = [tuple(column) for column in told["columns"]]
    if arrays["weights"].shape != (BUCKETS, len(COLUMNS)) or columns != list(COLUMNS):
        raise TocsinError(f"the model {path.name} has other columns than this Tocsin; reinstall tocsin")
    return FacetModel(
        told["language"],
        told["version"],
        *(arrays[name] for name in ("weights", "scale", "bias", "thresholds")),
    )


@cache
def shipped_facets(language: str) -> FacetModel | None:
    """The model that comes with Tocsin, read once per process and held against its card; None for a language without one."""
    card = FOLDER / f"facets-{language}.json"
    return load_facets(card.with_suffix(".npz"), checksum_of(card)) if card.exists() else None
