"""Where the workers of a run begin to collect, and the order in which they all end up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import workers

ROOT = Path(__file__).parents[1]


def begun(worker: int, *arguments: str, of: int = 4, ignore: Sequence[str] | None = None) -> list[str]:
    """What this worker collects when the run was given these arguments, in order."""
    config: Any = SimpleNamespace(
        rootpath=ROOT,
        args=list(arguments),
        workerinput={"workerid": f"gw{worker}", "workercount": of},
        option=SimpleNamespace(ignore=ignore),
        invocation_params=SimpleNamespace(dir=ROOT),
    )
    workers.begin_elsewhere(config)
    return list(config.args)


@pytest.mark.parametrize("asked", ["tests", str(ROOT / "tests")])
def test_each_worker_of_a_whole_run_collects_all_and_begins_elsewhere(asked: str) -> None:
    lists = [begun(worker, asked) for worker in range(4)]
    assert len({one[0] for one in lists}) == 4
    assert lists[0] == sorted(lists[0])
    assert all(sorted(one) == lists[0] for one in lists)
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if "__pycache__" not in path.parts]
    assert len(files) > 100
    assert [path for path in files if not any(path.is_relative_to(one) for one in lists[0])] == []


def test_one_worker_and_more_workers_than_parts_begin_somewhere_too() -> None:
    assert begun(0, "tests", of=1) == sorted(begun(0, "tests", of=1))
    assert all(sorted(begun(n, "tests", of=100)) == begun(0, "tests") for n in range(100))


def test_what_the_command_line_ignores_is_collected_by_no_worker() -> None:
    for worker in range(3):
        lists = begun(worker, "tests", of=3, ignore=["tests/browser", str(ROOT / "tests/chaos")])
        left_out = {str(ROOT / "tests/browser"), str(ROOT / "tests/chaos")}
        assert sorted({*lists, *left_out}) == sorted(begun(0, "tests"))
        assert left_out.isdisjoint(lists)


def test_a_part_of_the_suite_is_collected_as_it_was_asked_for() -> None:
    assert begun(2, "tests/core", "tests/query") == ["tests/core", "tests/query"]


def test_wherever_a_worker_began_its_tests_come_in_the_same_order() -> None:
    paths = [
        "tests/core/test_a.py",
        "tests/chaos/test_b.py",
        "tests/story/test_live.py",
        "tests/api/test_c.py",
    ]
    made: list[Any] = [
        SimpleNamespace(nodeid=f"{path}::{name}", path=ROOT / path) for path in paths for name in ("z", "a")
    ]
    other = made[4:] + made[:4]
    workers.in_order(made)
    workers.in_order(other)
    wanted = [f"{path}::{name}" for path in (paths[1], paths[2], paths[3], paths[0]) for name in ("z", "a")]
    assert [item.nodeid for item in made] == [item.nodeid for item in other] == wanted
