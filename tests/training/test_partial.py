"""A label that is left open pulls at nothing; where none is, the fit is scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.data import Example
from training.fit import Told, _balanced, _scales
from training.partial import fit_partial


def fitted(of_two: Any, counts: Any = None) -> tuple[Any, Any, Any]:
    from scipy import sparse

    rng = np.random.default_rng(11)
    matrix = sparse.csr_matrix((rng.random((240, 12)) < 0.3).astype(float))
    gold = np.where(of_two, rng.integers(0, 2, 240) * 2, rng.integers(0, 3, 240))
    return matrix, gold, np.ones(240) if counts is None else counts


@pytest.mark.slow("fits scikit-learn's model, too")
def test_without_an_open_label_it_is_the_logistic_regression_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    none = np.zeros(240, dtype=bool)
    matrix, gold, counts = fitted(none, np.linspace(0.5, 2, 240))
    weights, bias = fit_partial(matrix, gold, none, counts, 0.5, 500, 1e-7)
    other = LogisticRegression(C=0.5, max_iter=500, tol=1e-7).fit(matrix, gold, sample_weight=counts)
    assert np.allclose(weights, other.coef_.T, atol=1e-4)
    assert np.allclose(bias - bias.mean(), other.intercept_ - other.intercept_.mean(), atol=1e-4)


def test_rows_that_leave_neutral_open_alone_say_nothing_of_it() -> None:
    every = np.ones(240, dtype=bool)
    weights, bias = fit_partial(*fitted(every)[:2], every, np.ones(240), 1.0, 200, 1e-6)
    assert np.allclose(weights[:, 1], 0) and bias[1] == pytest.approx(0)
    assert np.abs(weights[:, [0, 2]]).max() > 0.1


def test_open_rows_are_balanced_by_themselves_and_scale_no_neutral_feature() -> None:
    from scipy import sparse

    found = [
        Example("a", "negative", 1.0, of_two=True),
        Example("b", "positive", 3.0, of_two=True),
        Example("c", "negative", 1.0),
        Example("d", "neutral", 1.0),
        Example("e", "positive", 1.0),
    ]
    counts = _balanced(found)
    assert counts.tolist() == pytest.approx([2, 2, 1, 1, 1])
    told = Told(np.array([one.label for one in found]), np.array([one.of_two for one in found]), counts)
    # The first feature stands in a negative row that leaves neutral open, and in the neutral row.
    matrix = sparse.csr_matrix(np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]], dtype=float))
    asked = told._replace(of_two=np.zeros(5, dtype=bool))
    first, second = _scales(matrix, told)
    assert first / second < np.divide(*_scales(matrix, asked))
