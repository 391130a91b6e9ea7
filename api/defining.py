"""Making, changing, ending and bringing back a definition: the one way for the API and the page, with the checks of
`tocsin apply` (`api.soundness`) and an entry in the audit chain.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from alerts.proofs import ask_proof
from api.auth.passkeys import remove_passkeys
from api.auth.principal import Principal
from api.soundness import require_sound
from tocsin.access.spoken import forget
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.changes import note_change, note_saved
from tocsin.definitions.folders import require_allowed_file, require_allowed_secrets
from tocsin.definitions.models import Definition, Person, SourceDef
from tocsin.definitions.repository import (
    Defined,
    DefinitionRow,
    delete,
    ended,
    find_row,
    history,
    kind_called,
    kind_of,
    names,
    restore,
    save,
    value_at,
)
from tocsin.settings import Settings

D = TypeVar("D", bound=Definition)

MOST_ENDED: Final = 10_000
MOST_NAMED: Final = 20

ONE = {
    "monitor": "a monitor",
    "silence": "a silence",
    "expected_event": "an expected event",
    "source": "a source",
    "policy": "a policy",
    "person": "a person",
    "schedule": "a schedule",
}
"""Each kind with its article, as a refusal names it."""


def require_allowed(settings: Settings, value: Definition, present: Definition | None = None) -> None:
    """Raise `WrongInput` for a source that would read what an admin from afar may not read."""
    if isinstance(value, SourceDef):
        before = present if isinstance(present, SourceDef) else None
        require_allowed_file(value, settings.ingest.allowed_folders, before)
        require_allowed_secrets(value, settings.ingest.allowed_folders, before)


def require_possible(
    conn: Connection, settings: Settings, value: Definition, present: Definition | None = None
) -> None:
    """Raise `WrongInput` where this definition could not be saved: what it refers to is not there, or may not be read."""
    require_allowed(settings, value, present)
    require_sound(conn, value, present)


def make(conn: Connection, settings: Settings, who: Principal, value: D, now: datetime) -> Defined[D]:
    """Store a new definition. Raises `Conflict` where the name is taken, and `WrongInput` where it cannot be used."""
    require_possible(conn, settings, value)
    kind = kind_of(type(value))
    if value.name in names(conn, kind).values():
        raise Conflict(
            Sentence(
                "there is {kind} named {name} already; change it with PUT, or take another name",
                kind=Sentence(ONE[kind]),
                name=repr(value.name),
            )
        )
    saved = save(conn, value, now=now, actor=who.label)
    _ask_proof(conn, saved, None, now)
    note_saved(conn, saved, None, at=now, actor=who.label, role=who.role.value)
    return saved


def change(
    conn: Connection,
    settings: Settings,
    who: Principal,
    value: D,
    present: DefinitionRow | Defined[D],
    now: datetime,
    expected_version: int | None = None,
) -> Defined[D]:
    """Replace the definition that is `present`. An equal value changes nothing. Raises `Conflict` where it is at another version
    than the expected one, and `WrongInput` where the value cannot be used.
    """
    require_possible(conn, settings, value, present.value)
    return change_part(conn, who, value, present, now, expected_version)


def change_part(
    conn: Connection,
    who: Principal,
    value: D,
    present: DefinitionRow | Defined[D],
    now: datetime,
    expected_version: int | None = None,
) -> Defined[D]:
    """Like `change`, for a change that touches nothing of what is checked: an older definition is not refused for the rest."""
    saved = save(conn, value, now=now, actor=who.label, id=present.id, expected_version=expected_version)
    _ask_proof(conn, saved, present.value, now)
    note_saved(conn, saved, present.value, at=now, actor=who.label, role=who.role.value)
    return saved


def end(
    conn: Connection,
    who: Principal,
    model: type[D],
    name_or_id: str,
    now: datetime,
    expected_version: int | None = None,
) -> DefinitionRow:
    """End a definition; its versions stay, so that `bring_back` can undo it. A person's passkeys do not come back.

    Returns what it was.
    """
    present = find_row(conn, model, name_or_id)
    delete(conn, model, present.id, now=now, actor=who.label, expected_version=expected_version)
    if present.kind == "person":
        remove_passkeys(conn, present.id)
        forget(conn, present.id)
    _note(conn, who, "ended", present.kind, present.id, present.version + 1, present.value, None, now)
    return present


def bring_back(
    conn: Connection,
    settings: Settings,
    who: Principal,
    model: type[D],
    id: str,
    version: int,
    now: datetime,
) -> Defined[D]:
    """The definition as it was at this version, whether it was ended or changed since. It is checked by the rules of today."""
    value, present = value_at(conn, model, id, version)
    require_possible(conn, settings, value, value)
    saved = restore(conn, value, id, now=now, actor=who.label)
    _note(conn, who, "restored", saved.kind, id, saved.version, present, value, now)
    return saved


def bring_back_ended(
    conn: Connection, settings: Settings, who: Principal, model: type[D], name_or_id: str, now: datetime
) -> Defined[D]:
    """The definition that was ended last under this name or id, as it was then.

    Raises `NotFound` with the names of ended ones.
    """
    kind = kind_of(model)
    gone = ended(conn, kind, MOST_ENDED)
    id = next((id for id, name in gone if name_or_id in (id, name)), None)
    if id is None:
        known = ", ".join(name for _, name in gone[:MOST_NAMED]) or Sentence("none")
        raise NotFound(
            Sentence(
                "no {kind} {name} was ended; ended: {known}",
                kind=kind_called(kind),
                name=repr(name_or_id),
                known=known,
            )
        )
    # The last version says that it was ended.
    *_, (version, *_), _ = history(conn, kind, id)
    return bring_back(conn, settings, who, model, id, version, now)


def _ask_proof(conn: Connection, saved: Defined[Any], before: Definition | None, now: datetime) -> None:
    """A channel that comes from afar pages only when it is proven."""
    if isinstance(saved.value, Person):
        ask_proof(conn, saved.id, before if isinstance(before, Person) else None, saved.value, now)


def _note(
    conn: Connection,
    who: Principal,
    what: str,
    kind: str,
    id: str,
    version: int,
    before: Definition | None,
    after: Definition | None,
    now: datetime,
) -> None:
    note_change(
        conn,
        at=now,
        actor=who.label,
        role=who.role.value,
        what=what,
        kind=kind,
        id=id,
        version=version,
        before=before,
        after=after,
    )
