"""Who may be asked: a person whom a policy or a schedule asks for an answer has a role that can give it.

A viewer can acknowledge nothing, so a page to a viewer alone gets no answer. The people of `heads_up` are told, and asked for
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.auth.rules import RULES
from tocsin.core.sentences import Sentence, listed, spoken
from tocsin.definitions.models import Definition, Policy, Role, Schedule
from tocsin.definitions.references import WrongReference

ANSWER: Final = RULES["POST", "/v1/alerts/{id}/acknowledge"].roles
"""The roles that can answer a page."""

WORK: Final = RULES["POST", "/v1/escalations/{id}/claim"].roles
"""The roles that can work an escalation."""

TEAMS: Final = {"pr": WORK, "legal": WORK, "fallback": ANSWER}


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """A person whom a definition asks for something: the field, the name, and the roles that can do it."""

    field: str
    person: str
    roles: frozenset[Role]


def asked_by(value: Definition) -> list[AskedPerson]:
    """Everybody whom the definition asks by name."""
    found = _ASKED.get(type(value))
    return [] if found is None else list(found(value))


def require_able(value: Definition, before: Definition | None, roles: Mapping[str, Role]) -> None:
    """Raise `WrongReference` where the definition asks somebody who cannot answer, by the roles of people by name.

    Whoever stood there `before` stays: their role changed since, and the doctor says so.
    """
    stood = set() if before is None else {(one.person, one.roles) for one in asked_by(before)}
    for one in asked_by(value):
        role = roles.get(one.person)
        if role is None or role in one.roles or (one.person, one.roles) in stood:
            continue
        raise WrongReference(
            one.field,
            Sentence(
                "{name} has the role {role} and could not answer; who can: {may}",
                name=repr(one.person),
                role=spoken(role.value),
                may=listed([spoken(each) for each in sorted(one.roles)]),
            ),
        )


def _of_policy(value: Any) -> Iterator[AskedPerson]:
    for number, step in enumerate(value.steps):
        yield from _people(f"steps.{number}.targets", step.targets, ANSWER)
    for team, targets in value.teams.items():
        yield from _people(f"teams.{team}", targets, TEAMS[team])


def _people(field: str, targets: tuple[str, ...], roles: frozenset[Role]) -> Iterator[AskedPerson]:
    named = (one.partition(":") for one in targets)
    yield from (AskedPerson(field, name, roles) for kind, _, name in named if kind == "person")


def _of_schedule(value: Any) -> Iterator[AskedPerson]:
    yield from (AskedPerson("rotation", name, ANSWER) for name in value.rotation)
    for number, turn in enumerate(value.overrides):
        yield AskedPerson(f"overrides.{number}.person", turn.person, ANSWER)


_ASKED: Final[dict[type[Definition], Callable[[Any], Iterator[AskedPerson]]]] = {
    Policy: _of_policy,
    Schedule: _of_schedule,
}
