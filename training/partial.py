"""Logistic regression over labels of which some are left open.

A review with stars is good or bad, and nobody was asked whether it is neutral. Learnt as a text that is not neutral, many of them
teach a model that no text like them is. So such a row counts for the odds of its two labels alone, and its third one stays open.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from processors.understand.sentiment import LABELS

_OPEN: Final = LABELS.index("neutral")
_FAR: Final = 1e9
"""Taken from a logit that is left open, so that its share is nothing."""


def fit_partial(
    matrix: Any, gold: Any, of_two: Any, counts: Any, c: float, iterations: int, tolerance: float
) -> tuple[Any, Any]:
    """The weights (feature, label) and the biases: `c`, `iterations` and `tolerance` as scikit-learn has them.

    `gold` is the place of each row's label in `LABELS`, `of_two` whether its neutral label is left open, `counts` its weight.
    """
    from scipy.optimize import minimize

    rows, width = matrix.shape
    turned = matrix.T.tocsr()
    said = np.zeros((rows, len(LABELS)))
    said[np.arange(rows), gold] = 1
    left_open = np.zeros((rows, len(LABELS)))
    left_open[of_two, _OPEN] = -_FAR
    whole = counts.sum()

    def loss(numbers: Any) -> tuple[float, Any]:
        weights, bias = numbers[: -len(LABELS)].reshape(width, -1), numbers[-len(LABELS) :]
        logits = matrix @ weights + bias + left_open
        logits -= logits.max(axis=1, keepdims=True)
        raised = np.exp(logits)
        sums = raised.sum(axis=1, keepdims=True)
        off = (raised / sums - said) * counts[:, None]
        slope = np.concatenate([(turned @ off + weights / c).ravel(), off.sum(axis=0)])
        missed = (counts * (np.log(sums[:, 0]) - logits[np.arange(rows), gold])).sum()
        return (missed + (weights**2).sum() / (2 * c)) / whole, slope / whole

    found = minimize(
        loss,
        np.zeros((width + 1) * len(LABELS)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "gtol": tolerance, "ftol": 64 * np.finfo(float).eps, "maxls": 50},
    ).x
    return found[: -len(LABELS)].reshape(width, -1), found[-len(LABELS) :]
