"""Two people who edited one definition: what it was, what the first made of it, and what the second typed, field by field.

The second one is shown all three and takes theirs or their own in each field. A form remembers the version that its reader saw;
whatever leads to the form again without this choice keeps that version, so that the choice is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from api.preconditions import typed_version
from tocsin.definitions.models import Definition
from tocsin.definitions.repository import Defined, history
from tocsin.store.port import Store

D = TypeVar("D", bound=Definition)

TAKE: Final = "take."
"""Before a field's name in the form; its value is `theirs` or `mine`."""

THEIRS: Final = "theirs"


@dataclass(frozen=True, slots=True)
class Differing:
    """A field in which the three are not the same, as JSON. `take`: what is proposed; empty where both changed it."""

    field: str
    was: Any
    theirs: Any
    mine: Any
    take: str


@dataclass(frozen=True, slots=True)
class TwoEdits:
    """Who changed it, a definition of `kind`, since the reader's version `read_at`, when, and the fields that differ."""

    kind: str
    actor: str
    at: datetime
    read_at: int
    rows: list[Differing]


def as_read(conn: Connection, present: Defined[D], typed: Mapping[str, str]) -> D | None:
    """The definition as the reader of the form saw it, where somebody has changed it since; None where nobody has."""
    version = typed_version(typed)
    if version is None or version == present.version:
        return None
    for number, _, _, body in history(conn, present.kind, present.id):
        if number == version and not body.get("deleted"):
            return type(present.value).model_validate(body, context={"stored": True})
    return present.value


def two_edits(
    conn: Connection, present: Defined[D], typed: Mapping[str, str], was: D, mine: D
) -> TwoEdits | None:
    """The three side by side; None where what was typed is what it is already."""
    rows = differing(was, present.value, mine)
    if not rows:
        return None
    *_, (_, at, actor, _) = history(conn, present.kind, present.id)
    return TwoEdits(present.kind, actor, at, typed_version(typed) or present.version, rows)


def edits_of(store: Store, present: Defined[D] | None, typed: Mapping[str, str], mine: D) -> TwoEdits | None:
    """The three side by side, where somebody changed it since the form was read and what was typed is something else."""
    if present is None:
        return None
    with store.read() as conn:
        was = as_read(conn, present, typed)
        return two_edits(conn, present, typed, was, mine) if was is not None else None


def differing(was: Definition, theirs: Definition, mine: Definition) -> list[Differing]:
    """The fields that differ between the two. Where only one person changed a field, their value is proposed."""
    one, two, three = (_fields(value) for value in (was, theirs, mine))
    return [
        Differing(
            name,
            one.get(name),
            two.get(name),
            three.get(name),
            _proposed(one.get(name), two.get(name), three.get(name)),
        )
        for name in dict.fromkeys((*two, *three))
        if two.get(name) != three.get(name)
    ]


def as_chosen(mine: D, theirs: D, typed: Mapping[str, str]) -> D:
    """What was typed, with theirs in each field where that was chosen. Raises `ValidationError` where they do not fit."""
    taken = [
        name.removeprefix(TAKE) for name, one in typed.items() if name.startswith(TAKE) and one == THEIRS
    ]
    if not taken:
        return mine
    body, other = mine.model_dump(), theirs.model_dump()
    for name in taken:
        field, _, key = name.partition(".")
        parts = body.get(field, {}), other.get(field, {})
        if key and all(isinstance(one, dict) for one in parts):
            body[field] = _with(*parts, key)
        elif not key:
            body = _with(body, other, field)
    return type(mine).model_validate(body)


def _with(mine: Mapping[str, Any], theirs: Mapping[str, Any], key: str) -> dict[str, Any]:
    """`mine` with the value of `theirs` under this key; without the key where `theirs` lacks it."""
    kept = {name: one for name, one in mine.items() if name != key}
    return kept | ({key: theirs[key]} if key in theirs else {})


def asked_again(typed: Mapping[str, str]) -> dict[str, str]:
    """The version for a form that is shown again without the choice: the one at which it was first read."""
    return {**typed, "version": typed.get("read_at") or typed.get("version", "")}


def _fields(value: Definition) -> dict[str, Any]:
    """The fields as they are stored; those of a mapping, such as a policy's teams, one by one."""
    found: dict[str, Any] = {}
    for name, one in value.model_dump(mode="json").items():
        found |= (
            {f"{name}.{key}": part for key, part in one.items()} if isinstance(one, dict) else {name: one}
        )
    return found


def _proposed(was: Any, theirs: Any, mine: Any) -> str:
    if mine == was:
        return THEIRS
    return "mine" if theirs == was else ""
