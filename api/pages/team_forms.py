"""People, policies and schedules as they stand in their forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from alerts.directory import Directory, Someone, key_of, read
from alerts.on_call import Shift, shifts
from alerts.own_channels import OwnChannels, channels_of
from alerts.proofs import drop
from api import defining
from api.auth.passkeys import passkeys_of
from api.pages.channels import (
    Key,
    ask_channel,
    doubt_channel,
    fault_of,
    send_code_again,
    settle_channel,
)
from api.pages.definition_form import (
    FormKind,
    Look,
    Typed,
    chosen,
    look_of,
    moment_of,
    router_of,
    shown_form,
    shown_list,
    spread,
    typed_moment,
    whole,
)
from api.pages.render import page_context
from api.state import form_of, principal_of, state_of
from tocsin.definitions.models import Override, Person, Policy, Role, Schedule
from tocsin.definitions.repository import Defined, find

CALENDAR: Final = timedelta(days=14)
MOST_STEPS: Final = 12
TEAMS: Final = ("pr", "legal", "fallback")


# -- people --------------------------------------------------------------------------------------------------------------------


def _typed_person(one: Person | None, look: Look) -> Typed:
    if one is None:
        return {"role": Role.COMMUNITY_MANAGER.value, "timezone": look.zone.key, "active": "1"}
    quiet = one.quiet_hours or ("", "")
    return {
        "name": one.name,
        "role": one.role.value,
        "email": one.email or "",
        "language": one.language or "",
        "timezone": one.timezone,
        "quiet_from": quiet[0],
        "quiet_to": quiet[1],
        "active": "1" if one.active else "",
    }


def _given_person(typed: Typed, present: Person | None, _look: Look) -> tuple[dict[str, Any], set[str]]:
    kept = present.model_dump(mode="json") if present else {}
    quiet = (typed.get("quiet_from", "").strip(), typed.get("quiet_to", "").strip())
    left = [
        one.model_dump(mode="json")
        for one in (present.channels if present else ())
        if present and typed.get(f"drop.{key_of(Someone('', present), one)}") != "1"
    ]
    return kept | {
        "role": typed.get("role", ""),
        "email": typed.get("email", "").strip() or None,
        "language": typed.get("language", "").strip() or None,
        "timezone": typed.get("timezone", "").strip(),
        "quiet_hours": quiet if any(quiet) else None,
        "active": typed.get("active") == "1",
        "channels": left,
    }, set()


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in the list, with the policies' answer whether they are on call now."""

    one: Defined[Person]
    on_call: tuple[str, ...]


def _people(all_: Sequence[Defined[Any]], look: Look, conn: Connection) -> list[PersonRow]:
    people = read(conn)
    now = {name: people.resolve(f"schedule:{name}", look.now) for name in people.schedules}
    return [
        PersonRow(one, tuple(name for name, found in now.items() if any(p.id == one.id for p in found)))
        for one in all_
    ]


def _ways(present: Defined[Any] | None, conn: Connection) -> dict[str, Any]:
    own = channels_of(conn, Someone(present.id, present.value)) if present else OwnChannels([], [])
    at = f"/people/{quote(present.id, safe='')}" if present else ""
    return {
        "own": own,
        "channels_at": at,
        "typed": {},
        "back": "",
        "passkeys": passkeys_of(conn, present.id) if present else [],
    }


# -- policies ------------------------------------------------------------------------------------------------------------------


def _typed_policy(one: Policy | None, _look: Look) -> Typed:
    if one is None:
        return {"s0.after": "0", "acknowledge_expires_minutes": "60", "night_rings_from": "2"}
    typed = {
        "name": one.name,
        "acknowledge_expires_minutes": str(one.acknowledge_expires_minutes),
        "night_rings_from": str(one.night_rings_from),
    }
    for number, step in enumerate(one.steps):
        typed |= {f"s{number}.after": str(step.after_minutes)} | spread(f"s{number}.t", step.targets)
    for team in TEAMS:
        typed |= spread(f"{team}.t", one.teams.get(team, ()))
    return typed | spread("heads_up.t", one.heads_up)


