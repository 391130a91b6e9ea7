"""`tocsin apply`: one file says what should be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from ops.commands.apply import register
from ops.transfer.apply import (
    MAX_BYTES,
    apply,
    parse_document,
    plan,
    read_document,
)
from tests.api.world import World
from tests.hostile import changed
from tocsin.core.errors import Conflict, WrongInput
from tocsin.definitions.models import Monitor, Person
from tocsin.definitions.repository import listed

FILE = """
people:
  - name: Ana Pop
    role: pr
    quiet_hours: ["22:00", "07:00"]
schedules:
  - name: week
    rotation: [Ana Pop, ada]
    starts_at: 2031-03-03T09:00:00+02:00
policies:
  - name: calm
    steps:
      - {after_minutes: 0, targets: ["schedule:week"]}
      - {after_minutes: 10, targets: ["person:ada"]}
    teams: {pr: ["person:Ana Pop"]}
sources:
  - {name: press, kind: feed, url: "https://press.example/rss"}
monitors:
  - name: Velora
    query: velora OR @velora
    languages: [tr, nl]
    timezone: Europe/Istanbul
    policy: calm
silences:
  - {name: move, monitor: Velora, starts_at: 2031-03-05T00:00:00Z, ends_at: 2031-03-06T00:00:00Z, reason: we move}
expected_events:
  - {name: fair, starts_at: 2031-04-01T00:00:00Z, ends_at: 2031-04-02T00:00:00Z}
