"""Fits one sentiment model: logistic regression over hashed features, whole-numbered weights, measured confidence.

The functions that fit import scikit-learn themselves: the import takes over a second, and other users of this module need none of
it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.lexicon import written
from processors.understand.linear import STEPS, LinearModel, LinearScorer, confidence_step
from processors.understand.sentiment import LABELS
from training.data import OF_TWEETS, Example, is_held_out
from training.matrix import features
from training.partial import fit_partial
from training.short import CRISES
from training.talk import correction, kinds

C: Final = 3.0
"""The inverse of the regularisation's strength, chosen on held-out posts. Half or twice of it does as well within a point."""
STRENGTHS: Final = {"ro": 1.0}
"""By language, another inverse, where it does better on the posts of a set that was left out."""
SCALED: Final = {"en": 1.0}
"""By language, the part of the weights that comes from the fit to scaled features; elsewhere `HALF`. A feature is scaled by how
much more often it stands under one label than under the others, so that words which tell something cost the regression less
(after Wang and Manning, 2012). The two fits err in different places, so that their mean does better where examples are few."""
HALF: Final = 0.5
SCALED_STRENGTH: Final = 1 / 3
"""The strength of the fit to scaled features beside the one above."""
ADDED: Final = 0.1
"""Added to what a feature counts under a label, so that a rare one tells little."""
SHIFTS: Final = {
    "ar": (0.8, 0.0, 1.2),
    "en": (0.0, 0.0, -0.3),
    "fr": (0.6, 0.0, 1.2),
    "nl": (0.125, 0.0, -0.5),
    "pt": (-0.4, 0.0, -0.4),
    "ro": (0.0, 0.15, -0.25),
    "tr": (0.0, -0.4, 0.2),
}
"""By language, what is added to the logits of `LABELS`: customers write more negatives, and politely, than what is learnt from.
Chosen on the dev parts, for the sets where a macro measure was furthest below its goal."""
SHIFTS_IN_ALL: Final = {"ro": (0.0, 0.0, -0.2)}
"""By language, another shift for a model that also learns from sets that are not cleared."""
HELD_POWER: Final = 0.5
"""In the fit of the confidence a held-out text counts as its weight to this power. Lines that are far from posts (of films,
of reviews) are labelled right less often, and stand in for talk that nobody has labelled. The power was chosen on dev parts:
a smaller one brings the confidence nearer to the truth on universities and politicians, and takes it further off on telecoms."""
HELD_POWERS: Final = {"de": 0.0, "en": 1.0, "ro": 0.0}
"""By language, another power. In English, which learns from posts alone, it makes no difference. RED's held-out tweets are
labelled right more often than its dev part, which is of another version of that set, so in Romanian every text counts alike. So
it does in German, where that is nearer to the truth on tweets (UMSAB)."""
OF_STRANGERS: Final = "xed"
"""The held-out lines that tell in a language of `OF_TWEETS` how often a label is right on the talk of strangers: nobody labelled
posts there that may be learnt, and what we wrote and what the teacher labelled is labelled right more often than tweets are."""
ITERATIONS: Final = 300
TOLERANCE: Final = 1e-4
"""Where a fit stops. A fit that goes on to its end does better on talk not met (of politicians, universities, airlines and
two computer brands) than one that stops early."""
LARGEST: Final = 2_000
"""The largest whole-numbered weight: finer steps change no label."""
CURVE: Final = 10
"""The steps of the curve of confidence."""
LEAST_CONFIDENCE: Final = 0.3334
"""The confidence of a guess among three labels, and the least of the curve. Below it, steps of few posts make the curve rough."""
ABSTAINS_BELOW: Final = 0.3
"""By the risk-coverage curves it pays nowhere to leave the least sure texts unscored: no step lies below this now."""


class Lent(NamedTuple):
    """Another model, and texts that it was not fitted on: they stand in for the talk of strangers where a language has little."""

    model: LinearModel
    held: Sequence[Example]


class Fitted(NamedTuple):
    """A model, and how it does on the held-out posts."""

    model: LinearModel
    report: dict[str, Any]


