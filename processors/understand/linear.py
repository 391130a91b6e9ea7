"""Linear models over hashed features: the fast scorers of sentiment.

A model is a table of weights: one row for each bucket (`features.BUCKETS`), one column for each class, whole numbers with a scale
for each class. The sum of what a token brings is worked out once and remembered. To score a text, the model looks up its tokens
and adds whole numbers, so the answer is the same in every batch and in every process.

An artefact is a `.npz` file that numpy reads with `allow_pickle=False`: numbers and names, nothing that could run. `training/`
makes it, and its card stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.understand.artefacts import FOLDER, checksum_of, read_arrays, write_arrays
from processors.understand.brand import Nudge
from processors.understand.facets import FacetModel, shipped_facets
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
from processors.understand.harm import with_harm
from processors.understand.lexicon import lexicon_of
from processors.understand.sentiment import LABELS, UNSCORED, Sentiment
from processors.understand.vader import compound, readable
from tocsin.core.errors import TocsinError
from tocsin.core.facets import NO_FACETS, Facets

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.integer[Any]]

_FIRST_ROOM: Final = 1 << 10


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
        write_arrays(
            path, told, weights=self.weights, scale=self.scale, bias=self.bias, confidence=self.confidence
        )


def load_model(path: Path, sha256: str | None = None) -> LinearModel:
    """Read an artefact. Raises `TocsinError` where it is missing, damaged, or not the one of its card."""
    told, arrays = read_arrays(path, sha256)
    try:
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
    except (KeyError, ValueError) as error:
        raise TocsinError(f"the model {path.name} cannot be read: {error}; reinstall tocsin") from error
    return model


STEPS: Final = 20


def confidence_step(shares: Floats) -> Ints:
    """The step, 0 to `STEPS` - 1, of a highest share between a third and 1."""
    return np.clip(((shares - 1 / 3) * 1.5 * STEPS).astype(np.int64), 0, STEPS - 1)


class Sums:
    """Adds up the weights of texts in one or more tables, column beside column. Only one thread at a time may use it.

    A table of fewer buckets than the features have folds them: their number modulo its own, which is a power of two.
    """

    def __init__(self, tables: Sequence[Weights], reader: Reader, language: str) -> None:
        self._tables = [(table, len(table) - 1) for table in tables]
        self._reader = reader
        self._extra = EXTRAS.get(language)
        self._columns = sum(table.shape[1] for table in tables)
        self._empty()

    def _empty(self) -> None:
        self._met = 0
        # By token: what it brings where nothing negates it, and, in the second half, where something does.
        self._sums = np.zeros((2, _FIRST_ROOM, self._columns), dtype=np.int32)
        # By token: number, kind, valence, features affirmed, features negated.
        self._facts = np.zeros((_FIRST_ROOM, 5), dtype=np.int64)

    def __call__(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """By text, the sum of its weights by column, and the number of its features."""
        if self._reader.full:
            self._reader.forget()
            self._empty()
        ids, starts = self._reader.read(texts)
        self._catch_up()
        facts = self._facts[ids]
        negated = are_negated(facts[:, 1])
        rows = self._sums[negated.astype(np.int64), ids]
        counts = np.where(negated, facts[:, 4], facts[:, 3])
        # Whatever is no sentinel has a neighbour before it.
        inside = ids[1:] != 0
        rows[1:] += self._weights(pair_buckets(facts[:-1, 0], facts[1:, 0])) * inside[:, None]
        counts[1:] += inside
        sums, features = np.add.reduceat(rows, starts), np.add.reduceat(counts, starts)
        valence = facts[:, 2]
        valences = np.add.reduceat(np.where(negated, -7 * valence // 10, valence), starts)
        lengths = np.diff(np.append(starts, len(ids))) - 1
        wholes = text_buckets(valences, lengths) + (self._extra(texts) if self._extra else [])
        for whole in wholes:
            sums += self._weights(whole)
        return sums, features + len(wholes)

    def parts(self, text: str) -> tuple[Floats, int]:
        """By token, the sum of its weights by column with half of those of its pairs, and the number of the text's features."""
        _, features = self([text])
        ids, _ = self._reader.read([text])
        facts = self._facts[ids]
        rows = self._sums[are_negated(facts[:, 1]).astype(np.int64), ids].astype(np.float64)
        halves = self._weights(pair_buckets(facts[:-1, 0], facts[1:, 0])) / 2
        rows[1:] += halves
        rows[1:-1] += halves[1:]
        return rows[1:], int(features[0])

    def _weights(self, places: Ints) -> Weights:
        """By place, the weights of all columns."""
        found = [table.take(places & mask, axis=0) for table, mask in self._tables]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def _catch_up(self) -> None:
        """Add up what each token brings that was met for the first time."""
        new = self._reader.known[self._met :]
        if not new:
            return
        parts, sizes = part_buckets([token.edged for token in new])
        always = self._totals([token.always for token in new]) + _added(self._weights(parts), sizes)
        begin, self._met = self._met, self._met + len(new)
        self._make_room()
        self._sums[0, begin : self._met] = always + self._totals([token.affirmed for token in new])
        self._sums[1, begin : self._met] = always + self._totals([token.negated for token in new])
        self._facts[begin : self._met] = [
            (
                token.number,
                token.kind,
                token.valence,
                size + len(token.always) + len(token.affirmed),
                size + len(token.always) + len(token.negated),
            )
            for token, size in zip(new, sizes.tolist(), strict=True)
        ]

    def _make_room(self) -> None:
        """Double the tables until every token that was met has a place."""
        while (room := len(self._facts)) < self._met:
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)], axis=1)
            self._facts = np.concatenate([self._facts, np.zeros((room, 5), dtype=np.int64)])

    def _totals(self, places: Sequence[tuple[int, ...]]) -> Weights:
        """By token, the sum of the weights at its places."""
        flat = np.fromiter(chain.from_iterable(places), dtype=np.int64)
        return _added(self._weights(flat), np.array(list(map(len, places)), dtype=np.int64))


