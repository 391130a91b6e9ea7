"""Every registered detector keeps the contract of its port."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest

from processors.signals.registry import WINDOW, detectors
from processors.signals.types import Detector
from tests.contracts.detectors import *  # noqa: F403  # the contract
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind


@pytest.fixture(scope="module", params=detectors(UTC), ids=lambda judged: judged.name)
def detector(request: pytest.FixtureRequest) -> Detector[Any]:
    found: Detector[Any] = request.param.detector
    return found


def test_windows_have_five_minutes() -> None:
    assert timedelta(minutes=5) == WINDOW


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("processors.signals.nowhere:Nobody", "no detector 'processors.signals.nowhere:Nobody'"),
        ("processors.signals.volume:Nobody", "no detector 'processors.signals.volume:Nobody'"),
        ("processors.signals.volume:Volume", "is the detector of 'volume'"),
    ],
)
def test_an_entry_without_its_detector_is_refused(named: str, said: str) -> None:
    wrong = SignalKind(kind="rumour", means="a rumour", detector=named)
    with SIGNAL_KINDS.registered(wrong), pytest.raises(ValueError, match=f"signal 'rumour': .*{said}"):
        detectors(UTC)
