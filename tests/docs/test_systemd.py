"""The service of systemd starts a command that there is, on the folder that systemd makes for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import text
from tests.docs.test_commands import commands_in, wrong_in

UNIT = "deploy/systemd/tocsin.service"
ANALYZE = shutil.which("systemd-analyze")


def _values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text(UNIT), re.MULTILINE)


def test_the_service_starts_a_command_that_there_is() -> None:
    (started,) = _values("ExecStart")
    (call,) = commands_in(started.replace("/opt/tocsin/bin/", ""))
    assert wrong_in(call) is None


def test_its_data_stand_in_the_one_folder_that_it_may_write() -> None:
    (folder,) = _values("StateDirectory")
    assert f"TOCSIN_DATA=%S/{folder}" in _values("Environment")
    assert _values("ProtectSystem") == ["strict"]
    assert _values("StateDirectoryMode") == ["0700"]
    assert f"/var/lib/{folder}" in text("docs/operations.md")


def test_it_begins_again_however_it_ended() -> None:
    assert _values("Restart") == ["always"]
    assert _values("CapabilityBoundingSet") == [""]


@pytest.mark.live
@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here (apt-get install systemd)")
def test_systemd_itself_finds_nothing_wrong_with_the_service(tmp_path: Path) -> None:
    assert ANALYZE is not None
    unit = tmp_path / "tocsin.service"
    # It looks for the program, which is installed where the service is.
    here = text(UNIT).replace("/opt/tocsin/bin/tocsin", sys.executable)
    for given, wrong in (
        (here, ""),
        (here.replace("Restart=always", "Restart=evermore"), "restart specifier"),
    ):
        unit.write_text(given, encoding="utf-8")
        done = subprocess.run(
            [ANALYZE, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
        )
        assert wrong in done.stderr and (wrong or not done.stderr), done.stderr
