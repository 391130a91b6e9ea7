"""What `tocsin detect` says of a made-up series, to six digits: a change of a detector changes a figure here.

A figure that changes is measured on both rulers of docs/detection.md before it is put in its place.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from processors.signals.series import judge_lines
from processors.signals.types import Sensitivity
from tests.contracts.worlds import MONDAY, day_and_night, noisy

N = 800
# The rows that alert, the sum of all scores, and that of their squares.
COUNTS = ([430], 26.330042, 7.396162)
NEGATIVES = ([648], 48.090528, 15.757854)


def rows(*, with_negative: bool) -> list[bytes]:
    """Two days and a half of talk, loud for an hour from row 420 on, and louder and angry for three from row 640 on."""
    rng = random.Random(14)
    lines = [b"timestamp,value,negative\n" if with_negative else b"timestamp,value\n"]
    for i in range(N):
        angry, loud = 640 <= i < 676, 420 <= i < 432
        count = noisy(rng, 3.0 * day_and_night(i) * (3.0 if angry else 6.0 if loud else 1.0))
        negative = sum(rng.random() < (0.6 if angry else 0.25) for _ in range(count))
        at = (MONDAY + i * timedelta(minutes=5)).isoformat()
        lines.append((f"{at},{count},{negative}\n" if with_negative else f"{at},{count}\n").encode())
    return lines


def said(*, with_negative: bool) -> tuple[list[int], float, float]:
    judged = [line.split(",") for line in judge_lines(rows(with_negative=with_negative), Sensitivity())][1:]
    scores = [float(score) for _, score, _ in judged]
    alerts = [place for place, (_, _, alert) in enumerate(judged) if int(alert)]
    return alerts, sum(scores), sum(one * one for one in scores)


@pytest.mark.parametrize(
    ("with_negative", "golden"), [(False, COUNTS), (True, NEGATIVES)], ids=["counts", "negatives"]
)
def test_a_series_is_judged_as_it_always_was(
    with_negative: bool, golden: tuple[list[int], float, float]
) -> None:
    alerts, score, squares = said(with_negative=with_negative)
    assert alerts == golden[0]
    assert (score, squares) == pytest.approx(golden[1:], abs=1e-4)
