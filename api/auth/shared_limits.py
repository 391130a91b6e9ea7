"""Rate limits over several API processes: each tells the others now and then, through the store, whom it has allowed how much.

No request writes anything. A process writes one row every few seconds, and only while a caller uses a good share of the limit; it
takes what others have allowed from its own buckets. So a caller gets the limit once, over all processes, but for what it asks
within one exchange, and for less than `SHARE` of the limit from each process.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

import msgspec

from api.auth.limits import RateLimiter
from tocsin.core.clock import Clock, to_micros
from tocsin.store import meta
from tocsin.store.port import Store

EVERY_S: Final = 5.0
SHARE: Final = 0.1
MOST_TOLD: Final = 200
"""The callers in one row. Those who spent most go first."""

FORGOTTEN_AFTER: Final = timedelta(minutes=10)
PREFIX: Final = "rate."


class _Row(msgspec.Struct, frozen=True):
    """What one process has allowed since it began, by caller."""

    process: str
    at: int
    spent: dict[str, int]


class SharedLimits:
    """Exchanges what this process has allowed for what the others have."""

    def __init__(self, limiter: RateLimiter, store: Store, clock: Clock) -> None:
        self._limiter, self._store, self._clock = limiter, store, clock
        self._mine: dict[str, int] = {}
        self._known: dict[str, dict[str, int]] = {}
        self._process = uuid.uuid4().hex

    def exchange(self) -> None:
        """Read what others tell, and tell what is new here. Raises `StoreUnavailable`."""
        new = self._limiter.spent(SHARE, EVERY_S)
        with self._store.read() as conn:
            rows = [msgspec.json.decode(value, type=_Row) for value in meta.starting_with(conn, PREFIX)]
        others = {row.process: row for row in rows if row.process != self._process}
        self._heed(others)
        if new:
            self._tell(new, others)

    def _heed(self, others: dict[str, _Row]) -> None:
        for process, row in others.items():
            # Of a process that is met for the first time, what it allowed before is not known to be recent.
            before = self._known.get(process, row.spent if self._is_old(row) else {})
            self._limiter.spend(
                {
                    who: spent - before.get(who, 0)
                    for who, spent in row.spent.items()
                    if spent > before.get(who, 0)
                }
            )
        self._known = {
            process: {**self._known.get(process, {}), **row.spent} for process, row in others.items()
        }

    def _tell(self, new: dict[str, int], others: dict[str, _Row]) -> None:
        self._mine |= new
        told = dict(sorted(self._mine.items(), key=lambda one: -one[1])[:MOST_TOLD])
        row = _Row(self._process, to_micros(self._clock.now()), told)
        gone = [PREFIX + process for process, other in others.items() if self._is_old(other)]
        with self._store.write(alone=False) as conn:
            meta.put(conn, PREFIX + self._process, msgspec.json.encode(row).decode())
            if gone:
                meta.forget(conn, *gone)

    def _is_old(self, row: _Row) -> bool:
        # Either way: a clock may have been set back.
        return abs(to_micros(self._clock.now()) - row.at) > FORGOTTEN_AFTER // timedelta(microseconds=1)