def _added(rows: Weights, sizes: Ints) -> Weights:
    """The sums of so many rows each, one after the other."""
    totals = np.zeros((len(sizes), rows.shape[1]), dtype=np.int32)
    some = np.flatnonzero(sizes)
    if len(some):
        begins = np.cumsum(sizes)[some] - sizes[some]
        totals[some] = np.add.reduceat(rows, begins, axis=0, dtype=np.int32)
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
    """The sentiment and the facets of texts in one language, by the models that come with Tocsin."""

    def __init__(
        self, language: str, model: LinearModel | None = None, facets: FacetModel | None = None
    ) -> None:
        self._language = language
        self._given = model
        self._given_facets = facets
        self._sums: Sums | None = None
        self._all_sums: Sums | None = None

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

    @property
    def _facets(self) -> FacetModel | None:
        if self._given is not None or self._given_facets is not None:
            return self._given_facets
        return shipped_facets(self._language)

    def score(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        """See `Scorer.score`. A text whose confidence is too small is `UNSCORED`."""
        return self._sentiments(self.shares(texts, nudges)) if texts else []

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        """See `Scorer.read`. One pass over the features gives both."""
        facets = self._facets
        if facets is None or not texts:
            return [(sentiment, NO_FACETS) for sentiment in self.score(texts)]
        if self._all_sums is None:
            self._all_sums = self._adder([self._model.weights, facets.weights])
        sums, features = self._all_sums(texts)
        own = len(LABELS)
        sentiments = self._sentiments(self._shares(sums[:, :own], features))
        told = facets.decide(sums[:, own:], features)
        return list(zip(sentiments, with_harm(self._language, texts, told), strict=True))

    def parts(self, text: str) -> Floats:
        """By token of the text and class, its part in the logit: what it brings, and half of its pairs."""
        if self._sums is None:
            self._sums = self._adder([self._model.weights])
        rows, features = self._sums.parts(text)
        parts: Floats = rows * self._model.scale / np.sqrt(features)
        return parts

    def shares(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> Floats:
        """By text, the share of each class, in the order of `LABELS`. `nudges` are added to the logits."""
        if self._sums is None:
            self._sums = self._adder([self._model.weights])
        return self._shares(*self._sums(texts), nudges)

    def _adder(self, tables: Sequence[Weights]) -> Sums:
        return Sums(tables, Reader(lexicon_of(self._language)), self._language)

    def _shares(self, sums: Ints, features: Ints, nudges: Sequence[Nudge] | None = None) -> Floats:
        model = self._model
        logits = sums * model.scale / np.sqrt(features)[:, None] + model.bias
        if nudges is not None:
            logits += np.array(nudges)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = raised / raised.sum(axis=1, keepdims=True)
        return shares

    def _sentiments(self, shares: Floats) -> list[Sentiment]:
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


def _on_the_side_of(label: int, score_e4: int) -> int:
    """A negative text has a score below 0, and a positive one a score above 0."""
    return min(score_e4, -1) if label == 0 else max(score_e4, 1) if label == 2 else score_e4


@cache
def shipped(language: str) -> LinearModel:
    """The model that comes with Tocsin, read once per process and held against its card."""
    card = FOLDER / f"sentiment-{language}.json"
    return load_model(card.with_suffix(".npz"), checksum_of(card))


def shipped_languages() -> tuple[str, ...]:
    """The languages that have a card. Where the model of a card is missing, scoring the first text raises."""
    return tuple(sorted(path.stem.removeprefix("sentiment-") for path in FOLDER.glob("sentiment-*.json")))
