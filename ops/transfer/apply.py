"""Definitions from one YAML file: monitors, sources, policies, people, schedules, silences, expected events.

Whoever applies the file vouches for the channels in it: they page without a code (`alerts.proofs.vouch`).

The file says what should be. `plan` compares the file with the store, and `apply` makes the changes. Definitions are known by
their names. A definition that the file does not name stays as it is. Applying the same file again changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError
from sqlalchemy import Connection

from alerts.directory import Someone, unproven
from alerts.proofs import vouch
from api.soundness import require_sound
from tocsin.core.clock import iso
from tocsin.core.errors import WrongInput
from tocsin.core.faults import fault_of
from tocsin.definitions.changes import note_saved
from tocsin.definitions.models import (
    KINDS,
    Definition,
    Person,
)
from tocsin.definitions.references import closest
from tocsin.definitions.repository import (
    Defined,
    kind_of,
    listed,
    save,
)
from tocsin.store import audit

MAX_BYTES = 2 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 20

# The sections of the file, in the order in which they are applied: a definition comes before the ones that refer to it.
SECTIONS: dict[str, type[Definition]] = {
    "people": KINDS["person"],
    "schedules": KINDS["schedule"],
    "policies": KINDS["policy"],
    "sources": KINDS["source"],
    "monitors": KINDS["monitor"],
    "silences": KINDS["silence"],
    "expected_events": KINDS["expected_event"],
}


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """One definition that is to be made or changed. `fields` holds the fields that differ: name -> (before, after)."""

    what: Literal["make", "change"]
    section: str
    value: Definition
    fields: Mapping[str, tuple[Any, Any]]
    # The version of the definition in the store; None where the store has none.
    version: int | None
    before: Definition | None = None

    def lines(self) -> list[str]:
        """The change as lines of a printed difference."""
        sign, kind = ("+" if self.what == "make" else "~"), kind_of(type(self.value)).replace("_", " ")
        shown = [f"{sign} {kind} {self.value.name}"]
        for name, (before, after) in self.fields.items():
            if self.what == "change":
                shown.append(f"    - {name}: {_short(before)}")
            shown.append(f"    + {name}: {_short(after)}")
        return shown


def read_document(path: Path) -> Mapping[str, Any]:
    """The file's content as plain values. Raises `WrongInput` with file and line where it is no YAML of this form."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongInput(f"cannot read {path}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise WrongInput(f"{path}: larger than {MAX_BYTES} bytes")
    return parse_document(raw, str(path))


def parse_document(raw: bytes, name: str = "the document") -> Mapping[str, Any]:
    """Like `read_document`, from bytes.

    Messages call the document `name`. Aliases are refused: a few can expand without bound.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongInput(f"{name}: not UTF-8 at byte {error.start + 1}") from None
    try:
        _bounded(text, name)
        document = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader that also refuses keys that come twice
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise WrongInput(f"{name}: {where}{error.problem or 'no YAML'}") from None
    except yaml.YAMLError as error:
        raise WrongInput(f"{name}: {str(error).splitlines()[0]}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise WrongInput(f"{name}: a value cannot be read: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise WrongInput(
            f"{name}: the top is a {type(document).__name__}; it must have sections: {', '.join(SECTIONS)}"
        )
    return document


def plan(conn: Connection, document: Mapping[str, Any], name: str = "the document") -> list[DefinitionChange]:
    """The changes that make the store agree with the document, in the order of applying. Reads only.

    Raises `WrongInput` that names section, entry, field, value and choices. One bad entry refuses the whole document, so
    nothing is half applied.
    """
    for section in document:
        if section not in SECTIONS:
            raise WrongInput(f"{name}: unknown section {_short(section)}{closest(str(section), SECTIONS)}")
    changes: list[DefinitionChange] = []
    waiting = unproven(conn)
    values: dict[str, list[Definition]] = {}
    for section, model in SECTIONS.items():
        present = {one.name: one for one in listed(conn, model)}
        values[section] = _entries(document.get(section), section, model, name)
        for value in values[section]:
            change = _change(section, value, present.get(value.name))
            if change is None and isinstance(value, Person):
                change = _vouched(section, value, present[value.name], waiting)
            if change is not None:
                changes.append(change)
    _check(conn, values, name)
    return changes


def apply(
    conn: Connection, changes: Sequence[DefinitionChange], now: datetime, actor: str
) -> list[Defined[Any]]:
    """Make the changes, all in the caller's transaction. Raises `Conflict` where a definition has changed since the plan."""
    done: list[Defined[Any]] = []
    for change in changes:
        saved = save(conn, change.value, now=now, actor=actor, expected_version=change.version)
        note_saved(conn, saved, change.before, at=now, actor=actor, role="admin")
        if isinstance(saved.value, Person) and (count := vouch(conn, saved.id, saved.value)):
            detail = {"channels": count}
            audit.append(
                conn,
                at=now,
                actor=actor,
                role="admin",
                action="channel.vouched",
                object=saved.id,
                detail=detail,
            )
        done.append(saved)
    return done


