"""People, schedules and policies of a Grafana OnCall, from what its HTTP API answers.

The answers of `/api/v1/users/`, `schedules/`, `on_call_shifts/`, `escalation_chains/` and `escalation_policies/` come in one
JSON object with these names, or in a folder with one file each (`users.json` and so on); each as a list, or as the page with
`results` that the API sends. A rule that Tocsin cannot express the same way is left out, and said; nothing is bent in silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from tocsin.core.errors import WrongInput
from tocsin.core.faults import fault_of
from tocsin.core.text import one_line
from tocsin.definitions.models import Definition, Override, Person, Policy, Schedule, Step, known_zone

LISTS: Final = ("users", "schedules", "on_call_shifts", "escalation_chains", "escalation_policies")
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_ENTRIES: Final = 10_000
HOURS: Final = {"hourly": 1, "daily": 24, "weekly": 168}
LONGEST_TURN_HOURS: Final = 24 * 90
WHOLE_WEEK: Final = frozenset(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))
# Steps that Tocsin takes by itself: what nobody has answered rings again, and the page and the log always get it.
NEEDLESS: Final = frozenset(("repeat_escalation", "notify_whole_channel"))

Entry: TypeAlias = Mapping[str, Any]


@dataclass
class Team:
    """What was taken over, and in `left` a sentence for each thing that was not, or not in the same way."""

    people: list[Person] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def sections(self) -> dict[str, Sequence[Definition]]:
        return {"people": self.people, "schedules": self.schedules, "policies": self.policies}


def read_export(path: Path) -> dict[str, list[Entry]]:
    """The lists of an export. Raises `WrongInput` where it is none."""
    if path.is_dir():
        found = {name: _read(path / f"{name}.json") for name in LISTS if (path / f"{name}.json").is_file()}
        if not found:
            raise WrongInput(f"{path}: none of {', '.join(f'{name}.json' for name in LISTS)} is here")
    else:
        found = _read(path)
        if not isinstance(found, dict):
            raise WrongInput(f"{path}: must be an object with {', '.join(LISTS)}")
    return {name: _entries(found.get(name), name, path) for name in LISTS}


def translated(export: Mapping[str, Sequence[Entry]], now: datetime) -> Team:
    """The team of this export. Overrides that ended before `now` are left out without a word."""
    team = Team()
    names = _people(export["users"], team)
    shifts = {str(one.get("id")): one for one in export["on_call_shifts"]}
    schedules = {
        str(one.get("id")): schedule.name
        for one in export["schedules"]
        if (schedule := _schedule(one, shifts, names, team, now)) is not None
    }
    for chain in export["escalation_chains"]:
        steps = [
            one for one in export["escalation_policies"] if one.get("escalation_chain_id") == chain.get("id")
        ]
        _policy(_said(chain.get("name")), steps, names, schedules, team)
    return team


# -- people -----------------------------------------------------------------------------------------------------


def _people(users: Sequence[Entry], team: Team) -> dict[str, str]:
    """The names of people by the ids of users."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for user in users:
        name, email = _said(user.get("name") or user.get("username")), user.get("email") or None
        if name.casefold() in taken and email:
            name = f"{name} ({_said(email)})"
        try:
            person = Person.model_validate(
                {
                    "name": name,
                    "role": "admin" if user.get("role") == "admin" else "community_manager",
                    "email": email,
                    "timezone": _zone(user.get("timezone")) or "UTC",
                    "channels": [{"kind": "email"}] if email else [],
                }
            )
        except ValidationError as error:
            team.left.append(f"person {name!r}: {_first(error)}")
            continue
        if name.casefold() in taken:
            team.left.append(f"person {name!r}: comes twice")
            continue
        if not email:
            team.left.append(f"person {name!r}: has no address, so nothing reaches them: give them a channel")
        taken.add(name.casefold())
        team.people.append(person)
        names[str(user.get("id"))] = person.name
    return names


# -- schedules --------------------------------------------------------------------------------------------------


