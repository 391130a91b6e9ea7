"""People, schedules, policies, silences and expected events, in the form in which the engine asks for them.

The directory is read once per set of changes: `Directory.fresh` looks at the generation numbers, which every change of
a definition raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from alerts.escalations.escalation import works_escalations
from alerts.notifiers.channels import target_of
from alerts.notifiers.registry import BY_ADDRESS, LAST_RESORT
from tocsin.access.spoken import spoken, spoken_by
from tocsin.core.ids import stable_id
from tocsin.definitions.models import (
    Channel,
    ExpectedEvent,
    Person,
    Policy,
    Role,
    Schedule,
    Silence,
    Step,
)
from tocsin.definitions.repository import listed, stored_definition
from tocsin.definitions.turns import turn_at
from tocsin.store import meta
from tocsin.store import schema as s

KEYS = tuple(f"generation:{kind}" for kind in ("person", "schedule", "policy", "silence", "expected_event"))
"""The places where `tocsin.definitions.repository` counts the changes of each kind."""

OPERATOR_POLICY = "operator"


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who can be reached: the id, the definition, the keys of the channels that wait for a proof (`alerts.proofs`), and
    the language of their browser. `NOBODY` stands where there is no person.
    """

    id: str
    person: Person
    unproven: frozenset[str] = frozenset()
    spoken: str | None = None

    @property
    def language(self) -> str | None:
        """The language of what this person is sent: the chosen one, else their browser's; None: neither is known."""
        return self.person.language or self.spoken

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The ways to reach this person, first choice first: the listed channels, else the e-mail address, else the console."""
        if self.person.channels:
            return self.person.channels
        if self.person.email:
            # A stored address may be older than the rules of today.
            by_address = {"kind": BY_ADDRESS, "to": self.person.email}
            return (Channel.model_validate(by_address, context={"stored": True}),)
        return (Channel(kind=LAST_RESORT),)

    @property
    def paged_on(self) -> tuple[Channel, ...]:
        """The channels that may page, first choice first: those that wait for no proof, else the console."""
        proven = tuple(one for one in self.channels if not self.lacks_proof(one))
        return proven or (Channel(kind=LAST_RESORT),)

    def lacks_proof(self, channel: Channel) -> bool:
        """Whether the channel pages nobody before its code was typed."""
        return bool(self.unproven) and key_of(self, channel) in self.unproven


def key_of(one: Someone, channel: Channel) -> str:
    """The key of a person's channel: another address or another phone is another channel."""
    target = sorted((name, str(value)) for name, value in target_of(one.person, channel).items())
    return stable_id("ctc", channel.kind, *(part for pair in target for part in pair))


def unproven(conn: Connection, person_id: str | None = None) -> dict[str, frozenset[str]]:
    """The keys of the channels that wait for a proof, by person: of one, or of all."""
    p = s.contact_proofs.c
    whose = [] if person_id is None else [p.person_id == person_id]
    found: dict[str, set[str]] = {}
    query = select(p.person_id, p.channel).where(p.asked_at.is_not(None), p.proven_at.is_(None), *whose)
    for row in conn.execute(query):
        found.setdefault(row.person_id, set()).add(row.channel)
    return {id: frozenset(keys) for id, keys in found.items()}


def someone(conn: Connection, id: str, person: Person) -> Someone:
    """The person with what their channels wait for, and the language of their browser."""
    return Someone(id, person, unproven(conn, id).get(id, frozenset()), spoken_by(conn, id))


NOBODY = Someone(
    "nobody", Person.model_construct(name="nobody", role=Role.VIEWER, timezone="UTC", channels=(), email=None)
)


@dataclass(frozen=True, slots=True)
class MonitorFacts:
    """The facts of a monitor that alerts need."""

    name: str
    zone: ZoneInfo
    policy: str
    false_alerts_per_week: float
    countries: tuple[str, ...] = ()


