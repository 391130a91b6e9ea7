"""What is said at a start: the file of settings that is not read, and where the demo is and who may look."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.demo.monitors import demo_setup
from ops.demo.player import Demo
from ops.runtime import LIES_HERE, open_runtime
from ops.transfer.apply import apply, plan

NOW = datetime(2031, 3, 5, tzinfo=UTC)


def test_a_file_of_settings_that_lies_here_and_is_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / LIES_HERE
    file.write_text("[api]\nport = 8099\n", encoding="utf-8")
    with open_runtime(data=tmp_path / "data") as runtime:
        assert runtime.settings.api.port != 8099
    assert f"--config {LIES_HERE}" in capsys.readouterr().err
    with open_runtime(file, data=tmp_path / "data") as runtime:
        assert runtime.settings.api.port == 8099
    assert capsys.readouterr().err == ""


def test_the_demo_names_its_folder_and_prints_a_link_per_person_on_the_port_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_runtime(data=tmp_path, port=8123, durable=False) as runtime:
        with runtime.store.write() as conn:
            apply(conn, plan(conn, demo_setup()), NOW, "demo")
        Demo(runtime, until_alert=False)._say_where()  # what it prints, and no more of it
    told = capsys.readouterr().err
    assert str(tmp_path) in told and "8085" not in told
    links = [line for line in told.splitlines() if "sign in as" in line]
    assert "on call" in links[0] and all("http://127.0.0.1:8123/signin/" in line for line in links)
    assert {"pr", "legal"} <= {line.partition(", ")[2].partition(":")[0] for line in links}
