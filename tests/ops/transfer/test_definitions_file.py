"""What was made on the page or through the API is written as a file that `tocsin apply` takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.transfer.apply import apply, parse_document, plan
from ops.transfer.definitions_file import stored_sections, written
from tests.api.world import World
from tests.inside import command
from tests.ops.transfer.test_apply import FILE, made


def test_the_file_changes_nothing_where_it_came_from_and_makes_the_same_elsewhere(
    world: World, tmp_path: Path
) -> None:
    made(world, FILE)
    with world.scene.write() as conn:
        text = written(stored_sections(conn))
        assert plan(conn, parse_document(text.encode())) == []
    other = World(tmp_path / "other")
    try:
        with other.scene.write() as conn:
            apply(conn, plan(conn, parse_document(text.encode())), other.now, "test")
            assert written(stored_sections(conn)) == text
    finally:
        other.close()
    assert "  - name: Velora" in text or "- name: Velora" in text


@pytest.mark.slow("fills and carries whole stores")
def test_the_command_prints_what_is_defined(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "people: [{name: Ștefan 🦉, channels: [{kind: webhook, url: 'https://x.example', secret: 'env:HOOK'}]}]"
    )
    data = ("--data", tmp_path / "data")
    nothing = command("apply", "--export", *data)
    assert (nothing.returncode, nothing.stdout) == (0, b"") and b"nothing is defined" in nothing.stderr
    assert command("apply", file, *data).returncode == 0
    said = command("apply", "--export", *data)
    file.write_bytes(said.stdout)
    assert "Ștefan 🦉" in file.read_text() and "env:HOOK" in file.read_text()
    assert b"nothing to change" in command("apply", file, *data).stdout


@pytest.mark.slow("fills and carries whole stores")
def test_it_is_one_or_the_other(tmp_path: Path) -> None:
    for arguments in (("apply",), ("apply", "--export", "x.yaml"), ("apply", "--export", "--dry-run")):
        refused = command(*arguments, "--data", tmp_path)
        assert refused.returncode == 2 and b"--export" in refused.stderr