def fit(
    language: str,
    found: Sequence[Example],
    iterations: int = ITERATIONS,
    other: Sequence[Example] = (),
    *,
    lent: Sequence[Lent] = (),
    everything: bool = False,
) -> Fitted:
    """Fit on nine tenths of the examples, measure the confidence on the last tenth. Classes weigh the same.

    `everything` says that sets which are not cleared are among the examples. `other` are texts of other talk, none of them
    learnt: how often the model errs on it is measured, too. `lent` takes part in the fit of the confidence. In a language of
    `OF_TWEETS` only lines of `OF_STRANGERS` take part in it, if there are any, and posts that are lent with a model which was
    fitted without them.
    """
    found = sorted(found)
    learnt = [one for one in found if not is_held_out(one.text)]
    held = [one for one in found if is_held_out(one.text)]
    weights, bias = _weights(language, learnt, iterations)
    scale = np.abs(weights).max(axis=0) / LARGEST
    whole = np.round(weights / scale).astype(np.int16)
    shifts = SHIFTS | SHIFTS_IN_ALL if everything else SHIFTS
    bias = bias + np.array(shifts.get(language, (0.0, 0.0, 0.0)))
    flat = LinearModel(language, "", whole, scale, bias, np.ones(STEPS), 0.0)
    fitted = measured(flat, held, other, lent)
    model = replace(fitted.model, version=version_of(fitted.model))
    return Fitted(model, {"learnt": len(learnt), **fitted.report})


def version_of(model: LinearModel) -> str:
    """Eight signs of a hash over all that an answer comes from: weights, scales, biases, the confidence, where it abstains, and
    the lexicon.
    """
    numbers = (np.round(model.scale, 12), np.round(model.bias, 4), np.round(model.confidence, 4))
    told = b"".join([model.weights.tobytes(), *(one.tobytes() for one in numbers)])
    rest = str(model.abstains_below) + written(model.language)
    return hashlib.sha256(told + rest.encode()).hexdigest()[:8]


def _weights(language: str, learnt: Sequence[Example], iterations: int) -> tuple[Any, Any]:
    """The weights (bucket, label) and the biases: the mean of a fit to the features as they are and of one to scaled features."""
    matrix = features([one.text for one in learnt], language)
    told = Told(
        np.array([one.label for one in learnt]),
        np.array([one.of_two for one in learnt], dtype=bool),
        _balanced(learnt),
    )
    strength, part = STRENGTHS.get(language, C), SCALED.get(language, HALF)
    scales = _scales(matrix, told)
    found = [
        (share, scale[:, None] * fitted, bias)
        for share, scale, c in (
            (1 - part, np.ones_like(scales), strength),
            (part, scales, SCALED_STRENGTH * strength),
        )
        if share
        for fitted, bias in [_regression(matrix, scale, told, c, iterations)]
    ]
    return sum(share * one for share, one, _ in found), sum(share * one for share, _, one in found)


class Told(NamedTuple):
    """What is told of each row: its label, whether neutral is left open (`training/partial.py`), and its weight."""

    labels: Any
    of_two: Any
    counts: Any


def _regression(matrix: Any, scales: Any, told: Told, c: float, iterations: int) -> tuple[Any, Any]:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    scaled = (matrix @ sparse.diags(scales)).tocsr()
    if told.of_two.any():
        gold = np.searchsorted(LABELS, told.labels)
        return fit_partial(scaled, gold, told.of_two, told.counts, c, iterations, TOLERANCE)
    regression = LogisticRegression(C=c, max_iter=iterations, tol=TOLERANCE)
    regression.fit(scaled, told.labels, sample_weight=told.counts)
    assert tuple(regression.classes_) == LABELS
    return regression.coef_.T, regression.intercept_


def _scales(matrix: Any, told: Told) -> Any:
    """By feature, the largest logarithm of the odds of a label, scaled so that a text is as long as before on average."""
    most = np.zeros(matrix.shape[1])
    for label in LABELS:
        asked = ~told.of_two if label == "neutral" else np.ones_like(told.of_two)
        here, there = (
            np.asarray(matrix[which].T @ told.counts[which]).ravel() + ADDED
            for which in (asked & (told.labels == label), asked & (told.labels != label))
        )
        most = np.maximum(most, np.abs(np.log(here / here.sum()) - np.log(there / there.sum())))
    squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
    return most / np.sqrt((squares * most**2).sum() / squares.sum())


def measured(
    flat: LinearModel, held: Sequence[Example], other: Sequence[Example] = (), lent: Sequence[Lent] = ()
) -> Fitted:
    """The model with its confidence, which is fitted on the held-out examples, and how it does on them."""
    confidence, report = _calibrated(
        _strange([Lent(flat, held), *lent]) if flat.language in OF_TWEETS else [Lent(flat, held), *lent]
    )
    model = replace(flat, confidence=confidence, abstains_below=ABSTAINS_BELOW)
    scorer = LinearScorer(flat.language, model)
    said = confusion(scorer, [one for one in held if one.is_post])
    # Posts that were written about crises are no day's talk.
    days = [one for one in held if one.talk != CRISES.name]
    shares = correction(kinds(scorer, [*days, *other]))
    return Fitted(model, {**report, "confusion": said, "share_of_negatives": shares})


