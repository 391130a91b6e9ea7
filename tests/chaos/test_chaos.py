"""The chaos tests of every test run. They are bounded, and their seed is printed. `make chaos` does the long runs.

TOCSIN_TEST_SEED=N repeats a run.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos.faults import SHORT
from tests.chaos.live import LAYOUT_SHORT, run_live
from tests.chaos.replays import run_replays
from tests.chaos.running import Engines

pytestmark = pytest.mark.engines


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("TOCSIN_TEST_SEED") or random.SystemRandom().randrange(10**6))


def test_whatever_dies_freezes_or_is_cut_the_same_is_stored_and_each_decision_rings_once(
    tmp_path: Path, engines: Engines, seed: int
) -> None:
    print(f"TOCSIN_TEST_SEED={seed}")
    report = run_live(
        tmp_path,
        engines,
        seed=seed,
        count=500,
        lasts=timedelta(seconds=12),
        layout=LAYOUT_SHORT,
        faults=SHORT,
    )
    print(report.text())
    assert report.wrong == []


def test_a_replay_that_is_killed_while_its_engines_are_hurt_ends_as_if_nothing_had_happened(
    tmp_path: Path, engines: Engines, seed: int
) -> None:
    print(f"TOCSIN_TEST_SEED={seed}")
    report = run_replays(tmp_path, engines, seed=seed, kills=1, hours=2, calm=False)
    print(report.text())
    assert report.wrong == []
