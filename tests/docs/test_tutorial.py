"""Every command of the tutorial works in its order, in a folder of its own, and does what the tutorial says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.test_commands import commands_in
from tests.inside import command

PAGE = "docs/tutorial.md"


# Building a wheel and installing it is tested by itself: tests/test_packaging.py.
INSTALL = "pip install ."


def _lines() -> list[str]:
    return [line for block in blocks(PAGE) if block.language == "sh" for line in block.lines]


def _exported(folder: Path) -> dict[str, str]:
    """What the tutorial exports before its first command, in this folder. Nothing else is typed there but the installation."""
    first, *rest = [line for block in blocks(PAGE) if block.language == "console" for line in block.lines]
    assert first == f"$ {INSTALL}"
    exported = {}
    for line in rest:
        found = re.fullmatch(r"\$ export (\w+)=(\S+)", line)
        assert found is not None, f"no test types: {line}"
        exported[found[1]] = found[2].replace("$PWD", str(folder))
    return exported


@pytest.mark.slow("runs every command of the tutorial, a replay and a backup among them")
def test_every_command_of_the_tutorial_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").mkdir()
    for name in ("first.yaml", "talk.jsonl"):
        lines = (ROOT / "examples" / name).read_text("utf-8").splitlines(keepends=True)
        # The hour of the crisis is enough: the README's own commands play the whole of it.
        kept = lines[-250:-100] if name == "talk.jsonl" else lines
        (tmp_path / "examples" / name).write_text("".join(kept), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    said: dict[str, str] = {}
    for line in _lines():
        (words,) = commands_in(line)
        done = command(*words, environment={**_exported(tmp_path), "HOME": str(tmp_path), "PATH": ""})
        assert done.returncode == (1 if line.endswith("|| true") else 0), (line, done.stderr.decode())
        said[line] = done.stdout.decode()
        into = re.search(r"> (\S+)$", line)
        if into:
            (tmp_path / into[1]).write_bytes(done.stdout)
    told = "\n".join(said.values())
    assert "SEV" in said["tocsin replay --monitors examples/first.yaml --data played examples/talk.jsonl"]
    assert "/signin/" in told and "\nrevoked calendar\n" in told
    doctor = said["tocsin doctor || true"]
    assert "has never run here" in doctor and "work on this machine only" in doctor
    needs = [line for line in doctor.splitlines() if line.startswith("BAD")]
    assert len(needs) == 2 and "nothing is listened to" in needs[0] and "no channel rings" in needs[1]
    defined = (tmp_path / "all.yaml").read_bytes()
    assert defined and defined == (tmp_path / "restored.yaml").read_bytes()
    assert (tmp_path / "alerts.jsonl").read_bytes() and (tmp_path / "heard.jsonl").read_bytes()


def test_no_block_of_the_tutorial_is_left_out(tmp_path: Path) -> None:
    assert {block.language for block in blocks(PAGE)} == {"console", "sh"}
    assert all(line.startswith("tocsin ") for line in _lines()), "each line is one command"
    assert _exported(tmp_path) == {"TOCSIN_DATA": f"{tmp_path}/tutorial-data"}


def test_the_commands_are_as_many_as_one_does_in_twenty_minutes() -> None:
    assert 10 <= len(_lines()) <= 30
