"""Fits the model that tells the label toward a brand where a text names another one (`processors/understand/contrast.py`).

It learns from posts that name two brands, with the sentiment toward each: those of `training/contrasts`, and those of the corpus
with two targets. A text is two examples, one for each brand. The sentiments of its pieces come from the models of the languages.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.comparisons import written
from processors.understand.contrast import FARTHEST, NUMBERS, ContrastModel, Floats, numbers_of, with_sides
from processors.understand.sentiment import LABELS, Scorer
from processors.understand.target import Pieces, asked_of, pieces_of
from tocsin.query.fold import fold
from training.corpus import LANGUAGES, posts, targets_of

CONTRASTS: Final = Path(__file__).with_name("contrasts")
UNITS: Final = 16
NETWORKS: Final = 5
ALPHA: Final = 1.0
"""The penalty on large weights. A third of it, or a half more units, do as well within a point."""
ROUNDS: Final = 60
RATE: Final = 0.005
DIGITS: Final = 4
"""The weights are rounded, so that the last bits of a sum change no byte."""


class Named(NamedTuple):
    """A post that names two brands: each with its sentiment, in the order of the text."""

    language: str
    targets: tuple[tuple[str, str], tuple[str, str]]
    text: str


def contrasts() -> Iterator[Named]:
    """The posts of `training/contrasts`: a file a language, a line a post, its targets and its text with a tab between."""
    for path in sorted(CONTRASTS.glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            told, text = line.split("\t")
            first, second = (
                (name, label) for name, _, label in (one.rpartition(":") for one in told.split(";"))
            )
            yield Named(path.stem, (first, second), text)


def of_the_corpus() -> Iterator[Named]:
    """The posts of the corpus with two targets."""
    for language in LANGUAGES:
        for post in posts(language):
            if len(found := targets_of(post)) == 2:
                first, second = found
                yield Named(language, (first, second), post.text)


class Examples(NamedTuple):
    """The examples of a language: the numbers, the right label of each, and the pieces that they were made of."""

    language: str
    numbers: Floats
    labels: list[str]
    clauses: list[str]
    """What the clauses about the brand alone are called."""
    whole: list[str]
    """What the whole text is called."""
    sides: list[int]
    """`Pieces.side` of each."""


def examples_of(language: str, found: Sequence[Named], scorer: Scorer) -> Examples:
    """The examples that these posts give, two a post."""
    asked: list[tuple[str, Pieces]] = []
    for one in found:
        names = [fold(name) for name, _ in one.targets]
        for place, (_, label) in enumerate(one.targets):
            pieces = pieces_of(one.text, [names[place]], [names[1 - place]], language)
            if pieces is not None:
                asked.append((label, pieces))
    answers = iter(scorer.score(asked_of([pieces for _, pieces in asked])))
    said = [[next(answers) if text.strip() else None for text in pieces.texts] for _, pieces in asked]
    rows = [numbers_of(pieces, one) for (_, pieces), one in zip(asked, said, strict=True)]
    return Examples(
        language,
        np.array(rows).reshape(len(rows), NUMBERS),
        [label for label, _ in asked],
        [str(one[0] and one[0].label) for one in said],
        [str(one[2] and one[2].label) for one in said],
        [pieces.side for _, pieces in asked],
    )


def fit_contrast(found: Sequence[Examples]) -> ContrastModel:
    """The model that these examples teach."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    numbers = np.concatenate([one.numbers for one in found])
    labels = np.array([label for one in found for label in one.labels])
    middle = np.round(numbers.mean(axis=0), DIGITS)
    scale = np.round(np.maximum(numbers.std(axis=0), 0.01), DIGITS)
    steps = np.clip((numbers - middle) / scale, -FARTHEST, FARTHEST)
    networks = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for seed in range(NETWORKS):
            network: Any = MLPClassifier(
                (UNITS,), alpha=ALPHA, max_iter=ROUNDS, random_state=seed, learning_rate_init=RATE
            )
            networks.append(network.fit(steps, labels))
    assert all(tuple(one.classes_) == LABELS for one in networks)
    arrays = [np.round(np.array([pick(one) for one in networks]), DIGITS) for pick in _PICKED]
    told = hashlib.sha256(b"".join(one.tobytes() for one in (middle, scale, *arrays)) + written().encode())
    return ContrastModel(told.hexdigest()[:8], middle, scale, *arrays)


_PICKED: Final[tuple[Callable[[Any], Any], ...]] = (
    lambda one: one.coefs_[0],
    lambda one: one.intercepts_[0],
    lambda one: one.coefs_[1],
    lambda one: one.intercepts_[1],
)


def card_of_contrast(
    found: Sequence[Examples], model: ContrastModel, path: Path, licence: str
) -> dict[str, Any]:
    """The card: what it is made of, its checksum, and how a model that learnt from the other languages alone does in each."""
    told = {}
    for language in sorted({one.language for one in found}):
        there = [one for one in found if one.language == language]
        others = fit_contrast([one for one in found if one.language != language])
        told[language] = _figures(there, others)
    return {
        "model": f"contrast-{model.version}",
        "task": "the label toward a brand in a text that names another one, by the sentiments of six pieces of the text",
        "kind": f"the mean of {NETWORKS} networks of {UNITS} hidden units",
        "learnt_from": ["training/contrasts", "training/corpus", "processors/understand/comparisons.toml"],
        "licence": licence,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "learnt": sum(len(one.labels) for one in found),
        "left_out": told,
    }


def _figures(there: Sequence[Examples], model: ContrastModel) -> dict[str, Any]:
    """The share of right labels, and of those on the wrong side, by the clauses, the whole text, and the model."""
    labels = [label for one in there for label in one.labels]
    logits = np.concatenate([with_sides(model.logits(one.numbers), one.sides) for one in there])
    said: dict[str, list[str]] = {
        "clauses": [label for one in there for label in one.clauses],
        "whole": [label for one in there for label in one.whole],
        "contrast": [LABELS[int(row.argmax())] for row in logits],
    }
    sides = {"negative": "positive", "positive": "negative"}
    found: dict[str, Any] = {"asked": len(labels)}
    for name, answers in said.items():
        pairs = list(zip(labels, answers, strict=True))
        found[name] = round(sum(right == label for right, label in pairs) / len(pairs), 3)
        found[f"{name}, opposite"] = round(
            sum(sides.get(right) == label for right, label in pairs) / len(pairs), 3
        )
    return found
