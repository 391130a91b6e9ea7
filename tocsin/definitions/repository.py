"""Reading and writing of definitions, with every version kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, cast

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection, Row, Select, Subquery, bindparam, func, insert, or_, select, update

from tocsin.core.errors import Conflict, NotFound
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence, spoken
from tocsin.definitions.models import KINDS, Definition
from tocsin.store import meta
from tocsin.store import schema as s

D = TypeVar("D", bound=Definition)

log = structlog.get_logger(__name__)

_d = s.definitions.c
_OF_A_KIND: Final = _d.kind == bindparam("kind")
# Statements that nearly every request asks are made once.
_LIVING: Final = select(s.definitions).where(_OF_A_KIND, _d.deleted_at.is_(None)).order_by(_d.name, _d.id)
_LIVING_NAMED: Final = _LIVING.where(_d.name == bindparam("name"))
_LIVING_ASKED_FOR: Final = _LIVING.where(or_(_d.id == bindparam("asked"), _d.name == bindparam("asked")))
_STORED: Final[Select[Any]] = select(_d.id, _d.name, _d.definition, _d.created_at, _d.deleted_at).where(
    _OF_A_KIND
)
_STORED_LIVING: Final = _STORED.where(_d.deleted_at.is_(None)).order_by(_d.name, _d.id)
_STORED_WITH_ID: Final = _STORED.where(_d.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Defined(Generic[D]):
    """A definition as stored. `id` never changes. `version` counts from 1."""

    kind: str
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    value: D
    on_since: datetime | None = None
    """When it was last switched on again, or brought back after its end. None: it was never off."""

    @property
    def name(self) -> str:
        return self.value.name


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """A definition as its row holds it. It was checked when it was saved, and is not parsed again."""

    id: str
    name: str
    body: Mapping[str, Any]
    created_at: datetime
    ended: bool


def kind_of(model: type[Definition]) -> str:
    """The kind under which this model is stored."""
    return next(kind for kind, known in KINDS.items() if known is model)


def kind_called(kind: str) -> Sentence:
    """A kind as people read it in a refusal: an expected event is no `expected_event` to them."""
    return spoken(kind.replace("_", " "))


def listed(conn: Connection, model: type[D]) -> list[Defined[D]]:
    """Every living definition of this kind, in the order of the names. A row that cannot be read is left out and logged, so
    that it stops nobody else's alerts; `unreadable` lists such rows.
    """
    found = (_readable(model, row) for row in conn.execute(_LIVING, {"kind": kind_of(model)}))
    return [one for one in found if one is not None]


def unreadable(conn: Connection, model: type[D]) -> list[str]:
    """The names of the living definitions of this kind that cannot be read, in their order."""
    rows = conn.execute(_LIVING, {"kind": kind_of(model)})
    return [row.name for row in rows if _readable(model, row) is None]


def find(conn: Connection, model: type[D], name_or_id: str) -> Defined[D]:
    """The living definition with this id or name. Raises `NotFound` with the known names, 20 at most, and `Conflict` where it
    cannot be read.
    """
    row = _row(conn, model, name_or_id)
    found = _readable(model, row)
    if found is None:
        raise Conflict(
            Sentence(
                "the stored {kind} {name} cannot be read: define it again, or end it",
                kind=kind_called(row.kind),
                name=repr(row.name),
            )
        )
    return found


def stored_definitions(conn: Connection, kind: str) -> list[StoredDefinition]:
    """Every living definition of this kind as it is stored, in the order of the names. They are not parsed: parsing all of
    them would cost more than the rest of most pages.
    """
    return [_stored(row) for row in conn.execute(_STORED_LIVING, {"kind": kind})]


def stored_definition(conn: Connection, kind: str, id: str) -> StoredDefinition | None:
    """The definition with this id as it is stored, living or ended; None where there never was one."""
    row = conn.execute(_STORED_WITH_ID, {"kind": kind, "id": id}).one_or_none()
    return None if row is None else _stored(row)


def living(kind: str) -> Subquery:
    """The `id` and the `definition` of every living definition of this kind, to be joined in a statement of the caller's."""
    query = select(_d.id, _d.definition).where(_d.kind == kind, _d.deleted_at.is_(None))
    return query.subquery(kind)


def names(conn: Connection, kind: str, *, ended: bool = False, most: int | None = None) -> dict[str, str]:
    """The names of this kind's living definitions by id, at most `most`, in the order of the names. `ended` adds the ended
    definitions.
    """
    d = s.definitions
    query = select(d.c.id, d.c.name).where(d.c.kind == kind).order_by(d.c.name, d.c.id).limit(most)
    rows = conn.execute(query if ended else query.where(d.c.deleted_at.is_(None)))
    return {row.id: row.name for row in rows}


