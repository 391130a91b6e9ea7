"""Which worker reads which source: several ingest processes on one store never fetch the same source at once.

A worker holds a lease on each source that it reads, renews it while it lives and gives it back when it ends. The lease
of a dead worker runs out within `LEASE`: at its end by the clock, and whatever the clocks say, once a worker has seen it
unchanged for so long by a clock that nobody sets. The lease of a process of this very machine that is gone is taken over at
once. A worker that slept through its lease may still hand over the mentions it had fetched, which only repeats
mentions; the store refuses its cursor (`keep`).
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select, update

from tocsin.core.clock import passed
from tocsin.store import schema as s
from tocsin.store.port import Store

LEASE: Final = timedelta(seconds=30)
RENEW_BEFORE_END: Final = timedelta(seconds=20)
LOOK_EVERY: Final = timedelta(seconds=3)
_PREFIX: Final = "source:"
_l = s.leases.c


class Leases:
    """The leases of one worker, by source. One thread uses them."""

    def __init__(
        self, store: Store, owner: str | None = None, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        """`elapsed` gives seconds since any fixed moment."""
        self._store = store
        self._elapsed = elapsed
        # The leases of others as they stand, with the moment when this was first seen.
        self._seen: dict[str, tuple[str, datetime, float]] = {}
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
        soon = not passed(LOOK_EVERY, self._looked_at, now)
        if soon and wanted == self._wanted:
            return frozenset()
        with self._store.read() as conn:
            there = {
                row.name: row for row in conn.execute(select(s.leases).where(_l.name.startswith(_PREFIX)))
            }
        mine = {name: row.until for name, row in there.items() if row.owner == self._owner}
        # A lease that ends after `LEASE` was renewed by a clock that was ahead.
        if any(
            not RENEW_BEFORE_END <= until - now <= LEASE or _source(name) not in wanted
            for name, until in mine.items()
        ):
            mine = self._renew(wanted, now)
        still = self._unchanged(there)
        taken = set[str]()
        for source in sorted(wanted - {_source(name) for name in mine}):
            row = there.get(_PREFIX + source)
            name = _PREFIX + source
            free = row is None or row.until <= now or name in still or _is_gone(row.owner, self._owner)
            # Each lease has a transaction of its own: a worker that waits for a row holds none, so no circle of waits arises.
            if free and self._take(source, row, now):
                mine[name] = now + LEASE
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

    def _unchanged(self, there: Mapping[str, Row[Any]]) -> set[str]:
        """The leases of others that nobody has renewed for `LEASE` under our eyes."""
        moment = self._elapsed()
        before, self._seen = self._seen, {}
        for name, row in there.items():
            if row.owner != self._owner:
                owner, until, since = before.get(name, (None, None, moment))
                same = (owner, until) == (row.owner, row.until)
                self._seen[name] = (row.owner, row.until, since if same else moment)
        longest = moment - LEASE.total_seconds()
        return {name for name, (_, _, since) in self._seen.items() if since <= longest}

    def _take(self, source: str, seen: Row[Any] | None, now: datetime) -> bool:
        values: Mapping[str, object] = {"owner": self._owner, "until": now + LEASE}
        name = _PREFIX + source
        with self._store.write(alone=False) as conn:
            if seen is None:
                return self._store.insert_new(conn, s.leases, [{"name": name, **values}]) == 1
            # The lease stands as it was seen: it was not renewed in the meantime.
            same = (_l.name == name) & (_l.owner == seen.owner) & (_l.until == seen.until)
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
