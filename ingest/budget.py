"""The requests that a host still takes from us: one count per host, shared by all sources of the process.

A network allows an address so many requests in so many seconds, whatever the requests are for. So every source asks here
before each request. A source whose host takes no more just now is told how long to wait, and sleeps in nobody's thread.
A host that asks to be left alone (429 with Retry-After) is left alone by every source.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_HOSTS = 2000
"""Hosts that are remembered. Beyond them the hosts that nobody asked lately are forgotten."""


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
class _Window:
    """The requests of the last `per_s` seconds, as (time, cost)."""

    budget: Budget
    spent: deque[tuple[datetime, int]] = field(default_factory=deque)
    total: int = 0

    @property
    def left(self) -> int:
        return max(0, self.budget.requests - self.total)

    def forget(self, now: datetime) -> None:
        past = now - timedelta(seconds=self.budget.per_s)
        while self.spent and self.spent[0][0] <= past:
            self.total -= self.spent.popleft()[1]

    def wait(self, cost: int, now: datetime) -> timedelta:
        """The time until so much may be spent; zero where it may be now."""
        missing = min(cost, self.budget.requests) - self.left
        for at, given_back in self.spent:
            if missing <= 0:
                break
            missing -= given_back
            if missing <= 0:
                return at + timedelta(seconds=self.budget.per_s) - now
        return timedelta(0)

    def spend(self, cost: int, now: datetime) -> None:
        self.spent.append((now, cost))
        self.total += cost


@dataclass(slots=True)
class _Host:
    windows: dict[Budget, _Window] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    # What the host itself said: the requests left until a time, and the time before which it wants none.
    told: tuple[int, datetime] | None = None
    rests_until: datetime | None = None

    def forget(self, now: datetime) -> None:
        for window in self.windows.values():
            window.forget(now)
        if self.rests_until is not None and self.rests_until <= now:
            self.rests_until = None
        if self.told is not None and self.told[1] <= now:
            self.told = None

    def wait(self, cost: int, now: datetime) -> timedelta:
        waits = [window.wait(cost, now) for window in self.windows.values()]
        if self.rests_until is not None:
            waits.append(self.rests_until - now)
        if self.told is not None and self.told[0] < 1:
            waits.append(self.told[1] - now)
        return max(waits, default=timedelta(0))

    @property
    def idle(self) -> bool:
        told = self.rests_until is not None or self.told is not None
        return not told and not any(window.spent for window in self.windows.values())


class HostBudget:
    """The counts of all hosts. Safe to use from many threads."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def take(
        self, host: str, budget: Budget | None, now: datetime, *, source: str = "", cost: int = 1
    ) -> timedelta | None:
        """Count one request of this cost; None where it may be made. Otherwise nothing is counted, and the answer is the wait.

        Where several budgets were named for one host, all of them hold.
        """
        with self._lock:
            one = self._host(host, now)
            if source:
                one.sources.add(source)
            if budget is not None and budget not in one.windows:
                one.windows[budget] = _Window(budget)
            wait = one.wait(cost, now)
            if wait > timedelta(0):
                return wait
            for window in one.windows.values():
                window.spend(cost, now)
            if one.told is not None:
                one.told = (one.told[0] - cost, one.told[1])
            return None

    def rest(self, host: str, until: datetime, now: datetime) -> None:
        """Leave the host alone until then, as it asked."""
        with self._lock:
            one = self._host(host, now)
            one.rests_until = max(until, one.rests_until or until)

    def told(self, host: str, left: int, resets_at: datetime, now: datetime) -> None:
        """The host says how many requests are left until a time."""
        with self._lock:
            self._host(host, now).told = (left, resets_at)

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

    def _host(self, name: str, now: datetime) -> _Host:
        one = self._hosts.get(name)
        if one is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget_idle(now)
            one = self._hosts[name] = _Host()
        one.forget(now)
        return one

    def _forget_idle(self, now: datetime) -> None:
        for one in self._hosts.values():
            one.forget(now)
        self._hosts = {name: one for name, one in self._hosts.items() if not one.idle}


def _state(name: str, one: _Host, now: datetime) -> HostState:
    tightest = min(one.windows.values(), key=lambda window: (window.left, -window.budget.per_s), default=None)
    counts = [window.left for window in one.windows.values()] + ([one.told[0]] if one.told else [])
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
