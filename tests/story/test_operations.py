"""docs/operations.md: what an operator types, typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks

pytestmark = pytest.mark.live


def test_the_commands_of_the_operators_page_do_what_they_say(tmp_path: Path) -> None:
    typed = [line for one in blocks("docs/operations.md") if one.language == "sh" for line in one.lines]
    assert len(typed) > 10
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", 'tocsin() { "$PYTHON" -m tocsin "$@"; }\n' + "\n".join(typed)],
        cwd=tmp_path,
        env=inherited | {"TOCSIN_DATA": "data", "PYTHON": sys.executable},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    said = done.stdout.decode()
    assert "+ monitor acme" in said
    assert "console: sent" in said
    assert (
        "ok    monitors that are watched: 1" in said.split("console: sent")[1]
    )  # of the restored folder, too
    assert (tmp_path / "monday.db").stat().st_mode & 0o077 == 0
    record = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert "key.made" in {one["action"] for one in record}