def _schedule(
    one: Entry, shifts: Mapping[str, Entry], names: Mapping[str, str], team: Team, now: datetime
) -> Schedule | None:
    name = _said(one.get("name"))
    mine = [shifts[id] for id in map(str, one.get("shifts") or ()) if id in shifts]
    base = [shift for shift in mine if not _is_override(shift)]
    zone = _zone(one.get("time_zone")) or "UTC"
    try:
        if not mine:
            raise _Different("has no shifts of its own (an iCalendar?)")
        if len(base) != 1:
            raise _Different(f"has {len(base)} rotations at once, and Tocsin's schedules have one")
        rotation, turn_hours = _rotation(base[0], names)
        overrides = list(_overrides(mine, names, zone, now))
        schedule = Schedule(
            name=name,
            rotation=rotation,
            starts_at=_start(base[0], zone),
            turn_hours=turn_hours,
            timezone=_zone(base[0].get("time_zone")) or zone,
            overrides=tuple(overrides),
        )
    # A time near the end of the calendar.
    except OverflowError:
        team.left.append(f"schedule {name!r}: a time of it lies beyond the calendar")
        return None
    except (_Different, ValidationError) as error:
        why = _first(error) if isinstance(error, ValidationError) else str(error)
        team.left.append(f"schedule {name!r}: {why}")
        return None
    team.schedules.append(schedule)
    return schedule


class _Different(Exception):
    """Tocsin has no equal for this; the message says what differs."""


def _is_override(shift: Entry) -> bool:
    return shift.get("type") in ("single_event", "override")


def _rotation(shift: Entry, names: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
    """The people in their order, and the hours of a turn. Raises `_Different` where a turn is not the whole of its time."""
    hours = HOURS.get(str(shift.get("frequency")), 0) * int(_number(shift, "interval") or 1)
    if not hours:
        raise _Different(f"turns {one_line(str(shift.get('frequency')), 20)!r} cannot be said in hours")
    if hours > LONGEST_TURN_HOURS:
        raise _Different(f"a turn of {hours:,} hours is longer than {LONGEST_TURN_HOURS:,}")
    days = frozenset(map(str, shift.get("by_day") or ()))
    if shift.get("by_month") or shift.get("by_monthday") or (days and days != WHOLE_WEEK):
        raise _Different("somebody is on call on some days only, and Tocsin's rotations have no pauses")
    covered = timedelta(seconds=_number(shift, "duration"))
    each = timedelta(days=1) if days else timedelta(hours=hours)
    if covered < each:
        raise _Different(
            "somebody is on call for a part of the turn only, and Tocsin's rotations have no pauses"
        )
    if shift.get("until"):
        raise _Different("the rotation ends some day, and Tocsin's go on")
    groups = shift.get("rolling_users") or [[one] for one in shift.get("users") or ()]
    if shift.get("type") != "rolling_users" and len(groups) > 1:
        raise _Different("several people are on call at once, and Tocsin's schedules name one")
    if any(len(group) != 1 for group in groups) or not groups:
        raise _Different("several people, or nobody, share a turn, and Tocsin's schedules name one")
    people = [_name(group[0], names) for group in groups]
    first = int(_number(shift, "start_rotation_from_user_index")) % len(people)
    return tuple(people[first:] + people[:first]), hours


def _overrides(
    shifts: Sequence[Entry], names: Mapping[str, str], zone: str, now: datetime
) -> Iterator[Override]:
    # Tocsin lets the last one win, and OnCall the one with the highest level.
    for shift in sorted(filter(_is_override, shifts), key=lambda one: _number(one, "level")):
        users = shift.get("users") or [one for group in shift.get("rolling_users") or () for one in group]
        starts_at = _start(shift, zone)
        ends_at = starts_at + timedelta(seconds=_number(shift, "duration"))
        if ends_at <= now:
            continue
        if len(users) != 1:
            raise _Different("an override names several people, or nobody")
        yield Override(person=_name(users[0], names), starts_at=starts_at, ends_at=ends_at)


def _start(shift: Entry, zone: str) -> datetime:
    said = str(shift.get("rotation_start") or shift.get("start") or "")
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise _Different(f"the start {one_line(said, 40)!r} is no time") from None
    local = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(_zone(shift.get("time_zone")) or zone))
    return local.astimezone(UTC)


