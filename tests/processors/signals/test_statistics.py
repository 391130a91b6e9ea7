"""The formulas against known values, and the properties that they must have everywhere."""

from __future__ import annotations

import math
import random
import statistics
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.signals.spans import moved
from processors.signals.statistics import four, median_step, six, tidy, wilson
from processors.signals.types import Sensitivity
from tests.contracts.worlds import MONDAY, noisy
from tocsin.core.counts import steady, unsteady


@pytest.mark.slow("a hundred made-up examples")
@given(count=st.floats(0, 1e7), kappa=st.floats(0.001, 1))
def test_anscombes_scale_can_be_left_again(count: float, kappa: float) -> None:
    assert unsteady(steady(count, kappa), kappa) == pytest.approx(count, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("mean", [2.0, 20.0, 400.0])
def test_on_anscombes_scale_the_spread_is_one_whatever_the_mean(mean: float) -> None:
    rng = random.Random(1)
    values = [steady(noisy(rng, mean, 0.05), 0.05) for _ in range(4000)]
    assert statistics.pstdev(values) == pytest.approx(1.0, abs=0.12)


def test_wilson_gives_the_textbook_interval() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@given(part=st.integers(0, 500), rest=st.integers(0, 500))
def test_wilson_holds_the_share_and_stays_a_share(part: int, rest: int) -> None:
    lower, upper = wilson(part, part + rest)
    share = part / (part + rest) if part + rest else 0.5
    assert 0.0 <= lower <= share + 1e-12
    assert share - 1e-12 <= upper <= 1.0


def test_the_threshold_is_the_promise() -> None:
    assert Sensitivity().threshold == 3.0
    assert Sensitivity(false_alerts_per_week=0.1).threshold == pytest.approx(4.0)
    assert Sensitivity(false_alerts_per_week=10).threshold == pytest.approx(2.0)


@pytest.mark.parametrize("rate", [0.5, 4.0])
def test_a_running_median_finds_the_median(rate: float) -> None:
    rng, log_median = random.Random(3), 0.0
    for hour in range(24 * 30):
        log_median = median_step(log_median, rng.expovariate(rate), hour, 1.0)
    assert math.exp(log_median) == pytest.approx(math.log(2.0) / rate, rel=0.15)


def test_one_real_crisis_hardly_moves_a_running_median() -> None:
    assert median_step(0.0, 1e6, 480.0, 1.0) == median_step(0.0, 1.1, 480.0, 1.0) < 0.01


def test_what_is_missing_between_two_windows_is_unknown() -> None:
    five = timedelta(minutes=5)
    assert moved((1, 2), MONDAY, MONDAY, five, 0, 4) == (1, 2)
    assert moved((1, 2), MONDAY, MONDAY + 2 * five, five, 0, 4) == (1, 2, 0, 0)
    assert moved((1, 2), MONDAY, MONDAY + 900 * five, five, 0, 4) == (0, 0, 0, 0)


@given(
    value=st.floats(-1e6, 1e6)
    # Values that end in a five, of which a product may lie on the wrong side of the half.
    | st.integers(-(10**7), 10**7).map(lambda n: (10 * n + 5) / 1e5)
    | st.floats()
)
def test_values_are_rounded_as_python_rounds_them(value: float) -> None:
    for rounded, places in ((four, 4), (six, 6), (tidy, 9)):
        assert repr(rounded(value)) == repr(round(value, places))