def _given_policy(typed: Typed, _present: Policy | None, _look: Look) -> tuple[dict[str, Any], set[str]]:
    steps, wrong = [], set()
    for number in range(MOST_STEPS):
        targets = chosen(typed, f"s{number}.t")
        after = whole(typed.get(f"s{number}.after", ""))
        if targets and after is None:
            wrong.add("steps")
        elif targets:
            steps.append({"after_minutes": after, "targets": targets})
        elif after is not None and number > 0:
            wrong.add("steps")
    teams = {team: found for team in TEAMS if (found := chosen(typed, f"{team}.t"))}
    expires = whole(typed.get("acknowledge_expires_minutes", ""))
    night = whole(typed.get("night_rings_from", ""))
    given = {
        "steps": steps,
        "teams": teams,
        "acknowledge_expires_minutes": expires,
        "night_rings_from": night,
    }
    return given | {"heads_up": chosen(typed, "heads_up.t")}, wrong


@dataclass(frozen=True, slots=True)
class PolicyRung:
    """One step of the ladder: when, whom the policy names, and who that is now."""

    after: timedelta
    targets: tuple[str, ...]
    now: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A policy as it is drawn. `id` None: the built-in one."""

    id: str | None
    policy: Policy
    rungs: tuple[PolicyRung, ...]


def _policies(all_: Sequence[Defined[Any]], look: Look, conn: Connection) -> list[Ladder]:
    people = read(conn)
    found = [_ladder(one.id, one.value, people, look.now) for one in all_]
    if "default" not in {one.name for one in all_}:
        found.append(_ladder(None, people.built_in_policy(), people, look.now))
    return found


def _ladder(id: str | None, policy: Policy, people: Directory, now: datetime) -> Ladder:
    rungs = tuple(
        PolicyRung(
            timedelta(minutes=step.after_minutes),
            step.targets,
            tuple(dict.fromkeys(one.name for target in step.targets for one in people.resolve(target, now))),
        )
        for step in policy.steps
    )
    return Ladder(id, policy, rungs)


# -- schedules -----------------------------------------------------------------------------------------------------------------


def _typed_schedule(one: Schedule | None, look: Look) -> Typed:
    if one is None:
        start = look.now.astimezone(look.zone).replace(hour=9, minute=0)
        return {
            "turn_hours": "168",
            "starts_at": start.strftime("%Y-%m-%dT%H:%M"),
            "timezone": look.zone.key,
        }
    typed = {
        "name": one.name,
        "turn_hours": str(one.turn_hours),
        "starts_at": typed_moment(one.starts_at, look.zone),
        "timezone": one.timezone or "",
    }
    for number, turn in enumerate(_upcoming(one, look)):
        typed |= {
            f"o{number}.person": turn.person,
            f"o{number}.from": typed_moment(turn.starts_at, look.zone),
            f"o{number}.until": typed_moment(turn.ends_at, look.zone),
        }
    return typed | spread("r", one.rotation)


def _upcoming(one: Schedule, look: Look) -> list[Override]:
    """The exceptions that are not over: those are kept as they are, beside the form."""
    return [turn for turn in one.overrides if turn.ends_at > look.now]


def _given_schedule(typed: Typed, present: Schedule | None, look: Look) -> tuple[dict[str, Any], set[str]]:
    wrong: set[str] = set()
    # Of those that are over, whoever is gone by now would be refused, and the form does not show them.
    over = [one for one in present.overrides if one.ends_at <= look.now] if present else []
    overrides = [one for one in over if one.person in look.people]
    for number in range(40):
        person = typed.get(f"o{number}.person", "").strip()
        ends = [typed.get(f"o{number}.{name}", "") for name in ("from", "until")]
        if not person and not any(ends):
            continue
        starts_at, ends_at = (moment_of(text, look.zone) for text in ends)
        if not person or starts_at is None or ends_at is None or ends_at <= starts_at:
            wrong.add("overrides")
        else:
            overrides.append(Override.model_construct(person=person, starts_at=starts_at, ends_at=ends_at))
    starts_at, hours = moment_of(typed.get("starts_at", ""), look.zone), whole(typed.get("turn_hours", ""))
    wrong |= ({"starts_at"} if starts_at is None else set()) | ({"turn_hours"} if hours is None else set())
    # The form shows whole minutes; a time that nobody changed keeps its seconds.
    if present is not None and starts_at == moment_of(typed_moment(present.starts_at, look.zone), look.zone):
        starts_at = present.starts_at
    given: dict[str, Any] = {"rotation": chosen(typed, "r"), "starts_at": starts_at, "turn_hours": hours}
    given["timezone"] = typed.get("timezone", "").strip() or None
    return given | {"overrides": [one.model_dump() for one in overrides]}, wrong


@dataclass(frozen=True, slots=True)
class Calendar:
    """A schedule with who is on call now, who is next, and the turns of the coming two weeks by day of the reader's zone."""

    one: Defined[Schedule]
    now: Shift
    upcoming: Shift | None
    days: list[tuple[date, list[Shift]]]


