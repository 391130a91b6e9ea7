"""Linear models over hashed features: the fast scorers of sentiment.

A model is a table of weights: a row a bucket (`features.BUCKETS`), a column a class, whole numbers with a scale a class.
What a token brings is summed once and remembered, so that scoring a text is looking up its tokens and adding whole numbers: the
answer is the same whatever stands beside the text in its batch, and in every process.

An artefact is a `.npz` file that numpy reads with `allow_pickle=False`: numbers and names, nothing that could run. `training/`
makes it, and its card stands beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from processors.understand.features import (
    BUCKETS,
    Ints,
    Reader,
    are_negated,
    bucket,
    pair_buckets,
    part_buckets,
    text_buckets,
)
from processors.understand.lexicon import lexicon_of
from processors.understand.sentiment import UNSCORED, Label, Sentiment
from processors.understand.vader import compound, readable
from tocsin.core.errors import TocsinError

FOLDER: Final = Path(__file__).with_name("models")
LABELS: Final[tuple[Label, ...]] = ("negative", "neutral", "positive")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """The weights of one model. `weights[bucket, class] * scale[class]` is a weight as it was learnt."""

    language: str
    version: str
    weights: npt.NDArray[np.int16]
    scale: Floats
    bias: Floats
    confidence: Floats
    """By step of the highest share (`confidence_step`), how often the label was right on posts that were not trained on."""
    abstains_below: float
    """A text whose confidence is less than this has no label."""

    def save(self, path: Path) -> None:
        """Write the artefact. Equal models give equal bytes."""
        told = {"language": self.language, "version": self.version, "abstains_below": self.abstains_below}
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                weights=self.weights,
                scale=self.scale,
                bias=self.bias,
                confidence=self.confidence,
                told=np.frombuffer(json.dumps(told, sort_keys=True).encode(), dtype=np.uint8),
            )


def load_model(path: Path, sha256: str | None = None) -> LinearModel:
    """Read an artefact. Raises `TocsinError` where it is missing, damaged, or not the one of its card."""
    try:
        written = path.read_bytes()
        if sha256 is not None and hashlib.sha256(written).hexdigest() != sha256:
            raise ValueError("its checksum is not that of its card")
        with np.load(path, allow_pickle=False) as arrays:
            told: dict[str, Any] = json.loads(arrays["told"].tobytes())
            model = LinearModel(
                language=told["language"],
                version=told["version"],
                weights=arrays["weights"],
                scale=arrays["scale"],
                bias=arrays["bias"],
                confidence=arrays["confidence"],
                abstains_below=told["abstains_below"],
            )
        if model.weights.shape != (BUCKETS, len(LABELS)):
            raise ValueError(f"weights of shape {model.weights.shape}")
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin") from error
    return model


STEPS: Final = 20


def confidence_step(shares: Floats) -> Ints:
    """The step, 0 to `STEPS` - 1, of a highest share between a third and 1."""
    return np.clip(((shares - 1 / 3) * 1.5 * STEPS).astype(np.int64), 0, STEPS - 1)


class Sums:
    """Adds up the weights of texts. Only one thread at a time may use it."""

    def __init__(self, weights: npt.NDArray[np.int16], reader: Reader, language: str) -> None:
        self._weights = weights
        self._reader = reader
        self._extra = EXTRAS.get(language)
        self._empty()

    def _empty(self) -> None:
        classes = self._weights.shape[1]
        self._plain = np.zeros((0, classes), dtype=np.int64)
        self._negated = self._plain.copy()
        # By token: number, kind, valence, features affirmed, features negated.
        self._facts = np.zeros((0, 5), dtype=np.int64)

    def __call__(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """By text, the sum of its weights by class, and the number of its features."""
        if self._reader.full:
            self._reader.forget()
            self._empty()
        ids, starts = self._reader.read(texts)
        self._catch_up()
        facts = self._facts[ids]
        negated = are_negated(facts[:, 1])
        rows = np.where(negated[:, None], self._negated[ids], self._plain[ids])
        counts = np.where(negated, facts[:, 4], facts[:, 3])
        inside = np.flatnonzero(ids[1:]) + 1  # whatever is no sentinel has a neighbour before it
        rows[inside] += self._weights[pair_buckets(facts[inside - 1, 0], facts[inside, 0])]
        counts[inside] += 1
        sums, features = np.add.reduceat(rows, starts), np.add.reduceat(counts, starts)
        valence = facts[:, 2]
        valences = np.add.reduceat(np.where(negated, -7 * valence // 10, valence), starts)
        lengths = np.diff(np.append(starts, len(ids))) - 1
        wholes = text_buckets(valences, lengths) + (self._extra(texts) if self._extra else [])
        for whole in wholes:
            sums += self._weights[whole]
        return sums, features + len(wholes)

    def _catch_up(self) -> None:
        """Add up what the tokens bring that were met for the first time."""
        new = self._reader.known[len(self._facts) :]
        if not new:
            return
        parts, sizes = part_buckets([token.edged for token in new])
        always = self._totals([token.always for token in new]) + _added(self._weights[parts], sizes)
        plain = always + self._totals([token.affirmed for token in new])
        negated = always + self._totals([token.negated for token in new])
        facts = [
            (
                token.number,
                token.kind,
                token.valence,
                size + len(token.always) + len(token.affirmed),
                size + len(token.always) + len(token.negated),
            )
            for token, size in zip(new, sizes.tolist(), strict=True)
        ]
        self._plain = np.concatenate([self._plain, plain])
        self._negated = np.concatenate([self._negated, negated])
        self._facts = np.concatenate([self._facts, np.array(facts, dtype=np.int64)])

    def _totals(self, places: Sequence[tuple[int, ...]]) -> Ints:
        """By token, the sum of the weights at its places."""
        flat = np.fromiter(chain.from_iterable(places), dtype=np.int64)
        return _added(self._weights[flat], np.array(list(map(len, places)), dtype=np.int64))


def _added(rows: npt.NDArray[np.int16], sizes: Ints) -> Ints:
    """The sums of so many rows each, one after the other."""
    begun = np.zeros((1, rows.shape[1]), dtype=np.int64)
    summed = np.concatenate([begun, rows]).cumsum(axis=0)
    ends = np.cumsum(sizes)
    totals: Ints = summed[ends] - summed[ends - sizes]
    return totals


def _vader_steps(texts: Sequence[str]) -> list[Ints]:
    """What VADER's rules make of an English text, in steps of a tenth."""
    compounds = np.array([compound(readable(text)) for text in texts])
    steps = np.round(compounds * 10).astype(np.int64) + 10
    sides = (compounds > 0.05).astype(np.int64) - (compounds < -0.05) + 1
    return [_VADER_STEPS[steps], _VADER_SIDES[sides]]


