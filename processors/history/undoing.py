"""An import taken out again: its matches, its tallies, and the mentions that nothing else brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, delete, func, select

from tocsin.core.clock import minute_of
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.revision import revised

PIECE: Final = 300
STRETCH: Final = timedelta(hours=6)


def hangs_on(conn: Connection, partition: int) -> int:
    """The labels that people gave to mentions of this import. While there are any, it cannot be taken out."""
    c, m = s.corrections, s.matches
    same = and_(c.c.monitor_id == m.c.monitor_id, c.c.source == m.c.source, c.c.id == m.c.id)
    query = select(func.count()).select_from(c.join(m, same)).where(m.c.partition == partition)
    return int(conn.execute(query).scalar_one())


def take_out(
    store: Store, partition: int, first: datetime, last: datetime, goes_on: Callable[[float], bool]
) -> bool:
    """Take the import out, piece by piece. `goes_on` hears which part (0 to 1) is done; where it says False, the work ends
    early and can be taken up again. Returns whether all is out.
    """
    with store.read() as conn:
        monitors = list(conn.execute(select(s.matches.c.monitor_id).distinct()).scalars())
    stretches = _stretches(first, last)
    for done, (start, end) in enumerate(stretches):
        for monitor in monitors:
            while _piece(store, partition, monitor, start, end) == PIECE:
                if not goes_on(done / len(stretches)):
                    return False
        if not goes_on(done / len(stretches)):
            return False
    with store.write() as conn:
        for table in (s.tallies, s.tally_parts, s.amendments):
            conn.execute(delete(table).where(table.c.partition == partition))
        revised(conn)
    return True


def _piece(store: Store, partition: int, monitor: str, start: int, end: int) -> int:
    """Take out up to `PIECE` matches of one monitor in these minutes. Returns their number."""
    m = s.matches
    here = (m.c.monitor_id == monitor, m.c.minute >= start, m.c.minute < end, m.c.partition == partition)
    with store.write() as conn:
        found = [
            (row.source, row.id, row.created_at)
            for row in conn.execute(select(m.c.source, m.c.id, m.c.created_at).where(*here).limit(PIECE))
        ]
        for source, id, created_at in found:
            conn.execute(delete(m).where(*here, m.c.source == source, m.c.id == id))
            _forget(conn, source, id, created_at)
        revised(conn)
        return len(found)


def _forget(conn: Connection, source: str, id: str, created_at: datetime) -> None:
    """Forget a mention that matches nothing any more."""
    m, t, v, seen = s.matches, s.mentions, s.mention_versions, s.seen
    others = select(m.c.id).where(m.c.source == source, m.c.id == id).limit(1)
    if conn.execute(others).first() is not None:
        return
    conn.execute(delete(t).where(t.c.source == source, t.c.id == id, t.c.created_at == created_at))
    for table in (v, seen):
        conn.execute(delete(table).where(table.c.source == source, table.c.id == id))


def _stretches(first: datetime, last: datetime) -> Sequence[tuple[int, int]]:
    step, end = STRETCH // timedelta(minutes=1), minute_of(last) + 1
    return [(start, min(start + step, end)) for start in range(minute_of(first), end, step)]
