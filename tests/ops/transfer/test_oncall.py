"""An export of Grafana OnCall becomes people, schedules and policies; what differs is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import directory
from alerts.directory import on_call
from ops.transfer.apply import apply, parse_document, plan
from ops.transfer.definitions_file import written
from ops.transfer.oncall import LISTS, MOST_ENTRIES, Team, read_export, translated
from tests.api.world import World
from tests.inside import command
from tocsin.core.errors import WrongInput

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
USERS = [
    {
        "id": "U1",
        "email": "ana@example.org",
        "username": "ana",
        "role": "admin",
        "timezone": "Europe/Bucharest",
    },
    {"id": "U2", "email": "jan@example.org", "username": "jan", "role": "user", "timezone": "Nowhere/At_All"},
    {"id": "U3", "email": "jan@example.com", "username": "Jan", "role": "user", "timezone": None},
]
WEEKS = {
    "id": "S1",
    "name": "weeks",
    "type": "rolling_users",
    "level": 0,
    "start": "2026-01-05T09:00:00",
    "duration": 7 * 86_400,
    "frequency": "weekly",
    "interval": 1,
    "rolling_users": [["U1"], ["U2"], ["U3"]],
    "start_rotation_from_user_index": 1,
    "by_day": None,
    "time_zone": None,
}
SWAP = {
    "id": "S2",
    "name": "swap",
    "type": "single_event",
    "level": 9,
    "start": "2026-03-05T09:00:00+02:00",
    "duration": 3600,
    "users": ["U2"],
}
LONG_AGO = SWAP | {"id": "S3", "start": "2025-03-05T09:00:00", "users": []}
SCHEDULE = {
    "id": "C1",
    "name": "desk",
    "type": "web",
    "time_zone": "Europe/Bucharest",
    "shifts": ["S1", "S2", "S3"],
}
STEPS = [
    {"escalation_chain_id": "E1", "position": 3, "type": "notify_persons", "persons_to_notify": ["U1", "U2"]},
    {"escalation_chain_id": "E1", "position": 0, "type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": "C1"},
    {"escalation_chain_id": "E1", "position": 1, "type": "wait", "duration": 290},
    {"escalation_chain_id": "E1", "position": 4, "type": "repeat_escalation"},
]  # fmt: skip
EXPORT: dict[str, Any] = {
    "users": USERS,
    "schedules": [SCHEDULE],
    "on_call_shifts": {"count": 3, "next": None, "results": [WEEKS, SWAP, LONG_AGO]},
    "escalation_chains": [{"id": "E1", "name": "shop"}],
    "escalation_policies": STEPS,
}


def taken(tmp_path: Path, **changed: Any) -> Team:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(EXPORT | changed))
    return translated(read_export(file), NOW)


def test_a_team_comes_over_whole(tmp_path: Path, world: World) -> None:
    team = taken(tmp_path)
    assert [(one.name, one.role, one.timezone) for one in team.people] == [
        ("ana", "admin", "Europe/Bucharest"),
        ("jan", "community_manager", "UTC"),
        ("Jan (jan@example.com)", "community_manager", "UTC"),
    ]
    (schedule,) = team.schedules
    assert schedule.starts_at == datetime(2026, 1, 5, 7, tzinfo=UTC)
    week = timedelta(weeks=1)
    first = schedule.starts_at + timedelta(minutes=1)
    order = ["jan", "Jan (jan@example.com)", "ana"]
    assert [on_call(schedule, first + n * week) for n in range(4)] == [*order, "jan"]
    assert on_call(schedule, datetime(2026, 3, 5, 7, 30, tzinfo=UTC)) == "jan"
    assert len(schedule.overrides) == 1
    (policy,) = team.policies
    assert [(step.after_minutes, step.targets) for step in policy.steps] == [
        (0, ("schedule:desk",)),
        (5, ("person:ana", "person:jan")),
    ]
    assert schedule.timezone == "Europe/Bucharest" and team.left == []
    with world.scene.write() as conn:
        changes = plan(conn, parse_document(written(team.sections).encode()))
        apply(conn, changes, NOW, "root")
        people = directory.read(conn)
    assert [one.section for one in changes] == ["people"] * 3 + ["schedules", "policies"]
    rings = {
        # Before the first turn: the last one's.
        "2026-01-05T08:59:00": "ana",
        "2026-01-05T09:01:00": "jan",
        "2026-01-12T08:59:00": "jan",
        "2026-01-12T09:01:00": "Jan (jan@example.com)",
        "2026-01-19T09:01:00": "ana",
        "2026-01-26T09:01:00": "jan",
        "2026-03-05T08:59:00": "ana",
        # The swap of an hour.
        "2026-03-05T09:01:00": "jan",
        "2026-03-05T10:01:00": "ana",
    }
    shop = people.policy("shop")
    for local, name in rings.items():
        at = datetime.fromisoformat(f"{local}+02:00")
        first, second = (people.reach(step.targets, at) for step in shop.steps)
        assert [one.name for one in first] == [name], local
        assert [one.name for one in second] == ["ana", "jan"]
        assert [one.person.channels[0].kind for one in (*first, *second)] == ["email"] * 3


@pytest.mark.parametrize(
    ("shift", "says"),
    [
        ({"frequency": "monthly"}, "cannot be said in hours"),
        ({"by_day": ["MO", "TU"]}, "some days only"),
        ({"duration": 8 * 3600}, "a part of the turn"),
        ({"until": "2026-09-01T00:00:00"}, "ends some day"),
        ({"rolling_users": [["U1", "U2"]]}, "several people"),
        ({"rolling_users": [["U9"]]}, "'U9' was not taken over"),
        ({"type": "recurrent_event", "rolling_users": None, "users": ["U1", "U2"]}, "several people"),
        ({"start": "soon"}, "no time"),
        ({"interval": "two"}, "no number"),
        ({"duration": -5}, "no number"),
        ({"interval": 10**8}, "longer than"),
        ({"start": "0001-01-01T00:00:00"}, "beyond the calendar"),
        ({"type": "single_event"}, "0 rotations"),
    ],
)
def test_a_rotation_that_tocsin_does_not_have_is_told_and_not_bent(
    tmp_path: Path, shift: dict[str, Any], says: str
) -> None:
    team = taken(tmp_path, on_call_shifts=[WEEKS | shift])
    assert team.schedules == []
    assert any("schedule 'desk'" in one and says in one for one in team.left), team.left
    # The policy keeps the step that names people.
    assert [step.targets for step in team.policies[0].steps] == [("person:ana", "person:jan")]
    assert any("its schedule 'C1' was not taken over" in one for one in team.left)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"type": "trigger_webhook"}, "'trigger_webhook' has no counterpart"),
        ({"type": "wait", "duration": "x"}, "no number"),
        ({"type": "notify_persons", "persons_to_notify": ["U7"]}, "'U7' was not taken over"),
    ],
)
def test_a_step_without_a_counterpart_is_told(tmp_path: Path, step: dict[str, Any], says: str) -> None:
    team = taken(tmp_path, escalation_policies=[{"escalation_chain_id": "E1", "position": 0} | step])
    assert team.policies == []
    assert any(says in one for one in team.left)
    assert "policy 'shop': pages nobody" in team.left


def test_people_without_an_address_or_a_name_are_told(tmp_path: Path) -> None:
    team = taken(tmp_path, users=[{"id": "U1", "username": "ana"}, {"id": "U2", "username": ""}])
    assert [one.name for one in team.people] == ["ana"]
    assert any("'ana': has no address" in one for one in team.left)
    assert any(one.startswith("person ''") for one in team.left)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "must be an object"),
        (b'{"users": 7}', "users must be a list"),
        (b'{"users": [7]}', "users must be a list"),
        (b'{"users": {"results": [], "next": "https://x.example/?page=2"}}', "further pages"),
        (b'{"users": [' + b"{}," * MOST_ENTRIES + b"{}]}", "at most"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(WrongInput, match=says):
        read_export(tmp_path / "x.json")


def test_a_folder_of_answers_will_do_and_the_command_says_what_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    with pytest.raises(WrongInput, match=r"users\.json"):
        read_export(folder)
    for name in LISTS:
        (folder / f"{name}.json").write_text(json.dumps(EXPORT[name]))
    said = command("import-oncall", folder)
    assert (said.returncode, said.stderr) == (0, b"")
    assert b"name: desk" in said.stdout and b"timezone: Europe/Bucharest" in said.stdout
    (folder / "on_call_shifts.json").write_text(json.dumps([WEEKS | {"frequency": "monthly"}]))
    said = command("import-oncall", folder)
    assert said.returncode == 1
    assert b"name: desk" not in said.stdout
    assert b"not the same: schedule 'desk'" in said.stderr
