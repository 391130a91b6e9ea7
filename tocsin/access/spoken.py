"""The language of the browser in which somebody last signed in: their notices speak it where they have chosen none.

It is kept beside the person's definition, which holds choices alone: a file that is applied again finds nothing to change.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from tocsin.definitions.repository import touch
from tocsin.store import meta

PREFIX: Final = "spoken:"


def note(conn: Connection, person_id: str, language: str) -> None:
    """Keep the language of the browser in which this person has just signed in."""
    key, value = f"{PREFIX}{person_id}", f"{person_id} {language}"
    if meta.get(conn, key) != value:
        meta.put(conn, key, value)
        touch(conn, "person")


def forget(conn: Connection, person_id: str) -> None:
    """Forget the language of a person who has ended."""
    meta.forget(conn, f"{PREFIX}{person_id}")


def spoken_by(conn: Connection, person_id: str) -> str | None:
    """The language of this person's browser; None where nobody has signed in yet."""
    kept = meta.get(conn, f"{PREFIX}{person_id}")
    return None if kept is None else kept.rpartition(" ")[2]


def spoken(conn: Connection) -> dict[str, str]:
    """The language of everybody's browser, by the person's id."""
    kept = (one.rpartition(" ") for one in meta.starting_with(conn, PREFIX))
    return {id: language for id, _, language in kept}
