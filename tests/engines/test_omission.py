"""A run without the engines says so in its first and last line, or fails where they are required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kinds import UNUSED_PLUGINS

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
NEEDS_KAFKA = "tests/engines/test_engines.py::test_the_broker_is_apache_kafka"
NEEDS_NOTHING = "tests/engines/test_omission.py::test_this_test_needs_no_engine"
# A proxy that refuses, as on a machine without a network.
NOWHERE = "http://127.0.0.1:9"


def test_without_maven_central_the_smaller_suite_is_named_first_and_last(tmp_path: Path) -> None:
    run = _pytest(tmp_path, NEEDS_KAFKA, NEEDS_NOTHING)
    lines = run.stdout.strip().splitlines()
    assert run.returncode == 0, run.stdout + run.stderr
    assert lines[0] == lines[-1]
    assert lines[0].startswith(
        "SMALLER SUITE, all but Apache Kafka: 1 of 2 tests LEFT OUT: org.apache.kafka:"
    )
    assert "1 passed, 1 skipped" in lines[-2]


def test_where_the_engines_are_demanded_their_absence_is_a_failure(tmp_path: Path) -> None:
    run = _pytest(tmp_path, NEEDS_KAFKA, NEEDS_NOTHING, TOCSIN_REQUIRE_ENGINES="1")
    assert run.returncode == 1
    assert "demanded (TOCSIN_REQUIRE_ENGINES=1) and cannot be had: org.apache.kafka:" in run.stdout


def test_several_workers_say_it_first_and_last_too(tmp_path: Path) -> None:
    run = _pytest(tmp_path, "-n2", NEEDS_KAFKA, NEEDS_NOTHING)
    lines = run.stdout.strip().splitlines()
    assert run.returncode == 0, run.stdout + run.stderr
    first = next(line for line in lines if "nodes..." not in line and line.strip())
    assert first == lines[-1]
    assert first.startswith("SMALLER SUITE, all but Apache Kafka: 1 of 2 tests LEFT OUT:")
    assert "1 passed, 1 skipped" in lines[-2]
    demanded = _pytest(tmp_path, "-n1", NEEDS_KAFKA, TOCSIN_REQUIRE_ENGINES="1")
    assert demanded.returncode == 1
    assert "demanded (TOCSIN_REQUIRE_ENGINES=1) and cannot be had" in demanded.stdout


def test_nothing_is_fetched_for_tests_that_need_no_engine(tmp_path: Path) -> None:
    run = _pytest(tmp_path, NEEDS_NOTHING, TOCSIN_REQUIRE_ENGINES="1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert not (tmp_path / "cache").exists()


def test_this_test_needs_no_engine() -> None:
    assert NEEDS_NOTHING.endswith("test_this_test_needs_no_engine")


def _pytest(tmp_path: Path, *tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, without Kafka's jars and without a network to fetch them."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in ("no_proxy", "tocsin_require_engines") and not name.startswith("PYTEST_")
    }
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), NOWHERE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *UNUSED_PLUGINS, *tests],
        cwd=ROOT,
        env=clean | proxies | {"TOCSIN_ENGINES_CACHE": str(tmp_path / "cache")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
