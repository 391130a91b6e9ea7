"""Reading the state of sources: the cursor, the figures and the last answer of each, as ingest and hand-over write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from tocsin.store import schema as s


def source_states(conn: Connection, names: Sequence[str] | None = None) -> dict[str, Row[Any]]:
    """The rows of `source_state` by the names of the sources; of all sources, or of those with these names that have a row."""
    query = select(s.source_state)
    if names is not None:
        query = query.where(s.source_state.c.name.in_(names))
    return {row.name: row for row in conn.execute(query)}
