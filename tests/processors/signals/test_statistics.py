"""The formulas against known values, and the properties that they must have everywhere."""

from __future__ import annotations

import math
import random
import statistics
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.signals.spans import moved, spans_in_windows, up_to_an_hour
from processors.signals.statistics import SpreadRule, Tail, TailRule, tail_rule, wilson
from processors.signals.types import Sensitivity
from tests.processors.signals.worlds import MONDAY, noisy
from tocsin.core.counts import steady, unsteady


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


@given(z=st.floats(-10, 60), more=st.floats(0.001, 10))
def test_rarity_rises_with_the_surprise_and_is_never_negative(z: float, more: float) -> None:
    rule, tail = TailRule(), Tail(weeks=4, peaks=20, excess=15)
    assert 0.0 <= rule.rarity(tail, z) <= rule.rarity(tail, z + more)


def test_a_score_of_three_is_what_comes_once_a_week() -> None:
    """A year of exponential peaks: the height that the rule scores 3 is passed in about one week of two looks."""
    rng, rule, tail = random.Random(2), TailRule(), Tail()
    peaks: list[float] = []
    for hour in range(24 * 7 * 52):
        z = rule.level + rng.expovariate(1.2) if hour % 17 == 0 else 0.0
        peaks.append(z)
        tail = rule.after(tail, z, 1.0)
    height = next(z / 100 for z in range(100, 2000) if rule.rarity(tail, z / 100) >= 3.0)
    assert 0.5 < sum(p >= height for p in peaks) / 52 < 2.0


def test_peaks_close_together_are_one() -> None:
    rule, tail = TailRule(), Tail()
    for z in (4.0, 0.0, 5.0, 0.0, *[0.0] * 10):
        tail = rule.after(tail, z, 1.0)
    assert (round(tail.peaks), round(tail.excess, 1)) == (1, 2.5)


def test_one_real_crisis_does_not_deafen() -> None:
    rule, tail = TailRule(), Tail()
    for z in (80.0, *[0.0] * 12):
        tail = rule.after(tail, z, 1.0)
    assert rule.mean_excess(tail) < 2 * rule.mean_excess(Tail())


def test_the_prior_expects_fewer_peaks_of_longer_spans() -> None:
    rates = [tail_rule(timedelta(minutes=m)).prior_rate for m in (5, 15, 60, 360)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] >= 1.0


def test_the_spread_follows_the_residuals_and_keeps_its_floor() -> None:
    rule, wide, narrow = SpreadRule(), 1.5, 1.5
    for hour in range(24 * 20):
        wide = rule.after(wide, 2.0 / math.sqrt(wide / 1.5), 1.0, hour)
        narrow = rule.after(narrow, 0.1, 1.0, hour)
    assert wide > 3.0
    assert narrow == 1.0


def test_spans_are_told_in_windows() -> None:
    assert spans_in_windows(timedelta(minutes=5)) == (1, 3, 12, 72)
    assert spans_in_windows(timedelta(hours=1)) == (1, 6)
    assert spans_in_windows(timedelta(days=1)) == (1,)
    assert up_to_an_hour((1, 3, 12, 72), timedelta(minutes=5)) == 3
    assert up_to_an_hour((1,), timedelta(days=1)) == 1


def test_what_is_missing_between_two_windows_is_unknown() -> None:
    five = timedelta(minutes=5)
    assert moved((1, 2), MONDAY, MONDAY, five, 0, 4) == (1, 2)
    assert moved((1, 2), MONDAY, MONDAY + 2 * five, five, 0, 4) == (1, 2, 0, 0)
    assert moved((1, 2), MONDAY, MONDAY + 900 * five, five, 0, 4) == (0, 0, 0, 0)
