"""The signal keeps the contract of detectors."""

from __future__ import annotations

import pytest
from tocsin.contracts.detectors import *  # noqa: F403  # the contract's tests are collected here
from tocsin_pond import PLUGIN, Croak

from tocsin.plugin import Detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    assert PLUGIN.signals
    return Croak()
