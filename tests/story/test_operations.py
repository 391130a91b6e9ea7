"""The operators' pages: the tests type what an operator types."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.inside import command

PAGES = ("docs/operations.md", "docs/data.md", "docs/engines.md")


def typed(line: str) -> str:
    """Run the line as a shell would (`|| true` and `> FILE` may end it). Returns its output."""
    words = shlex.split(line, comments=True)
    may_fail = words[-2:] == ["||", "true"]
    words = words[:-2] if may_fail else words
    into = Path(words[-1]) if ">" in words else None
    words = words[: words.index(">")] if into else words
    assert words[0] == "tocsin" and not set(";&|<>$(") & set("".join(words)), line
    done = command(*words[1:])
    assert done.returncode == 0 or (may_fail and done.returncode == 1), (line, done.stderr.decode())
    if into:
        into.write_bytes(done.stdout)
    return "" if into else done.stdout.decode()


@pytest.mark.slow("runs every command of the pages")
def test_the_commands_of_the_operators_pages_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for page in PAGES for one in blocks(page) if one.language == "sh" for line in one.lines]
    assert len(lines) > 10
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name in os.environ:
        if name.startswith("TOCSIN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TOCSIN_DATA", "data")
    monkeypatch.chdir(tmp_path)
    said = "".join(map(typed, lines))
    assert "+ monitor acme" in said
    assert "console: sent" in said
    # The doctor says this of the restored folder, too.
    assert "ok    monitors that are watched: 1" in said.split("console: sent")[1]
    assert (tmp_path / "monday.db").stat().st_mode & 0o077 == 0
    record = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert "key.made" in {one["action"] for one in record}