def ended(conn: Connection, kind: str, most: int = 20) -> list[tuple[str, str]]:
    """The ids and names of this kind's ended definitions, the newest end first: each can be brought back."""
    d = s.definitions
    query = select(d.c.id, d.c.name).where(d.c.kind == kind, d.c.deleted_at.is_not(None))
    rows = conn.execute(query.order_by(d.c.deleted_at.desc(), d.c.name, d.c.id).limit(most))
    return [(row.id, row.name) for row in rows]


def ever_defined(conn: Connection, kind: str, id: str) -> bool:
    """Whether a definition with this id exists, or once did."""
    v = s.definition_versions
    return conn.execute(select(v.c.id).where(v.c.kind == kind, v.c.id == id).limit(1)).first() is not None


def save(
    conn: Connection,
    value: D,
    *,
    now: datetime,
    actor: str,
    id: str | None = None,
    expected_version: int | None = None,
) -> Defined[D]:
    """Create the definition, or replace the living one with this id (else this name). An equal value changes nothing.

    Raises `Conflict` when the version is not the expected one, or the name belongs to another id. Raises `NotFound` for an
    unknown id.
    """
    model = type(value)
    kind, d = kind_of(model), s.definitions
    row = conn.execute(_LIVING_NAMED, {"kind": kind, "name": value.name}).first()
    # A definition that cannot be read is replaced like any other.
    by_name = None if row is None else find_row(conn, model, row.id)
    present = by_name if id is None else find_row(conn, model, id)
    if by_name is not None and present is not None and by_name.id != present.id:
        raise Conflict(
            Sentence(
                "the name {name} belongs to another {kind}", name=repr(value.name), kind=kind_called(kind)
            )
        )
    if present is None:
        return _create(conn, value, now, actor)
    if expected_version is not None and expected_version != present.version:
        raise Conflict(
            Sentence(
                "{kind} {name} is at version {version}, you changed version {seen}: read it again",
                kind=kind_called(kind),
                name=repr(value.name),
                version=present.version,
                seen=expected_version,
            )
        )
    if present.value == value:
        return find(conn, model, present.id)
    version, body = present.version + 1, value.model_dump(mode="json")
    on_since = now if _is_on(value) and not _is_on(present.value) else present.on_since
    change = {
        "name": value.name,
        "definition": body,
        "version": version,
        "updated_at": now,
        "on_since": on_since,
    }
    conn.execute(update(d).where(d.c.kind == kind, d.c.id == present.id), change)
    _keep_version(conn, kind, present.id, version, body, now, actor)
    _bump(conn, kind)
    return Defined(kind, present.id, version, present.created_at, now, value, on_since)


def _is_on(value: Definition | None) -> bool:
    """Whether nobody has switched it off. A definition that cannot be read, and one that has no switch, are on."""
    return bool(getattr(value, "enabled", True))


def _create(conn: Connection, value: D, now: datetime, actor: str) -> Defined[D]:
    """The first version of a definition. Its id counts the definitions of its kind, living and ended, so that a name that comes
    again gets another.
    """
    kind, body, d = kind_of(type(value)), value.model_dump(mode="json"), s.definitions
    count = conn.execute(select(func.count()).select_from(d).where(d.c.kind == kind)).scalar_one()
    new_id = stable_id(kind.replace("_", ""), value.name, count)
    conn.execute(
        insert(d),
        {
            "kind": kind,
            "id": new_id,
            "name": value.name,
            "definition": body,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        },
    )
    _keep_version(conn, kind, new_id, 1, body, now, actor)
    _bump(conn, kind)
    return Defined(kind, new_id, 1, now, now, value)


def delete(
    conn: Connection,
    model: type[D],
    name_or_id: str,
    *,
    now: datetime,
    actor: str,
    expected_version: int | None = None,
) -> None:
    """End the definition. Its versions stay. Raises `NotFound` for an unknown name or id, and `Conflict` when the version is not
    the expected one.
    """
    present = find_row(conn, model, name_or_id)
    if expected_version is not None and expected_version != present.version:
        raise Conflict(
            Sentence(
                "{kind} {name} is at version {version}: read it again",
                kind=kind_called(present.kind),
                name=repr(present.name),
                version=present.version,
            )
        )
    d = s.definitions
    conn.execute(
        update(d).where(d.c.kind == present.kind, d.c.id == present.id),
        {"deleted_at": now, "version": present.version + 1},
    )
    _keep_version(conn, present.kind, present.id, present.version + 1, {"deleted": True}, now, actor)
    _bump(conn, present.kind)


def value_at(conn: Connection, model: type[D], id: str, version: int) -> tuple[D, D | None]:
    """The definition as it was at this version, and as it is now (None where it was ended). Raises `NotFound` where there was no
    such version, or it is the one that ended it.
    """
    body = next((body for number, _, _, body in history(conn, kind_of(model), id) if number == version), None)
    if body is None or body.get("deleted"):
        raise NotFound(
            Sentence(
                "there is no version {version} of that {kind} to go back to",
                version=version,
                kind=kind_called(kind_of(model)),
            )
        )
    row = conn.execute(_LIVING.where(_d.id == id), {"kind": kind_of(model)}).first()
    present = _readable(model, row) if row is not None else None
    return model.model_validate(body, context={"stored": True}), present.value if present else None


