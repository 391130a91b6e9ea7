"""Learning from corrections: the small model of a brand, and what it is worth before it is used.

The model adds to the logits of the common model (`BrandModel`). It is a logistic regression over the words of the corrected
posts, with the common model's logits as an offset and a penalty that keeps it small. Posts that nobody corrected take part with
the label that they have, at a quarter of the weight, so that a few corrections do not turn everything around. The figures come
from posts that a fit had not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand.brand import BrandModel, words_in
from processors.understand.sentiment import LABELS
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence

LEAST: Final = 5
"""The fewest corrections that anything is learnt from."""
FOLDS: Final = 5
STEPS: Final = 300
PENALTY: Final = 0.3
BIAS_PENALTY: Final = 10.0
"""A word may learn much from few posts, and all posts of the brand together only from many."""
ANCHOR_WEIGHT: Final = 0.25
SMALLEST: Final = 0.02
"""A word that adds less than this to every label is left out."""

Floats = npt.NDArray[np.float64]


class Labelled(NamedTuple):
    """A post: its text as the brand reads it, the shares that the common model gives the labels, and its label."""

    text: str
    shares: Sequence[float]
    label: str


class Learnt(NamedTuple):
    """A model, and what it is worth."""

    model: BrandModel
    figures: dict[str, Any]


def learn(corrected: Sequence[Labelled], others: Sequence[Labelled]) -> Learnt:
    """The model of the corrections beside uncorrected posts. Raises `WrongInput` for too few corrections."""
    if len(corrected) < LEAST:
        raise WrongInput(
            Sentence(
                "at least {least} corrections are needed, and {n} can be learnt from: correct a few more mentions that are kept, "
                "in a language that is understood",
                n=len(corrected),
                least=LEAST,
            )
        )
    model = _fitted(corrected, others)
    figures = {
        "corrections": len(corrected),
        "right_before": _right(corrected, BrandModel(0)),
        "right_after": _across_folds(corrected, others),
        "others": len(others),
        "others_changed": sum(_label(one, model) != _label(one, BrandModel(0)) for one in others),
    }
    return Learnt(model, figures)


def _across_folds(corrected: Sequence[Labelled], others: Sequence[Labelled]) -> int:
    """How many corrected posts are right by a fit to the other folds."""
    right = 0
    for fold in range(FOLDS):
        inside = [one for place, one in enumerate(corrected) if place % FOLDS == fold]
        outside = [one for place, one in enumerate(corrected) if place % FOLDS != fold]
        right += _right(inside, _fitted(outside, others)) if inside else 0
    return right


def _right(posts: Sequence[Labelled], model: BrandModel) -> int:
    return sum(_label(one, model) == one.label for one in posts)


def _label(one: Labelled, model: BrandModel) -> str:
    return LABELS[int((np.log(np.maximum(one.shares, 1e-9)) + model.nudge(one.text)).argmax())]


def _fitted(corrected: Sequence[Labelled], others: Sequence[Labelled]) -> BrandModel:
    posts = [*corrected, *others]
    words = sorted({word for one in corrected for word in words_in(one.text)})
    matrix = _matrix([one.text for one in posts], {word: place for place, word in enumerate(words)})
    offset = np.log(np.maximum(np.array([one.shares for one in posts]), 1e-9))
    gold = np.array([[one.label == label for label in LABELS] for one in posts], dtype=np.float64)
    weight = np.array([1.0] * len(corrected) + [ANCHOR_WEIGHT] * len(others))
    bias, found = _descended(matrix, offset, gold, weight)
    kept = {
        word: (round(float(row[0]), 4), round(float(row[1]), 4), round(float(row[2]), 4))
        for word, row in zip(words, found, strict=True)
        if np.abs(row).max() >= SMALLEST
    }
    negative, neutral, positive = (round(float(one), 4) for one in bias)
    return BrandModel(0, (negative, neutral, positive), kept)


def _matrix(texts: Sequence[str], place_of: dict[str, int]) -> Floats:
    """By text, for each word that it has 1 over the square root of how many it has."""
    matrix = np.zeros((len(texts), len(place_of)))
    for row, text in enumerate(texts):
        found = words_in(text)
        places = [place_of[word] for word in found if word in place_of]
        matrix[row, places] = 1 / np.sqrt(max(1, len(found)))
    return matrix


def _descended(matrix: Floats, offset: Floats, gold: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """The bias, and the weights of the words, by accelerated gradient descent in steps that the curvature allows.

    The gradient of a word is a sum over its posts. So the descent keeps a number for each post and label, and the weights of the
    words follow from these at the end: a step costs the posts squared, however many words they have.
    """
    alike = matrix @ matrix.T
    step = 1 / (weight.sum() + BIAS_PENALTY)
    of_posts = posts_ahead = np.zeros((matrix.shape[0], len(LABELS)))
    bias = bias_ahead = np.zeros(len(LABELS))
    for number in range(STEPS):
        logits = offset + alike @ posts_ahead + bias_ahead
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        wrong = (raised / raised.sum(axis=1, keepdims=True) - gold) * weight[:, None]
        further = number / (number + 3)
        posts = posts_ahead - step * (wrong + PENALTY * posts_ahead)
        posts_ahead, of_posts = posts + further * (posts - of_posts), posts
        new = bias_ahead - step * (wrong.sum(axis=0) + BIAS_PENALTY * bias_ahead)
        bias_ahead, bias = new + further * (new - bias), new
    return bias, matrix.T @ of_posts
