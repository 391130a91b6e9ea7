"""The checks of a definition that is written: what it refers to is there, and what it asks for is possible.

The API, the page and `tocsin apply` ask here, so that all three refuse alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from alerts.notifiers.channels import require_usable
from api.answering import asked_by, require_able
from ingest.kinds import settings_of
from tocsin.definitions.models import Definition, Person, SourceDef
from tocsin.definitions.references import require_known
from tocsin.definitions.repository import listed


def require_sound(
    conn: Connection,
    value: Definition,
    before: Definition | None = None,
    beside: Mapping[str, Collection[Definition]] | None = None,
) -> None:
    """Raise `WrongInput` where the definition refers to something that is neither stored nor `beside` it (by kind), asks
    somebody who could not answer and did not stand there `before`, or asks for a kind or setting that nothing here knows. The
    message says what is known.
    """
    given = beside or {}
    require_known(conn, value, {kind: {one.name for one in found} for kind, found in given.items()})
    if asked_by(value):
        people = [*(one.value for one in listed(conn, Person)), *given.get("person", ())]
        require_able(value, before, {one.name: one.role for one in people if isinstance(one, Person)})
    if isinstance(value, Person):
        require_usable(value)
    if isinstance(value, SourceDef):
        settings_of(value)