# -- policies ---------------------------------------------------------------------------------------------------


def _policy(
    name: str, steps: Sequence[Entry], names: Mapping[str, str], schedules: Mapping[str, str], team: Team
) -> None:
    seconds, rungs = 0.0, dict[int, list[str]]()
    for step in sorted(steps, key=_position):
        kind = str(step.get("type"))
        try:
            if kind == "wait":
                seconds += _number(step, "duration")
                continue
            targets = _targets(kind, step, names, schedules)
        except _Different as error:
            team.left.append(f"policy {name!r}: {error}")
            continue
        if kind == "notify_person_next_each_time":
            team.left.append(f"policy {name!r}: pages all of its people at once, where OnCall took turns")
        # A part of a minute is rounded up: nobody is woken earlier than before.
        rung = rungs.setdefault(-int(-seconds // 60), [])
        rung += [one for one in targets if one not in rung]
    try:
        team.policies.append(
            Policy(
                name=name,
                steps=tuple(
                    Step(after_minutes=minute, targets=tuple(targets))
                    for minute, targets in rungs.items()
                    if targets
                ),
            )
        )
    except ValidationError as error:
        team.left.append(f"policy {name!r}: {_first(error) if any(rungs.values()) else 'pages nobody'}")


def _targets(kind: str, step: Entry, names: Mapping[str, str], schedules: Mapping[str, str]) -> list[str]:
    if kind == "notify_on_call_from_schedule":
        schedule = str(step.get("notify_on_call_from_schedule"))
        if schedule not in schedules:
            raise _Different(f"its schedule {one_line(schedule, 40)!r} was not taken over")
        return [f"schedule:{schedules[schedule]}"]
    for people in ("persons_to_notify", "persons_to_notify_next_each_time"):
        if step.get(people):
            return [f"person:{_name(one, names)}" for one in step[people]]
    if kind in NEEDLESS:
        return []
    raise _Different(f"the step {one_line(kind, 60)!r} has no counterpart")


# -- what was written -------------------------------------------------------------------------------------------


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise WrongInput(f"cannot read {path}: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise WrongInput(f"{path}: larger than {MOST_BYTES} bytes")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise WrongInput(f"{path}: not JSON") from None


def _entries(found: Any, name: str, path: Path) -> list[Entry]:
    if isinstance(found, dict):
        if found.get("next"):
            raise WrongInput(f"{path}: {name} has further pages; fetch all of them first")
        found = found.get("results")
    found = [] if found is None else found
    if (
        not isinstance(found, list)
        or len(found) > MOST_ENTRIES
        or not all(isinstance(one, dict) for one in found)
    ):
        raise WrongInput(f"{path}: {name} must be a list of at most {MOST_ENTRIES} objects")
    return found


def _said(value: Any) -> str:
    return one_line(str(value or ""), 256)


def _number(entry: Entry, name: str) -> float:
    """A number that is not negative; 0 where none is given."""
    value = entry.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**9:
        raise _Different(f"{name} {one_line(str(value), 40)!r} is no number that can be used")
    return value


def _position(step: Entry) -> int:
    value = step.get("position")
    return value if isinstance(value, int) else 0


def _name(user: Any, names: Mapping[str, str]) -> str:
    if str(user) not in names:
        raise _Different(f"the person {one_line(str(user), 40)!r} was not taken over")
    return names[str(user)]


def _zone(value: Any) -> str | None:
    try:
        return known_zone(str(value)) if value else None
    except ValueError:
        return None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {fault_of(first)}" if where else fault_of(first)
