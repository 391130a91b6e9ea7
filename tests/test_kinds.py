"""The rules for kinds of tests, on a file of tests that break them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import workers
from tests.kinds import KINDS, UNUSED_PLUGINS
from tests.workers import FIRST, ROOMS, room

pytestmark = pytest.mark.live

CHOSEN = "PYTEST_DEBUG_TEMPROOT"
ROOT = Path(__file__).resolve().parents[1]
HEAD = "import os, subprocess, time, pytest\nfrom tests import kinds\nkinds.UNIT_WITHIN_S = 0.05\n"
BREAKS = """
def test_starts(): subprocess.run(["true"])
def test_forks(): os.waitpid(os.fork() or os._exit(0), 0)
def test_counts(): sum(range(15_000_000))
def test_waits_for_others():
    for _ in range(10): time.sleep(0.01)
def test_keeps_to_the_rules(): pass
@pytest.mark.live
def test_may_start(): subprocess.run(["true"])
@pytest.mark.slow("it shows that it may")
def test_may_count(): sum(range(15_000_000))
"""


def _pytest(folder: Path, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = folder / "test_made_up.py"
    file.write_text(HEAD + program, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    settings = (*UNUSED_PLUGINS, "-c", "pyproject.toml", "-p", "tests.conftest", "--rootdir", str(ROOT))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *options, str(file)],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_test_without_a_mark_starts_no_process_and_ends_in_time(tmp_path: Path) -> None:
    said = _pytest(tmp_path, BREAKS).stdout
    assert "3 failed, 4 passed" in said
    assert "test_starts" in said and "started subprocess.Popen" in said
    assert "test_forks" in said and "started os.fork" in said
    assert "test_counts" in said and "less than 0 s of processor time" in said and "mark it `slow`" in said


def test_units_are_what_has_no_other_mark(tmp_path: Path) -> None:
    said = _pytest(tmp_path, BREAKS, "-m", "unit").stdout
    assert "3 failed, 2 passed, 2 deselected" in said


def test_a_slow_test_says_why(tmp_path: Path) -> None:
    said = _pytest(tmp_path, "@pytest.mark.slow()\ndef test_slow(): pass\n")
    assert said.returncode == 1
    assert "test_slow: say why it is slow" in said.stdout


def test_every_room_and_mark_is_there() -> None:
    for begin in ROOMS:
        assert (ROOT / begin).exists(), begin
        assert room(begin) == ROOMS[begin]
    assert all(name in ROOMS.values() or (ROOT / name).exists() for name in FIRST)
    named = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'  "{kind}' in named for kind in KINDS)


def test_the_folders_of_tests_are_in_memory_where_there_is_room_and_nobody_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(memory: Path, room: int) -> str | None:
        monkeypatch.setattr(workers, "MEMORY_FROM", room)
        workers.into_memory(memory)
        return os.environ.get(CHOSEN)

    monkeypatch.setenv(CHOSEN, "theirs")
    assert chosen(tmp_path, 1) == "theirs"
    monkeypatch.delenv(CHOSEN)
    assert chosen(tmp_path / "none", 1) is None
    assert chosen(tmp_path, 2**62) is None
    assert chosen(tmp_path, 1) == str(tmp_path)
