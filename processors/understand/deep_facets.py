"""Kinds of crisis and harm, told from the vectors of the second opinion (`deep.py`). The extra `tocsin[deep]`.

The fast models know words; sentence vectors know what a sentence is about. The second opinion makes a vector of each mention that
it reads, so this costs it nothing more than a table of numbers (`models/deep-facets.npz`) that `training/deep_facets.py` makes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays, write_arrays
from tocsin.core.errors import TocsinError
from tocsin.core.facets import FACETS

TOLD: Final = ("crisis", "harm")
"""The facets that are told."""
NONE: Final = "-"
"""What a text has that has no value of a facet."""


class Head(NamedTuple):
    """`(vector - middle) @ weights + bias` are the logits of `NONE` and the values of a facet, in their order."""

    weights: Any
    bias: Any


class DeepFacets(NamedTuple):
    """The heads of `TOLD`, in their order."""

    version: str
    middle: Any
    heads: tuple[Head, ...]
    encoder: str = ""
    """The version of the deep model whose vectors these are."""

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        arrays = {
            f"{facet}.{part}": getattr(head, part)
            for facet, head in zip(TOLD, self.heads, strict=True)
            for part in Head._fields
        }
        write_arrays(path, {"version": self.version, "encoder": self.encoder}, middle=self.middle, **arrays)

    def told(self, vectors: Any) -> list[tuple[str, ...]]:
        """By vector, the likeliest value of each facet of `TOLD`, or `NONE`."""
        moved = np.asarray(vectors, dtype=float) - self.middle
        said = [
            [(NONE, *FACETS[facet])[place] for place in (moved @ head.weights + head.bias).argmax(axis=1)]
            for facet, head in zip(TOLD, self.heads, strict=True)
        ]
        return list(zip(*said, strict=True))

    def pairs(self, vector: Any) -> tuple[tuple[str, str], ...]:
        """The facets and values of the one row of a table of vectors; none of a facet that it does not have."""
        (told,) = self.told(vector)
        return tuple((facet, value) for facet, value in zip(TOLD, told, strict=True) if value != NONE)


def load_deep_facets(path: Path, sha256: str | None = None) -> DeepFacets:
    """Read the heads. Raises `TocsinError` where the file is missing, damaged, or not the one of its card."""
    about, arrays = read_arrays(path, sha256)
    try:
        heads = tuple(Head(*(arrays[f"{facet}.{part}"] for part in Head._fields)) for facet in TOLD)
        model = DeepFacets(about["version"], arrays["middle"], heads, about["encoder"])
        for facet, head in zip(TOLD, heads, strict=True):
            if head.weights.shape != (len(model.middle), len(FACETS[facet]) + 1):
                raise ValueError(f"weights of shape {head.weights.shape}")
    except (KeyError, ValueError) as error:
        raise TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin") from error
    return model


@cache
def shipped_deep_facets() -> DeepFacets:
    """The heads that come with Tocsin, read once per process and held against their card."""
    card = FOLDER / "deep-facets.json"
    return load_deep_facets(card.with_suffix(".npz"), checksum_of(card))
