"""Rate limits: a token bucket per key, person or address, in bounded memory."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable


class RateLimiter:
    """Allows `per_minute` requests, all of them at once if they were saved up. Remembers the `most` callers who came last.

    `ticks` is a monotonic clock in seconds.
    """

    def __init__(self, per_minute: int, ticks: Callable[[], float], most: int = 10_000) -> None:
        self._capacity = float(per_minute)
        self._rate = per_minute / 60
        self._ticks = ticks
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_for(self, who: str) -> int:
        """Take one request and return 0; where none is left, return the whole seconds until the next one."""
        with self._lock:
            now = self._ticks()
            left, at = self._buckets.pop(who, (self._capacity, now))
            left = min(self._capacity, left + (now - at) * self._rate)
            allowed = left >= 1
            self._buckets[who] = (left - 1 if allowed else left, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return 0 if allowed else max(1, math.ceil((1 - left) / self._rate))