def restore(conn: Connection, value: D, id: str, *, now: datetime, actor: str) -> Defined[D]:
    """Put this value in the place of the definition with this id, also where it was ended: it keeps its id, and so its history.

    Raises `Conflict` where its name belongs to another one by now, and `NotFound` for an unknown id.
    """
    model, d = type(value), s.definitions
    kind = kind_of(model)
    row = conn.execute(select(d).where(d.c.kind == kind, d.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(Sentence("no {kind} {id} was ever defined", kind=kind_called(kind), id=repr(id)))
    if row.deleted_at is None:
        return save(conn, value, now=now, actor=actor, id=id)
    if conn.execute(_LIVING_NAMED, {"kind": kind, "name": value.name}).first() is not None:
        raise Conflict(
            Sentence(
                "the name {name} belongs to another {kind}", name=repr(value.name), kind=kind_called(kind)
            )
        )
    version, body = row.version + 1, value.model_dump(mode="json")
    change = {
        "name": value.name,
        "definition": body,
        "version": version,
        "updated_at": now,
        "deleted_at": None,
        "on_since": now,
    }
    conn.execute(update(d).where(d.c.kind == kind, d.c.id == id), change)
    _keep_version(conn, kind, id, version, body, now, actor)
    _bump(conn, kind)
    return Defined(kind, id, version, row.created_at, now, value, now)


def touch(conn: Connection, kind: str) -> None:
    """Let readers of this kind read again: something that belongs to its definitions has changed beside them."""
    _bump(conn, kind)


def generation(conn: Connection, kind: str) -> int:
    """A number that grows with every change of this kind. Readers compare it to learn whether their definitions are stale."""
    return int(meta.get(conn, f"generation:{kind}") or 0)


def history(conn: Connection, kind: str, id: str) -> Iterator[tuple[int, datetime, str, dict[str, object]]]:
    """Every version of a definition, oldest first: number, time, actor, definition."""
    v = s.definition_versions
    for row in conn.execute(select(v).where(v.c.kind == kind, v.c.id == id).order_by(v.c.version)):
        yield row.version, row.at, row.actor, row.definition


def _stored(row: Row[Any]) -> StoredDefinition:
    return StoredDefinition(row.id, row.name, row.definition, row.created_at, row.deleted_at is not None)


def _loaded(model: type[D], row: object) -> Defined[D]:
    r = cast("Row[Any]", row)
    return _kept(model, row, model.model_validate(r.definition, context={"stored": True}))


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """What stands of a living definition, whether or not it can be read. `value` is None where it cannot."""

    kind: str
    id: str
    name: str
    version: int
    created_at: datetime
    value: Definition | None
    on_since: datetime | None = None


def find_row(conn: Connection, model: type[Definition], name_or_id: str) -> DefinitionRow:
    """The living definition with this id or name, readable or not, for those who replace or end it. Raises `NotFound` with the
    known names, 20 at most.
    """
    row = _row(conn, model, name_or_id)
    readable = _readable(model, row)
    value = readable.value if readable is not None else None
    return DefinitionRow(row.kind, row.id, row.name, row.version, row.created_at, value, row.on_since)


def _row(conn: Connection, model: type[Definition], name_or_id: str) -> Row[Any]:
    kind = kind_of(model)
    row = conn.execute(_LIVING_ASKED_FOR, {"kind": kind, "asked": name_or_id}).first()
    if row is not None:
        return row
    known = ", ".join(one.name for one in conn.execute(_LIVING.limit(20), {"kind": kind})) or "none yet"
    raise NotFound(
        Sentence(
            "no {kind} {name}; known: {known}",
            kind=kind_called(kind),
            name=repr(name_or_id),
            known=known,
        )
    )


def _readable(model: type[D], row: object) -> Defined[D] | None:
    """The definition of this row; None where it cannot be read."""
    try:
        return _loaded(model, row)
    except ValidationError as error:
        r = cast("Row[Any]", row)
        log.error("a stored definition cannot be read", kind=r.kind, name=r.name, errors=error.error_count())
        return None


def _kept(_model: type[D], row: object, value: D) -> Defined[D]:
    r = cast("Row[Any]", row)
    return Defined(r.kind, r.id, r.version, r.created_at, r.updated_at, value, r.on_since)


def _keep_version(
    conn: Connection, kind: str, id: str, version: int, body: object, now: datetime, actor: str
) -> None:
    conn.execute(
        insert(s.definition_versions),
        {"kind": kind, "id": id, "version": version, "definition": body, "at": now, "actor": actor},
    )


def _bump(conn: Connection, kind: str) -> None:
    meta.put(conn, f"generation:{kind}", str(generation(conn, kind) + 1))
