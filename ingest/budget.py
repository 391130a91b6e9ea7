"""The requests that a host still takes from us: one count per host, shared by all sources of the process.

`ingest/shared_budget.py` shares it with the other processes of the installation.

A network allows an address so many requests in so many seconds, whatever the requests are for. So every source asks here before
each request. Where a host takes no more just now, its source learns how long to wait, and blocks no thread meanwhile. A host
that asks to be left alone (429 with Retry-After) is left alone by every source.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

MOST_HOSTS = 2000
"""Hosts that are remembered. Beyond them the hosts that nobody asked lately are forgotten."""

MOST_STRETCHES = 200
"""Requests of one window that are remembered one by one. Beyond them those that are close together are one entry."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most requests that a network takes from one address in any stretch of `per_s` seconds."""

    requests: int
    per_s: float


@dataclass(frozen=True, slots=True)
class HostState:
    """The requests that a host takes now. `left` and `of` are None where nobody knows a limit."""

    host: str
    left: int | None
    of: int | None
    per_s: float | None
    # When the host takes more again; None where it takes one now.
    next_at: datetime | None


@dataclass(slots=True)
class Spent:
    """A request, or several close together. They are forgotten at one time, `per_s` after the `last`."""

    first: datetime
    last: datetime
    cost: int


@dataclass(slots=True)
class Window:
    """The requests of the last `per_s` seconds, the oldest first."""

    budget: Budget
    spent: deque[Spent] = field(default_factory=deque)

    @property
    def left(self) -> int:
        return max(0, self.budget.requests - sum(one.cost for one in self.spent))

    def forget(self, now: datetime) -> None:
        past = now - timedelta(seconds=self.budget.per_s)
        while self.spent and self.spent[0].last <= past:
            self.spent.popleft()
        # A request of the future: the clock was set back, or another machine's is ahead. It was made before now in any case.
        for one in reversed(self.spent):
            if one.last <= now:
                break
            one.first, one.last = min(one.first, now), now

    def wait(self, cost: int, now: datetime) -> timedelta:
        """The time until so much may be spent; zero where it may be now."""
        missing = min(cost, self.budget.requests) - self.left
        for one in self.spent:
            if missing <= 0:
                break
            missing -= one.cost
            if missing <= 0:
                return one.last + timedelta(seconds=self.budget.per_s) - now
        return timedelta(0)

    def spend(self, cost: int, now: datetime) -> None:
        close = timedelta(seconds=self.budget.per_s / MOST_STRETCHES)
        if len(self.spent) >= MOST_STRETCHES and now - self.spent[-1].first <= close:
            self.spent[-1].last, self.spent[-1].cost = now, self.spent[-1].cost + cost
        else:
            self.spent.append(Spent(now, now, cost))


@dataclass(frozen=True, slots=True)
class Rest:
    """The host wants no more than `left` requests until a time, as it said at another."""

    said_at: datetime
    until: datetime
    left: int = 0

    def at(self, now: datetime) -> Rest | None:
        """The same as it is now; None once it is over. A clock that was set back does not make it longer."""
        early = max(self.said_at - now, timedelta(0))
        return (
            replace(self, said_at=self.said_at - early, until=self.until - early)
            if self.until - early > now
            else None
        )


@dataclass(slots=True)
class Host:
    """The knowledge about one host."""

    windows: dict[Budget, Window] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    # What the host itself said: the requests left until a time, and the time before which it wants none.
    told: Rest | None = None
    rests: Rest | None = None

    def forget(self, now: datetime) -> None:
        for window in self.windows.values():
            window.forget(now)
        self.rests = self.rests and self.rests.at(now)
        self.told = self.told and self.told.at(now)

    def wait(self, cost: int, now: datetime) -> timedelta:
        waits = [window.wait(cost, now) for window in self.windows.values()]
        waits += [one.until - now for one in (self.rests, self.told) if one is not None and one.left < 1]
        return max(waits, default=timedelta(0))

    def spend(self, cost: int, now: datetime) -> None:
        for window in self.windows.values():
            window.spend(cost, now)
        if self.told is not None:
            self.told = replace(self.told, left=self.told.left - cost)

    def copy(self) -> Host:
        """One of its own, equal."""
        windows = {
            budget: Window(budget, deque(Spent(one.first, one.last, one.cost) for one in window.spent))
            for budget, window in self.windows.items()
        }
        return Host(windows, set(self.sources), self.told, self.rests)

    @property
    def idle(self) -> bool:
        told = self.rests is not None or self.told is not None
        return not told and not any(window.spent for window in self.windows.values())


class HostBudget:
    """The counts of all hosts. Safe to use from many threads."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def take(
        self, host: str, budget: Budget | None, now: datetime, *, source: str = "", cost: int = 1
    ) -> timedelta | None:
        """Count one request of this cost; None where it may be made. Otherwise nothing is counted, and the answer is the wait.

        Where several budgets were named for one host, all of them hold.
        """
        with self._lock:
            wait = self._asked(host, budget, now, source).wait(cost, now)
            if wait > timedelta(0):
                return wait
            self._host(host, now).spend(cost, now)
            return None

    def rest(self, host: str, until: datetime, now: datetime) -> None:
        """Leave the host alone until then, as it asked."""
        with self._lock:
            one = self._host(host, now)
            one.rests = Rest(now, max(until, one.rests.until if one.rests else until))

    def told(self, host: str, left: int, resets_at: datetime, now: datetime) -> None:
        """The host says how many requests are left until a time."""
        with self._lock:
            self._host(host, now).told = Rest(now, resets_at, left)

    def states(self, now: datetime, source: str | None = None) -> list[HostState]:
        """The hosts that this source has asked (None: all hosts), by name, with the requests that each takes now."""
        with self._lock:
            found = []
            for name in sorted(self._hosts):
                one = self._hosts[name]
                if source is None or source in one.sources:
                    one.forget(now)
                    found.append(_state(name, one, now))
            return found

    def _asked(self, name: str, budget: Budget | None, now: datetime, source: str) -> Host:
        """The host that a source is about to ask."""
        one = self._host(name, now)
        if source:
            one.sources.add(source)
        if budget is not None and budget not in one.windows:
            one.windows[budget] = Window(budget)
        return one

    def _host(self, name: str, now: datetime) -> Host:
        # The part before an @ in an address may be a password.
        name = name.rpartition("@")[2]
        one = self._hosts.get(name)
        if one is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget_idle(now)
            one = self._hosts[name] = Host()
        one.forget(now)
        return one

    def _forget_idle(self, now: datetime) -> None:
        for one in self._hosts.values():
            one.forget(now)
        self._hosts = {name: one for name, one in self._hosts.items() if not one.idle}


def _state(name: str, one: Host, now: datetime) -> HostState:
    tightest = min(one.windows.values(), key=lambda window: (window.left, -window.budget.per_s), default=None)
    counts = [window.left for window in one.windows.values()] + ([one.told.left] if one.told else [])
    wait = one.wait(1, now)
    left = 0 if wait > timedelta(0) else max(0, min(counts)) if counts else None
    return HostState(
        host=name,
        left=left,
        of=tightest.budget.requests if tightest else None,
        per_s=tightest.budget.per_s if tightest else None,
        next_at=now + wait if wait > timedelta(0) else None,
    )


def in_words(wait: timedelta) -> str:
    """A wait as people say it: `40 s`, `12 min`, `5 h`."""
    seconds = math.ceil(wait.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 180 else f"{math.ceil(minutes / 60)} h"
