"""The names that a definition refers to, checked when the definition is written.

A definition that lost what it refers to later stays as it is; `tocsin doctor` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import Connection

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Definition, ExpectedEvent, Monitor, Policy, Schedule, Silence
from tocsin.definitions.repository import Defined, kind_called, listed, names

UNDEFINED_POLICY: Final = "default"
"""The one policy that need not be there: the built-in one takes its place."""

SHOWN: Final = 20


class WrongReference(WrongInput):
    """A definition refers to something that is not there, or cannot do what is asked. `field` names the field, `what` says it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(Sentence("{field}: {what}", field=field, what=message))
        self.field = field
        self.what = message


@dataclass(frozen=True, slots=True)
class Reference:
    """One name in a definition: the field, the kind that it is of, and the name."""

    field: str
    kind: str
    name: str


def references(value: Definition) -> list[Reference]:
    """Every name that the definition refers to. Raises `WrongReference` for a target that is no `person:NAME` or
    `schedule:NAME`.
    """
    found = _FOUND.get(type(value))
    return [] if found is None else list(found(value))


def require_known(
    conn: Connection, value: Definition, beside: Mapping[str, Collection[str]] | None = None
) -> None:
    """Raise `WrongReference` where the definition refers to something that is neither stored nor `beside` it (names by kind)."""
    for one in references(value):
        stored = names(conn, one.kind)
        known = {*stored.values(), *(beside or {}).get(one.kind, ())}
        # A silence may name its monitor by id.
        if one.name not in known and not (one.kind == "monitor" and one.name in stored):
            raise WrongReference(
                one.field,
                Sentence(
                    "there is no {kind} {name}{known}",
                    kind=kind_called(one.kind),
                    name=repr(one.name),
                    known=closest(one.name, known),
                ),
            )


def naming(conn: Connection, kind: str, name: str, id: str) -> list[Defined[Any]]:
    """The living definitions that refer to this one, by its name or its id."""
    found = []
    for model in _FOUND:
        for other in listed(conn, model):
            try:
                named = any(one.kind == kind and one.name in (name, id) for one in references(other.value))
            except WrongReference:
                continue
            found += [other] if named else []
    return found


def closest(value: str, known: Collection[str]) -> Sentence:
    """The end of a message about an unknown name: the known name that looks most like it, and the known names."""
    ordered = sorted(known)
    close = get_close_matches(value, ordered, 1)
    shown = ", ".join(ordered[:SHOWN]) or Sentence("none yet")
    if close:
        return Sentence("; did you mean {name}? known: {known}", name=repr(close[0]), known=shown)
    return Sentence("; known: {known}", known=shown)


def _of_policy(value: Any) -> Iterator[Reference]:
    for number, step in enumerate(value.steps):
        yield from (_target(f"steps.{number}.targets", one) for one in step.targets)
    for team, targets in value.teams.items():
        yield from (_target(f"teams.{team}", one) for one in targets)
    yield from (_target("heads_up", one) for one in value.heads_up)


def _target(field: str, target: str) -> Reference:
    kind, _, name = target.partition(":")
    if kind not in ("person", "schedule") or not name:
        raise WrongReference(
            field, Sentence("the target {name} must be person:NAME or schedule:NAME", name=repr(target[:80]))
        )
    return Reference(field, kind, name)


def _of_schedule(value: Any) -> Iterator[Reference]:
    yield from (Reference("rotation", "person", name) for name in value.rotation)
    for number, turn in enumerate(value.overrides):
        yield Reference(f"overrides.{number}.person", "person", turn.person)


def _of_monitor(value: Any) -> Iterator[Reference]:
    if value.policy != UNDEFINED_POLICY:
        yield Reference("policy", "policy", value.policy)


def _of_time(value: Any) -> Iterator[Reference]:
    if value.monitor is not None:
        yield Reference("monitor", "monitor", value.monitor)


_FOUND: Final[dict[type[Definition], Callable[[Any], Iterator[Reference]]]] = {
    Policy: _of_policy,
    Schedule: _of_schedule,
    Monitor: _of_monitor,
    Silence: _of_time,
    ExpectedEvent: _of_time,
}
