"""What is said at a start: the file of settings that is not read, and where the demo is and who may look."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from api.pages.field_values import NAMES_OF_LANGUAGES
from ingest.worker import IngestWorker
from ops.check.doctor import observations
from ops.demo.monitors import demo_setup
from ops.demo.player import Demo
from ops.output import stdout_to_nowhere
from ops.run.up import _Greeting, _greeting
from ops.runtime import LIES_HERE, open_runtime
from ops.transfer.apply import apply, plan
from tests.inside import command
from tocsin.settings import Api, example_file
from tocsin.store import schema as s

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
        # What it prints, and no more of it.
        Demo(runtime, until_alert=False)._say_where()
    printed = capsys.readouterr()
    told = printed.out
    assert str(tmp_path) in printed.err and "8085" not in printed.err + told and "http" not in printed.err
    links = [line for line in told.splitlines() if "sign in as" in line]
    assert "on call" in links[0] and all("http://127.0.0.1:8123/signin/" in line for line in links)
    told_of = {line.partition(", ")[2].partition(":")[0] for line in links}
    assert {"pr", "legal", "admin", "viewer", "community manager"} <= told_of, "a link for each role"
    spoken = {one["language"]: NAMES_OF_LANGUAGES[one["language"]] for one in demo_setup()["people"][1:]}
    assert set(spoken) == set(NAMES_OF_LANGUAGES), "each language has somebody who speaks it"
    assert all(any(f"({name}), " in line for line in links[1:]) for name in spoken.values())
    assert "(" not in links[0], "who is on call reads the language of the visitor's browser"


@pytest.mark.parametrize("until_alert", [True, False])
def test_a_demo_whose_links_nobody_reads_goes_on_where_it_only_waits_for_the_alert(
    until_alert: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended with 0, as if the alert had arrived."""
    reader, writer = os.pipe()
    os.close(reader)
    with open_runtime(data=tmp_path, durable=False) as runtime:
        with runtime.store.write() as conn:
            apply(conn, plan(conn, demo_setup()), NOW, "demo")
        with os.fdopen(writer, "w") as closed, monkeypatch.context() as patch:
            patch.setattr("sys.stdout", closed)
            with nullcontext() if until_alert else pytest.raises(BrokenPipeError):
                Demo(runtime, until_alert=until_alert)._say_where()
            stdout_to_nowhere()
        with runtime.store.read() as conn:
            assert conn.execute(select(s.signin_links)).all() == []


def test_what_a_person_opens_goes_to_standard_output_and_the_rest_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_runtime(data=tmp_path, durable=False) as runtime:
        lines = _greeting(runtime)
        with socket.socket() as page:
            page.bind(("127.0.0.1", 0))
            page.listen()
            here = runtime.settings.model_copy(update={"api": Api(port=page.getsockname()[1])})
            greeting = _Greeting(here, *lines)
            greeting.once_it_answers()
            greeting.once_it_answers()
    said = capsys.readouterr()
    assert said.out.count("the page: http://") == 1 and "/signin/" in said.out and not said.err


def test_a_source_that_is_not_there_yet_needs_nobody_and_nothing_is_said_in_python(tmp_path: Path) -> None:
    """Findings 20 (Python in what doctor and apply print) and 36 (a file that is not there yet is BAD at once)."""
    document = {
        "sources": [{"name": "log", "kind": "file", "path": str(tmp_path / "later.jsonl")}],
        "monitors": [{"name": "Lumo", "query": "lumo", "languages": ["en"]}],
    }
    with open_runtime(data=tmp_path, durable=False) as runtime:
        with runtime.store.write() as conn:
            changes = plan(conn, document)
            apply(conn, changes, runtime.clock.now(), "root")
        worker = IngestWorker(runtime.store, runtime.stream, runtime.settings, runtime.clock)
        worker.collect_once()
        worker.close()
    shown = [line for change in changes for line in change.lines()]
    assert '    + languages: ["en"]' in shown
    seen = [one for one in observations(None, tmp_path, None, None) if "source log" in one.text]
    assert [one.state for one in seen] == ["note"]
    assert "is not there (yet)" in seen[0].advice and "{" not in seen[0].advice


def test_a_changed_setting_is_said_to_count_after_a_start(tmp_path: Path) -> None:
    """Finding 35: a setting needs a restart, and nothing said so."""
    assert b"start it again" in command("config", "show", "--data", tmp_path).stderr
    assert "start Tocsin again" in example_file()
