"""The checks of a definition that is written: what it refers to is there, and what it asks for is possible.

The API, the page and `tocsin apply` ask here, so that all three refuse alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from alerts.notifiers.channels import require_usable
from ingest.kinds import settings_of
from tocsin.definitions.models import Definition, Person, SourceDef
from tocsin.definitions.references import require_known


def require_sound(
    conn: Connection, value: Definition, beside: Mapping[str, Collection[str]] | None = None
) -> None:
    """Raise `WrongInput` where the definition refers to something that is neither stored nor `beside` it (names by kind), or
    asks for a kind or setting that nothing here knows. The message says what is known.
    """
    require_known(conn, value, beside)
    if isinstance(value, Person):
        require_usable(value)
    if isinstance(value, SourceDef):
        settings_of(value)