"""


_A_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+(?:Z|[+-][\d:]+)")


def made(world: World, text: str) -> list[str]:
    """Apply this text. Returns the first lines of the printed changes."""
    with world.scene.write() as conn:
        changes = plan(conn, parse_document(text.encode()), "f.yaml")
        apply(conn, changes, world.now, "test")
    return [change.lines()[0] for change in changes]


def test_everything_in_the_file_is_made_in_an_order_that_refers_to_what_is_there(world: World) -> None:
    assert made(world, FILE) == [
        "+ person Ana Pop",
        "+ schedule week",
        "+ policy calm",
        "+ source press",
        "+ monitor Velora",
        "+ silence move",
        "+ expected event fair",
    ]
    with world.scene.store.read() as conn:
        assert {one.name for one in listed(conn, Monitor)} == {"Lumo", "Velora"}


def test_the_same_file_again_changes_nothing_and_writes_nothing(world: World) -> None:
    made(world, FILE)
    before = world.rows()
    assert made(world, FILE) == []
    assert world.rows() == before


def test_a_changed_field_is_printed_before_and_after_and_its_id_stays(world: World) -> None:
    made(world, FILE)
    with world.scene.store.read() as conn:
        before = {one.name: one.id for one in listed(conn, Monitor)}
        changes = plan(conn, parse_document(FILE.replace("[tr, nl]", "[tr]").encode()))
    assert [line for change in changes for line in change.lines()] == [
        "~ monitor Velora",
        '    - languages: ["tr", "nl"]',
        '    + languages: ["tr"]',
    ]
    with world.scene.write() as conn:
        apply(conn, changes, world.now, "test")
        assert {one.name: one.id for one in listed(conn, Monitor)} == before
        with pytest.raises(Conflict):
            apply(conn, changes, world.now, "test")


def test_what_the_file_does_not_name_stays(world: World) -> None:
    made(world, FILE)
    assert made(world, "people: []") == []
    assert made(world, "") == []
    with world.scene.store.read() as conn:
        assert "Ana Pop" in {one.name for one in listed(conn, Person)}


BAD = {
    "monitor: []": r"f.yaml: unknown section 'monitor'; did you mean 'monitors'\?",
    "[]": "the top is a list",
    "monitors: {name: x}": "monitors must be a list",
    "monitors: [7]": r"monitors\[0\] must be a mapping",
    "monitors: [{name: x}]": r"monitors\[0\] 'x': query is missing",
    "monitors: [{name: x, qery: velora}]": r"query is missing \(unknown here: 'qery'\)",
    "monitors: [{name: x, query: velora, langs: [tr]}]": "unknown field 'langs'.*known: .*languages",
    "monitors: [{name: x, query: NOT velora}]": "line 1, column 1: NOT alone",
    "monitors: [{name: x, query: velora, timezone: Mars}]": "timezone = 'Mars': unknown time zone",
    "monitors: [{name: x, query: velora, policy: clam}]": "there is no policy 'clam'",
    "monitors: [{name: x, query: velora}, {name: x, query: velora}]": "the name comes twice",
    "monitors:\n  - name: x\n    name: y": "line 3, column 5: 'name' comes twice",
    "monitors:\n  - name: x\n\tquery: y": "line 3, column 1",
    "people: [{name: x, role: boss}]": "role = 'boss'",
    "policies: [{name: p, steps: [{after_minutes: 0, targets: ['person:nobody']}]}]": "there is no person 'nobody'",
    "people: [{name: vera}]\npolicies: [{name: p, steps: [{after_minutes: 0, targets: ['person:vera']}]}]": (
        "policies 'p': steps.0.targets: 'vera' has the role viewer and could not answer; who can: admin, community_manager"
    ),
    "policies: [{name: p, steps: [{after_minutes: 0, targets: ['nobody']}]}]": "must be person:NAME or schedule:NAME",
    "schedules: [{name: w, rotation: [ada], starts_at: 2031-03-03T09:00:00}]": "needs an offset",
    "expected_events: [{name: x, starts_at: '2031-03-03T09:00Z', ends_at: '2031-03-02T09:00Z'}]": (
        r"expected_events\[0\] 'x': an expected event must end after it starts"
    ),
    'schedules: [{name: w, rotation: [ada], starts_at: "2031-03-03 09:00"}]': (
        "a time needs an offset from UTC, such as 2026-11-22T09:00:00Z"
    ),
    "silences: [{name: s, starts_at: 2031-03-03T09:00:00Z, ends_at: tomorrow, reason: x}]": (
        "ends_at = 'tomorrow': a time is needed"
    ),
    'monitors: [{name: x, query: ""}]': "query = '': this may not be empty",
    "a: &a [1]\npeople: *a": r"line 2: aliases \(\*a\) are not allowed",
    "people: [!!python/object/apply:os.system [x]]": "could not determine a constructor",
    "people: " + "[" * 30 + "]" * 30: "nested too deeply",
    "monitors: [{name: x, query: velora, false_alerts_per_week: .inf}]": "is not a finite number",
    "monitors: [{name: 2031-13-45, query: velora}]": "a value cannot be read",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_cannot_be_used_says_where_and_what_would_be_right(world: World, text: str) -> None:
    before = world.rows()
    with pytest.raises(WrongInput, match=BAD[text]), world.scene.write() as conn:
        plan(conn, parse_document(text.encode(), "f.yaml"), "f.yaml")
    assert world.rows() == before


class _Undone(Exception):
    """Leaves a transaction, and what was written in it."""


@pytest.mark.slow("reads the file some hundreds of times")
def test_hostile_values_in_every_field_are_refused_with_a_reason_or_kept_and_read_again(world: World) -> None:
    whole, refused, kept = yaml.safe_load(_A_TIME.sub(r'"\g<0>"', FILE)), 0, 0
    for document in changed(whole):
        text = json.dumps(document)
        # JSON is YAML. A time without its quotes is read by YAML itself.
        bare = re.sub(rf'"({_A_TIME.pattern})"', r"\1", text) if "9999" in text or "0001" in text else text
        for raw in {text, bare}:
            try:
                with world.scene.write() as conn:
                    apply(conn, plan(conn, parse_document(raw.encode())), world.now, "test")
                    kept += plan(conn, parse_document(raw.encode())) == []
                    raise _Undone
            except WrongInput as error:
                refused += bool(str(error))
            except _Undone:
                pass
    assert refused > kept > 20


def test_a_file_that_is_too_large_missing_or_not_utf8_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * MAX_BYTES)
    with pytest.raises(WrongInput, match="larger than"):
        read_document(large)
    with pytest.raises(WrongInput, match="No such file"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(WrongInput, match="not UTF-8 at byte 9"):
        parse_document(b"people: \xff", "f.yaml")


def test_the_command_prints_the_difference_and_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "brand.yaml"
    file.write_text("monitors: [{name: Velora, query: velora}]")
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)

    def run(*options: str) -> list[str]:
        result = CliRunner().invoke(app, ["apply", str(file), "--data", str(tmp_path), *options])
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    assert run("--dry-run") == [
        "+ monitor Velora",
        "    + query: 'velora'",
        "1 would be made, 0 would be changed",
    ]
    assert run()[-1] == "1 made, 0 changed"
    assert run() == ["nothing to change"]