def _schedules(all_: Sequence[Defined[Any]], look: Look, _conn: Connection) -> list[Calendar]:
    return [_calendar(one, look) for one in all_]


def _calendar(one: Defined[Schedule], look: Look) -> Calendar:
    found = list(shifts(one.value, look.now, look.now + CALENDAR))
    days: dict[date, list[Shift]] = {}
    for turn in found:
        day = turn.starts_at.astimezone(look.zone).date()
        last = (turn.ends_at - timedelta(microseconds=1)).astimezone(look.zone).date()
        while day <= last:
            days.setdefault(day, []).append(turn)
            day += timedelta(days=1)
    return Calendar(one, found[0], found[1] if len(found) > 1 else None, list(days.items()))


PEOPLE = FormKind("people", Person, _typed_person, _given_person, _people, fixed_name=True, more=_ways)
POLICIES = FormKind("policies", Policy, _typed_policy, _given_policy, _policies, fixed_name=True)
SCHEDULES = FormKind("schedules", Schedule, _typed_schedule, _given_schedule, _schedules, fixed_name=True)
ROUTERS = tuple(router_of(one) for one in (PEOPLE, POLICIES, SCHEDULES))


@ROUTERS[0].post("/people/{id}/channels")
def add_channel(request: Request, id: str) -> Response:
    """Send a code to a new channel of this person; it pages when the code has been typed. A fault is shown at its field."""
    with state_of(request).store.read() as conn:
        present = find(conn, Person, id[:256])
    typed, fault = ask_channel(request, present.id)
    if fault is None:
        return _beside(present.id, "rung")
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        look = look_of(ctx, conn)
        stands = _typed_person(present.value, look) | {"version": str(present.version)}
        beside = {"typed": typed, "said": fault_of(ctx, fault)}
        return shown_form(ctx, PEOPLE, stands, look, present, {}, conn, 422, beside=beside)


@ROUTERS[0].post("/people/{id}/waiting/{key}/prove")
@ROUTERS[0].post("/people/{id}/channels/{key}/prove")
def type_code(request: Request, id: str, key: Key) -> Response:
    """The code that arrived there, as the person told it: the channel, one that waits or is theirs already, pages from now on."""
    return _beside(id, settle_channel(request, id[:256], key))


@ROUTERS[0].post("/people/{id}/waiting/{key}/test")
@ROUTERS[0].post("/people/{id}/channels/{key}/test")
def send_code(request: Request, id: str, key: Key) -> Response:
    """Send a fresh code to a channel that waits or is the person's already."""
    return _beside(id, send_code_again(request, id[:256], key))


@ROUTERS[0].post("/people/{id}/channels/{key}/doubt")
def take_proof_back(request: Request, id: str, key: Key) -> Response:
    """Take the proof of a channel back: it pages nobody before a new code was typed."""
    return _beside(id, doubt_channel(request, id[:256], key))


@ROUTERS[0].post("/people/{id}/waiting/{key}/drop")
def drop_waiting(request: Request, id: str, key: Key) -> Response:
    """Take back a channel of this person that was never proven."""
    with state_of(request).store.write() as conn:
        drop(conn, find(conn, Person, id[:256]).id, key)
    return _beside(id, "removed")


def _beside(id: str, done: str) -> Response:
    return RedirectResponse(f"/people/{quote(id, safe='')}?done={done}#channels", 303)


@ROUTERS[2].post("/schedules/{id}/handover")
def hand_over(request: Request, id: str) -> Response:
    """Put somebody else on call from one moment to another: an exception to the rotation."""
    state, who, typed = state_of(request), principal_of(request), form_of(request)
    with state.store.write() as conn:
        look = look_of(page_context(request, conn), conn)
        present = find(conn, Schedule, id[:256])
        starts_at, ends_at = (moment_of(typed.get(name, ""), look.zone) for name in ("from", "until"))
        person = typed.get("person", "")
        right = (
            person in look.answering and starts_at is not None and ends_at is not None and ends_at > starts_at
        )
        if right and starts_at and ends_at:
            turn = Override(person=person, starts_at=starts_at, ends_at=ends_at)
            value = present.value.model_copy(update={"overrides": (*present.value.overrides, turn)})
            defining.change_part(conn, who, value, present, state.now())
    if right:
        return RedirectResponse("/schedules?done=handed", 303)
    return shown_list(request, SCHEDULES, 422, handed={**typed, "id": present.id})