_VADER_STEPS: Final = np.array([bucket(f"vader {step}") for step in range(-10, 11)])
_VADER_SIDES: Final = np.array([bucket(f"vader side {side}") for side in (-1, 0, 1)])

EXTRAS: Final[dict[str, Callable[[Sequence[str]], list[Ints]]]] = {"en": _vader_steps}
"""By language, further buckets of whole texts."""


class LinearScorer:
    """The sentiment of texts in one language, by the model that comes with Tocsin."""

    def __init__(self, language: str, model: LinearModel | None = None) -> None:
        self._language = language
        self._given = model
        self._sums: Sums | None = None

    @property
    def languages(self) -> frozenset[str]:
        """The one language that it speaks."""
        return frozenset({self._language})

    @property
    def model(self) -> str:
        """`linear-`, the language, and the version that the model's card explains."""
        return f"linear-{self._language}-{self._model.version}"

    @property
    def _model(self) -> LinearModel:
        return self._given if self._given is not None else shipped(self._language)

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """See `Scorer.score`. A text whose confidence is too small is `UNSCORED`."""
        if not texts:
            return []
        shares = self.shares(texts)
        best = shares.argmax(axis=1)
        model, name = self._model, self.model
        confidences = model.confidence[confidence_step(shares.max(axis=1))]
        scores = np.round((shares[:, 2] - shares[:, 0]) * 10_000).astype(np.int64)
        return [
            Sentiment(LABELS[label], _on_the_side_of(label, score), max(1, round(confidence * 10_000)), name)
            if confidence >= model.abstains_below
            else UNSCORED
            for label, score, confidence in zip(
                best.tolist(), scores.tolist(), confidences.tolist(), strict=True
            )
        ]

    def shares(self, texts: Sequence[str]) -> Floats:
        """By text, the share of each class, in the order of `LABELS`."""
        model = self._model
        if self._sums is None:
            self._sums = Sums(model.weights, Reader(lexicon_of(self._language)), self._language)
        sums, features = self._sums(texts)
        logits = sums * model.scale / np.sqrt(features)[:, None] + model.bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = raised / raised.sum(axis=1, keepdims=True)
        return shares


def _on_the_side_of(label: int, score_e4: int) -> int:
    """A negative text has a score below 0, and a positive one a score above 0."""
    return min(score_e4, -1) if label == 0 else max(score_e4, 1) if label == 2 else score_e4


@cache
def shipped(language: str) -> LinearModel:
    """The model that comes with Tocsin, read once per process and held against its card."""
    card = FOLDER / f"sentiment-{language}.json"
    try:
        sha256: str = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise TocsinError(
            f"the card {card.name} of a model cannot be read: {error}; reinstall tocsin"
        ) from error
    return load_model(card.with_suffix(".npz"), sha256)


def shipped_languages() -> tuple[str, ...]:
    """The languages that have a model."""
    return tuple(sorted(path.stem.removeprefix("sentiment-") for path in FOLDER.glob("sentiment-*.npz")))
