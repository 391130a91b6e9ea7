"""Which worker reads which source: several ingest processes on one store never fetch the same source at once.

A worker holds a lease on each source that it reads, renews it while it lives and gives it back when it ends. The lease
of a dead worker runs out within `LEASE`. The lease of a process of this very machine that is gone is taken over at
once. A worker that slept through its lease may still hand over the mentions it had fetched, which only repeats
mentions; the store refuses its cursor (`keep`).
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, select, update

from tocsin.store import schema as s
from tocsin.store.port import Store

LEASE: Final = timedelta(seconds=30)
RENEW_BEFORE_END: Final = timedelta(seconds=20)
LOOK_EVERY: Final = timedelta(seconds=3)
_PREFIX: Final = "source:"
_l = s.leases.c


class Leases:
    """The leases of one worker, by source. One thread uses them."""

    def __init__(self, store: Store, owner: str | None = None) -> None:
        self._store = store
        self._owner = owner or f"{_place()}|{os.getpid()}|{uuid.uuid4().hex}"
        self._until: dict[str, datetime] = {}
        self._wanted: frozenset[str] = frozenset()
        self._looked_at: datetime | None = None

    def holds(self, source: str, now: datetime) -> bool:
        """Whether this worker may fetch from the source at `now`."""
        until = self._until.get(source)
        return until is not None and now < until

    def look(self, sources: Collection[str], now: datetime) -> frozenset[str]:
        """Renew the held leases and take those of `sources` that are free. Returns the sources taken just now, whose
        stored state the caller reads again.

        Looks at most every `LOOK_EVERY`, and at once when other sources are wanted. Raises `StoreUnavailable`.
        """
        wanted = frozenset(sources)
        soon = self._looked_at is not None and now - self._looked_at < LOOK_EVERY
        if soon and wanted == self._wanted:
            return frozenset()
        with self._store.read() as conn:
            there = {
                row.name: row for row in conn.execute(select(s.leases).where(_l.name.startswith(_PREFIX)))
            }
        mine = {name: row.until for name, row in there.items() if row.owner == self._owner}
        if any(until - now < RENEW_BEFORE_END or _source(name) not in wanted for name, until in mine.items()):
            mine = self._renew(wanted, now)
        taken = set[str]()
        for source in sorted(wanted - {_source(name) for name in mine}):
            row = there.get(_PREFIX + source)
            free = row is None or row.until <= now or _is_gone(row.owner, self._owner)
            # Each lease has a transaction of its own: a worker that waits for a row holds none, so no circle of waits arises.
            if free and self._take(source, row.owner if row is not None else None, now):
                mine[_PREFIX + source] = now + LEASE
                taken.add(source)
        self._until = {_source(name): until for name, until in mine.items()}
        self._wanted, self._looked_at = wanted, now
        return frozenset(taken)

    def keep(self, conn: Connection, source: str, now: datetime) -> bool:
        """Whether the source is still this worker's. If so, it stays this worker's while the caller's transaction lasts."""
        mine = (_l.name == _PREFIX + source, _l.owner == self._owner)
        if conn.execute(update(s.leases).where(*mine).values(until=now + LEASE)).rowcount == 1:
            return True
        self._until.pop(source, None)
        return False

    def release(self) -> None:
        """Give every lease back, so that other workers need not wait for its end."""
        self._until, self._looked_at = {}, None
        with self._store.write(alone=False) as conn:
            conn.execute(delete(s.leases).where(_l.owner == self._owner))

    def _renew(self, wanted: Collection[str], now: datetime) -> dict[str, datetime]:
        with self._store.write(alone=False) as conn:
            names = [_PREFIX + source for source in sorted(wanted)]
            conn.execute(delete(s.leases).where(_l.owner == self._owner, _l.name.not_in(names)))
            conn.execute(update(s.leases).where(_l.owner == self._owner).values(until=now + LEASE))
            rows = conn.execute(select(_l.name, _l.until).where(_l.owner == self._owner)).all()
        return {row.name: row.until for row in rows}

    def _take(self, source: str, from_owner: str | None, now: datetime) -> bool:
        values: Mapping[str, object] = {"owner": self._owner, "until": now + LEASE}
        name = _PREFIX + source
        with self._store.write(alone=False) as conn:
            if from_owner is None:
                return self._store.insert_new(conn, s.leases, [{"name": name, **values}]) == 1
            # The lease is still its owner's, and a lease that had run out was not renewed in the meantime.
            same = (_l.name == name) & (_l.owner == from_owner)
            if not _is_gone(from_owner, self._owner):
                same &= _l.until <= now
            return conn.execute(update(s.leases).where(same).values(values)).rowcount == 1


def _source(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _place() -> str:
    """This machine, and within it this space of process numbers: containers that share a host name do not share those."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()[:100]}|{space.readlink() if space.is_symlink() else ''}"


def _is_gone(owner: str, me: str) -> bool:
    """Whether the owner was a process of this place that has ended. Of a process of another place nothing is known."""
    place, _, rest = owner.rpartition("|")[0].rpartition("|")
    here, _, mine = me.rpartition("|")[0].rpartition("|")
    if place != here or not rest.isdigit():
        return False
    if rest == mine:
        # An earlier process had this number.
        return owner != me
    try:
        os.kill(int(rest), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False
