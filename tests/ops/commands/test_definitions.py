"""`tocsin people end ada` and its like: definitions are listed, ended and brought back on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ops.commands.definitions import GROUPS
from ops.transfer.apply import apply, plan, read_document
from tests.inside import command, inside
from tests.stores import embedded_at
from tocsin.core.errors import Conflict, NotFound
from tocsin.store import schema as s

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE = """
monitors:
  - {name: acme, query: acme}
people:
  - {name: ada, role: admin}
policies:
  - {name: default, steps: [{after_minutes: 0, targets: ["schedule:on-call"]}]}
schedules:
  - {name: on-call, rotation: [ada], starts_at: "2026-03-01T09:00:00+00:00"}
silences:
  - {name: moving, monitor: acme, starts_at: "2026-03-01T09:00:00Z", ends_at: "2026-03-02T09:00:00Z", reason: the shop moves}
expected_events:
  - {name: launch, monitor: acme, starts_at: "2026-03-01T09:00:00Z", ends_at: "2026-03-02T09:00:00Z"}
"""

Say = Callable[..., list[str]]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    (tmp_path / "all.yaml").write_text(FILE)
    with embedded_at(tmp_path / "store.db").write() as conn:
        apply(conn, plan(conn, read_document(tmp_path / "all.yaml"), "all.yaml"), NOW, "test")

    def said(*words: str) -> list[str]:
        assert inside(*words, "--data", tmp_path) == 0
        return capsys.readouterr().out.splitlines()

    return said


@pytest.mark.parametrize(
    ("group", "name", "says"),
    [
        ("monitors", "acme", "acme"),
        ("people", "ada", "admin"),
        ("policies", "default", "after 0 min schedule:on-call"),
        ("schedules", "on-call", "ada"),
        ("silences", "moving", "acme, 2026-03-01T09:00:00Z to 2026-03-02T09:00:00Z"),
        ("expected-events", "launch", "acme, 2026-03-01T09:00:00Z to 2026-03-02T09:00:00Z"),
    ],
)
def test_a_definition_is_listed_ended_and_restored_under_its_id(
    say: Say, group: str, name: str, says: str
) -> None:
    header, row = (line.split("\t") for line in say(group, "list"))
    assert header == ["name", "id", "version", "changed", "what it says"]
    id = row[1]
    assert row == [name, id, "1", "2026-03-01T12:00:00Z", says]
    assert say(group, "end", name) == [f"ended: {name}; bring it back with: tocsin {group} restore {id}"]
    assert len(say(group, "list")) == 1
    assert say(group, "list", "--ended") == ["name\tid", f"{name}\t{id}"]
    assert say(group, "restore", id) == [f"restored: {name}"]
    assert say(group, "list")[1].split("\t")[:3] == [name, id, "3"]


def test_each_kind_but_sources_and_monitors_has_a_group_of_its_own() -> None:
    assert {one.group for one in GROUPS} == {
        "people",
        "policies",
        "schedules",
        "silences",
        "expected-events",
    }


def test_what_still_names_an_ended_definition_is_said(say: Say, tmp_path: Path) -> None:
    ended = command("schedules", "end", "on-call", "--data", tmp_path)
    assert (ended.returncode, ended.stderr.decode()) == (0, "policy 'default' still names it\n")
    ended = command("monitors", "end", "acme", "--data", tmp_path)
    assert (
        ended.stderr.decode() == "silence 'moving' still names it\nexpected event 'launch' still names it\n"
    )


def test_what_is_not_there_or_not_ended_or_taken_is_said_in_one_line(say: Say, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no monitor 'lumo'; known: acme"):
        say("monitors", "end", "lumo")
    with pytest.raises(NotFound, match="no expected event 'lumo'; known: launch"):
        say("expected-events", "end", "lumo")
    with pytest.raises(NotFound, match="no policy 'default' was ended; ended: none"):
        say("policies", "restore", "default")
    say("monitors", "end", "acme")
    (tmp_path / "again.yaml").write_text("monitors:\n  - {name: acme, query: acme lamp}\n")
    say("apply", str(tmp_path / "again.yaml"))
    with pytest.raises(Conflict, match="the name 'acme' belongs to another monitor"):
        say("monitors", "restore", "acme")


def test_the_end_and_the_return_stand_in_the_audit_chain(say: Say, tmp_path: Path) -> None:
    say("people", "end", "ada")
    say("people", "restore", "ada")
    with embedded_at(tmp_path / "store.db").read() as conn:
        entries = conn.execute(select(s.audit.c.action, s.audit.c.actor).order_by(s.audit.c.seq)).all()
    (ended, by), (restored, _) = entries[-2:]
    assert (ended, restored) == ("person.ended", "person.restored")
    assert by.endswith("(command line)")