@dataclass(slots=True)
class Directory:
    """Everyone and everything that a decision may refer to, at one moment."""

    stamp: tuple[tuple[str, str], ...] | None = None
    # By name.
    people: dict[str, Someone] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    events: tuple[ExpectedEvent, ...] = ()

    def fresh(self, conn: Connection) -> Directory:
        """This directory if no definition changed since it was read, else a new one."""
        now = stamp(conn)
        return self if now == self.stamp else read(conn, now)

    def policy(self, name: str) -> Policy:
        """The policy of this name, else `default`, else the built-in one."""
        return self.policies.get(name) or self.policies.get("default") or self.built_in_policy()

    def built_in_policy(self) -> Policy:
        """The policy that holds before anybody chose one: every active community manager (else admin) at once, PR after
        15 minutes.
        """
        first = self._with_role(Role.COMMUNITY_MANAGER) or self._with_role(Role.ADMIN)
        steps = [Step(after_minutes=0, targets=_targets(first) or ("person:nobody",))]
        lead = self._with_role(Role.PR)
        if lead:
            steps.append(Step(after_minutes=15, targets=_targets(lead[:1])))
        return Policy(name="built-in", steps=tuple(steps))

    def team(self, policy: Policy, team: str, now: datetime) -> list[Someone]:
        """The people who work the escalations of this team, first choice first: the policy's list, else by role, else
        admins. Somebody on the list whose role works none is asked only where nobody of the team's role is there.
        """
        named = [one for target in _team(policy, team) for one in self.resolve(target, now)]
        if team == "fallback":
            return named or self._with_role(Role.ADMIN)
        working = [one for one in named if works_escalations(one.person)]
        return working or self._with_role(Role(team)) or named or self._with_role(Role.ADMIN)

    def resolve(self, target: str, now: datetime) -> list[Someone]:
        """The active people behind `person:NAME` or `schedule:NAME` (at `now`). A name alone is a person's."""
        kind, found, name = target.partition(":")
        if not found:
            kind, name = "person", target
        if kind == "schedule":
            schedule = self.schedules.get(name)
            name = on_call(schedule, now) if schedule else ""
        one = self.people.get(name)
        return [one] if one and one.person.active else []

    def reach(self, targets: Sequence[str], now: datetime) -> list[Someone]:
        """The people behind these targets, each once. `NOBODY` stands for an empty result, so that the gap is on record."""
        found = {one.id: one for target in targets for one in self.resolve(target, now)}
        return list(found.values()) or [NOBODY]

    def _with_role(self, role: Role) -> list[Someone]:
        return [one for one in self.people.values() if one.person.active and one.person.role == role]


def read(conn: Connection, stamp: tuple[tuple[str, str], ...] | None = None) -> Directory:
    """The whole directory as it is now."""
    waiting, languages = unproven(conn), spoken(conn)
    return Directory(
        stamp,
        {
            one.name: Someone(one.id, one.value, waiting.get(one.id, frozenset()), languages.get(one.id))
            for one in listed(conn, Person)
        },
        {one.name: one.value for one in listed(conn, Schedule)},
        {one.name: one.value for one in listed(conn, Policy)},
        tuple(one.value for one in listed(conn, Silence)),
        tuple(one.value for one in listed(conn, ExpectedEvent)),
    )


def stamp(conn: Connection) -> tuple[tuple[str, str], ...]:
    """The generation numbers of everything that a directory holds, in one query."""
    return tuple(meta.several(conn, KEYS).items())


def on_call(schedule: Schedule, now: datetime) -> str:
    """The person whose turn it is: an override that covers `now` (the last one listed wins), else the rotation's choice."""
    for turn in reversed(schedule.overrides):
        if turn.starts_at <= now < turn.ends_at:
            return turn.person
    return schedule.rotation[turn_at(schedule, now) % len(schedule.rotation)]


def monitor_facts(conn: Connection, monitor_id: str) -> MonitorFacts:
    """The facts of the monitor with this id, also after it was deleted. An unknown monitor gets the defaults, and its
    id as name.
    """
    row = stored_definition(conn, "monitor", monitor_id)
    body: Mapping[str, Any] = row.body if row is not None else {"policy": OPERATOR_POLICY}
    return MonitorFacts(
        row.name if row is not None else monitor_id,
        ZoneInfo(body.get("timezone", "UTC")),
        body.get("policy", "default"),
        float(body.get("false_alerts_per_week", 1.0)),
        tuple(body.get("countries", ())),
    )


def _targets(people: Sequence[Someone]) -> tuple[str, ...]:
    return tuple(f"person:{one.name}" for one in people)


def _team(policy: Policy, team: str) -> tuple[str, ...]:
    return {str(name): targets for name, targets in policy.teams.items()}.get(team, ())
