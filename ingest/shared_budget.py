"""One budget of requests per host for all processes of the installation, and over their restarts: it stands in the store.

A request of which a limit is stated is counted in the store before it is made, by an update that holds only where nobody has
counted in between. While the store is away no host is asked of which a limit is known: slower, never over it. An ingest worker
loses its leases within half a minute then, and asks nobody at all.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection, delete, select, update

from ingest.budget import Budget, Host, HostBudget, Rest, Spent, Window
from tocsin.core.clock import from_micros, passed, to_micros
from tocsin.core.errors import StoreUnavailable
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.statements import among, insert_once

# Others may count at the same moment. A try fails only because one of them succeeded.
TRIES: Final = 20
WHEN_ALL_FAIL: Final = timedelta(seconds=1)
WHILE_AWAY: Final = timedelta(seconds=5)
TIDY_EVERY: Final = timedelta(minutes=10)
MOST_CHARS: Final = 255
_h = s.host_budgets.c
log = structlog.get_logger()


class _Window(msgspec.Struct, frozen=True, array_like=True):
    requests: int
    per_s: float
    # First and last time in microseconds, and what the requests cost.
    spent: list[tuple[int, int, int]]


class _Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A host in the store: its windows, and what it said as (said at, until, left)."""

    windows: list[_Window] = []
    rests: tuple[int, int, int] | None = None
    told: tuple[int, int, int] | None = None


class SharedBudget(HostBudget):
    """The budget of a store. `take`, `rest` and `refresh` make transactions of their own: call them outside of any."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._tidied_at: datetime | None = None
        # One thread at a time talks with the store. `states` does not wait for it.
        self._talking = threading.Lock()

    def take(
        self, host: str, budget: Budget | None, now: datetime, *, source: str = "", cost: int = 1
    ) -> timedelta | None:
        with self._talking:
            with self._lock:
                wait = self._asked(host, budget, now, source).wait(cost, now)
            # The counts here hold for all processes.
            if wait > timedelta(0):
                return wait
            try:
                return self._agreed(host, cost, now)
            except StoreUnavailable as error:
                with self._lock:
                    limited = bool(self._host(host, now).windows)
                log.warning(
                    "requests cannot be counted while the store is away", limited=limited, error=str(error)
                )
                return WHILE_AWAY if limited else None

    def rest(self, host: str, until: datetime, now: datetime) -> None:
        with self._talking:
            super().rest(host, until, now)
            try:
                self._agreed(host, 0, now)
            except StoreUnavailable as error:
                log.warning("that a host wants to rest is known to this process alone", error=str(error))

    def refresh(self, now: datetime) -> None:
        """Learn what all processes have spent at the hosts that this one asks. Raises `StoreUnavailable`."""
        with self._lock:
            names = {_key(name): name for name, one in self._hosts.items() if not one.idle}
        if names:
            with self._talking:
                with self._store.read() as conn:
                    asked = select(s.host_budgets).where(among(conn, _h.host, sorted(names)))
                    there = {row.host: row.state for row in conn.execute(asked)}
                for key, name in names.items():
                    self._learn(name, there.get(key), now)

    def _agreed(self, host: str, cost: int, now: datetime) -> timedelta | None:
        """Count the cost in the store; None where that was done. Otherwise nothing is counted, and the answer is the wait."""
        for _ in range(TRIES):
            with self._store.read() as conn:
                before = conn.execute(select(_h.state).where(_h.host == _key(host))).scalar_one_or_none()
            one = self._learn(host, before, now)
            wait = one.wait(cost, now) if cost else timedelta(0)
            if wait > timedelta(0):
                return wait
            one.spend(cost, now)
            if one.idle:
                # No limit and no rest: there is nothing to tell.
                return None
            with self._store.write(alone=False) as conn:
                counted = _counted(conn, host, before, one)
                self._tidy(conn, now)
            if counted:
                with self._lock:
                    known = self._host(host, now)
                    known.windows, known.told = one.windows, one.told
                return None
        return WHEN_ALL_FAIL

    def _learn(self, host: str, stored: str | None, now: datetime) -> Host:
        """Take over what the store knows of a host. Returns a copy of all that is known now."""
        row = _row(stored)
        with self._lock:
            one = self._host(host, now)
            named = {Budget(window.requests, window.per_s): window.spent for window in row.windows}
            for budget in {**named, **one.windows}:
                spent = [
                    Spent(from_micros(first), from_micros(last), cost)
                    for first, last, cost in named.get(budget, [])
                ]
                one.windows[budget] = Window(budget, deque(spent))
            one.rests = max(
                filter(None, (one.rests, _rest(row.rests))), key=lambda rest: rest.until, default=None
            )
            one.told = max(
                filter(None, (one.told, _rest(row.told))), key=lambda rest: rest.said_at, default=None
            )
            one.forget(now)
            return one.copy()

    def _tidy(self, conn: Connection, now: datetime) -> None:
        """Remove the hosts of which nothing counts any more."""
        if passed(TIDY_EVERY, self._tidied_at, now):
            self._tidied_at = now
            conn.execute(delete(s.host_budgets).where(_h.idle_at < now - TIDY_EVERY))


def _key(host: str) -> str:
    return host.rpartition("@")[2][:MOST_CHARS]


def _counted(conn: Connection, host: str, before: str | None, one: Host) -> bool:
    """Store what is known of the host, unless somebody else has stored anything since `before`."""
    windows = [
        _Window(
            window.budget.requests,
            window.budget.per_s,
            [(to_micros(each.first), to_micros(each.last), each.cost) for each in window.spent],
        )
        for window in one.windows.values()
        if window.spent
    ]
    state = msgspec.json.encode(_Row(windows, _said(one.rests), _said(one.told))).decode()
    ends = [
        window.spent[-1].last + timedelta(seconds=window.budget.per_s)
        for window in one.windows.values()
        if window.spent
    ]
    idle_at = max([*ends, *(rest.until for rest in (one.rests, one.told) if rest is not None)])
    values = {"state": state, "idle_at": idle_at}
    if before is None:
        return insert_once(conn, s.host_budgets, {"host": _key(host), **values})
    same = (_h.host == _key(host)) & (_h.state == before)
    return conn.execute(update(s.host_budgets).where(same).values(values)).rowcount == 1


def _row(stored: str | None) -> _Row:
    try:
        return msgspec.json.decode(stored, type=_Row) if stored else _Row()
    except msgspec.MsgspecError as error:
        log.warning("a stored count of requests cannot be read: it begins anew", error=str(error))
        return _Row()


def _said(rest: Rest | None) -> tuple[int, int, int] | None:
    return None if rest is None else (to_micros(rest.said_at), to_micros(rest.until), rest.left)


def _rest(said: tuple[int, int, int] | None) -> Rest | None:
    return None if said is None else Rest(from_micros(said[0]), from_micros(said[1]), said[2])