class _Loader(yaml.SafeLoader):
    """A loader that refuses a key that comes twice. YAML alone would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} comes twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _bounded(text: str, name: str) -> None:
    """Refuse a text with aliases, or with more or deeper nodes than any file of definitions has. Nothing is built before that."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, yaml.SafeLoader)):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise WrongInput(f"{name}: line {line}: aliases (*{event.anchor}) are not allowed; write it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise WrongInput(f"{name}: line {line}: nested too deeply, or too long")


def _entries(given: Any, section: str, model: type[Definition], name: str) -> list[Definition]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise WrongInput(f"{name}: {section} must be a list, each entry with a name")
    found: dict[str, Definition] = {}
    for index, entry in enumerate(given):
        where = f"{name}: {section}[{index}]"
        if not isinstance(entry, dict):
            raise WrongInput(f"{where} must be a mapping with a name, not {_short(entry)}")
        if isinstance(entry.get("name"), str):
            where += f" {entry['name']!r}"
        value = _checked(model, entry, where)
        if value.name in found:
            raise WrongInput(f"{where}: the name comes twice in {section}")
        found[value.name] = value
    return list(found.values())


def _checked(model: type[Definition], entry: dict[Any, Any], where: str) -> Definition:
    try:
        return model.model_validate({str(key): _plain(value) for key, value in entry.items()})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = list(model.model_fields) if len(first["loc"]) == 1 else []
            raise WrongInput(f"{where}: unknown field {field!r}{closest(field, known)}") from None
        if first["type"] == "missing":
            unknown = sorted(str(key) for key in entry if key not in model.model_fields)
            hint = f" (unknown here: {unknown[0]!r})" if unknown else ""
            raise WrongInput(f"{where}: {field} is missing{hint}") from None
        message = fault_of(first)
        # A fault of several fields together names them itself.
        place = f"{field} = {_short(first['input'])}: " if field else ""
        raise WrongInput(f"{where}: {place}{message}") from None
    except WrongInput as error:
        raise WrongInput(f"{where}: {error}") from None


def _plain(value: Any) -> Any:
    """The value as a JSON value.

    YAML makes times and days by itself. A time needs an offset, so that it means the same everywhere.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            shown = value.isoformat()
            raise WrongInput(f"the time {shown} needs an offset, such as {shown}+03:00")
        try:
            return iso(value.astimezone(UTC))
        except OverflowError:
            # Beyond the calendar once it is in UTC. Its field says between which years a time lies.
            return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongInput(f"{value} is not a finite number")
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise WrongInput(f"a {type(value).__name__} is not possible here")


def _change(section: str, value: Definition, present: Defined[Any] | None) -> DefinitionChange | None:
    after = value.model_dump(mode="json")
    if present is None:
        given = value.model_dump(mode="json", exclude_defaults=True)
        return DefinitionChange(
            "make", section, value, {k: (None, v) for k, v in given.items() if k != "name"}, None
        )
    before = present.value.model_dump(mode="json")
    fields = {k: (before.get(k), after.get(k)) for k in before | after if before.get(k) != after.get(k)}
    return (
        DefinitionChange("change", section, value, fields, present.version, present.value) if fields else None
    )


def _vouched(
    section: str, value: Person, present: Defined[Any], waiting: Mapping[str, frozenset[str]]
) -> DefinitionChange | None:
    """The change of a person who stays as they are, where the file vouches for channels that wait for a proof."""
    one = Someone(present.id, value, waiting.get(present.id, frozenset()))
    if not any(one.lacks_proof(channel) for channel in one.channels):
        return None
    proof = {"channels": ("not proven", "this file vouches for them")}
    return DefinitionChange("change", section, value, proof, present.version, present.value)


def _check(conn: Connection, values: Mapping[str, Sequence[Definition]], name: str) -> None:
    """Check every definition against the store and the rest of the file. Raises `WrongInput` for the first wrong one."""
    beside = {kind_of(SECTIONS[section]): given for section, given in values.items()}
    for section, given in values.items():
        stored = {one.name: one.value for one in listed(conn, SECTIONS[section])} if given else {}
        for value in given:
            try:
                require_sound(conn, value, stored.get(value.name), beside)
            except WrongInput as error:
                raise WrongInput(f"{name}: {section} {value.name!r}: {error}") from None


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
