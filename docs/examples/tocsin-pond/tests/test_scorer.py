"""The scorer keeps the contract of scorers, which Tocsin's wheel has beside those of the other ports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tocsin.contracts.scorers import *  # noqa: F403  # the contract's tests are collected here
from tocsin_pond import EsperantoScorer

from tocsin.plugin import Scorer


@pytest.fixture(scope="module")
def make_scorer() -> Callable[[], Scorer]:
    return EsperantoScorer


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return EsperantoScorer()
