"""Every registered detector keeps the contract of its port."""

from __future__ import annotations

import random
from datetime import UTC, timedelta
from typing import Any

import pytest

from processors.signals.negativity import Negativity
from processors.signals.registry import WINDOW, detectors
from processors.signals.types import Detector, WindowCounts
from processors.signals.volume import Volume
from tests.contracts.detectors import *  # noqa: F403  # the contract
from tests.contracts.worlds import MONDAY, PROMISE, noisy
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


@pytest.mark.parametrize("made", [Volume, Negativity])
def test_a_step_is_a_judgement_and_its_lesson(made: type[Volume] | type[Negativity]) -> None:
    rng = random.Random(4)
    detector: Any = made(UTC, WINDOW)
    kept = stepped = detector.initial()
    for i in range(900):
        # A louder and angrier stretch, gaps and windows that were not heard in full.
        loud = 300 < i % 450 < 330
        count = noisy(rng, 20.0 if loud else 3.0)
        negative = sum(rng.random() < (0.7 if loud else 0.2) for _ in range(count))
        start = MONDAY + (i + i // 200 * 3) * WINDOW
        window = WindowCounts(start, WINDOW, count, negative, count, complete=i % 97 > 0, due=3.0)
        reading = detector.judge(kept, window, PROMISE)
        kept = detector.learn(kept, window, reading)
        stepped, score, *due = detector.step(stepped, window, PROMISE)
        assert (stepped, score) == (kept, reading.score)
        assert due in ([], [reading.detail.get("window_expected")])
    assert kept.story.alerted is not None