def confusion(scorer: LinearScorer, held: Sequence[Example]) -> dict[str, dict[str, float]]:
    """By the label that people gave, how often the scorer said each: posts, each counted as its set weighs beside the others."""
    share = len(held) / sum(one.weight for one in held)
    counts: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for one, sentiment in zip(held, scorer.score([one.text for one in held]), strict=True):
        counts[one.label][sentiment.label] += one.weight * share  # type: ignore[assignment]  # weights are fractions
    return {
        gold: {label: round(count, 1) for label, count in sorted(said.items())}
        for gold, said in counts.items()
    }


def _balanced(learnt: Sequence[Example]) -> Any:
    """The weights, so that the labels weigh the same: those of rows that leave neutral open by themselves."""
    totals: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for one in learnt:
        totals[one.of_two][one.label] += one.weight  # type: ignore[assignment]  # weights are fractions
    wholes = {of_two: sum(found.values()) for of_two, found in totals.items()}
    return np.array(
        [
            one.weight * wholes[one.of_two] / len(totals[one.of_two]) / totals[one.of_two][one.label]
            for one in learnt
        ]
    )


def _strange(asked: Sequence[Lent]) -> Sequence[Lent]:
    """The lines of `OF_STRANGERS`, and what is lent beyond the held-out texts: the posts that its model was fitted without. All
    that is asked where there is no such line.
    """
    if not any(one.talk == OF_STRANGERS for _, held in asked for one in held):
        return asked
    found = [
        Lent(model, [one for one in held if one.talk == OF_STRANGERS or not is_held_out(one.text)])
        for model, held in asked
    ]
    return [one for one in found if one.held]


def _calibrated(asked: Sequence[Lent]) -> tuple[Any, dict[str, Any]]:
    """The confidence curve, and the report on it: by step of the highest share, how often the label is right. It never falls.

    The curve has `CURVE` steps: finer ones have too few posts to tell by how much they differ.
    """
    from sklearn.isotonic import IsotonicRegression

    highest, right, weight = (np.concatenate(column) for column in zip(*map(_answers, asked), strict=True))
    wide = confidence_step(highest) // (STEPS // CURVE)
    total = np.bincount(wide, weights=weight, minlength=CURVE)
    met = np.flatnonzero(total)
    shares_right = np.bincount(wide, weights=weight * right, minlength=CURVE)[met] / total[met]
    curve = IsotonicRegression(y_min=LEAST_CONFIDENCE, y_max=1.0).fit_transform(
        met, shares_right, sample_weight=total[met]
    )
    confidence = np.round(np.repeat(np.interp(np.arange(CURVE), met, curve), STEPS // CURVE), 4)
    middles = 1 / 3 + (np.arange(STEPS) + 0.5) / STEPS * 2 / 3
    said = confidence[confidence_step(highest)]
    steps = confidence_step(highest)
    plot = [
        {
            "share": round(float(middle), 3),
            "confidence": float(confidence[step]),
            "right": round(float(np.average(right[steps == step], weights=weight[steps == step])), 4),
            "posts": int((steps == step).sum()),
        }
        for step, middle in enumerate(middles)
        if (steps == step).any()
    ]
    error = sum(one["posts"] * abs(one["right"] - one["confidence"]) for one in plot) / len(right)
    curve_points = [
        {
            "abstains_below": cut,
            "answered": round(float((said >= cut).mean()), 4),
            "right": round(float(right[said >= cut].mean()), 4) if (said >= cut).any() else None,
        }
        for cut in (0.0, 0.4, 0.5, 0.6, 0.7, 0.8)
    ]
    return confidence, {
        "held_out": len(right),
        "expected_calibration_error": round(error, 4),
        "reliability": plot,
        "risk_coverage": curve_points,
    }


def _answers(asked: Lent) -> tuple[Any, Any, Any]:
    """By held-out text, the highest share, whether its label is right, and what the text counts."""
    model, held = asked
    power = HELD_POWERS.get(model.language, HELD_POWER)
    shares = LinearScorer(model.language, model).shares([one.text for one in held])
    best = [LABELS[place] for place in shares.argmax(axis=1)]
    right = np.array([label == one.label for label, one in zip(best, held, strict=True)])
    return shares.max(axis=1), right, np.array([one.weight**power for one in held])
