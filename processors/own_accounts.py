"""Which mentions an account of a monitor's own brand wrote. They are stored, shown apart, and counted nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from processors.storing.batch import Key
from tocsin.store import schema as s


def written_by_the_brand(conn: Connection, keys: Sequence[Key], monitor_id: str | None = None) -> set[Key]:
    """Those of these mentions that this monitor's own accounts wrote; without a monitor, those of any monitor."""
    if not keys:
        return set()
    m = s.matches.c
    query = select(m.source, m.id).where(tuple_(m.source, m.id).in_(keys), m.own.is_(True))
    if monitor_id is not None:
        query = query.where(m.monitor_id == monitor_id)
    return {(source, id) for source, id in conn.execute(query)}
