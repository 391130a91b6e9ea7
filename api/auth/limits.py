"""Rate limits: a token bucket per key, person or address, in bounded memory.

`api.auth.shared_limits` tells other processes what was allowed here.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    """The requests left, and since when; the requests that were allowed here, in all and at the time of the last `spent`."""

    left: float
    at: float
    allowed: int = 0
    told: int = 0


class RateLimiter:
    """Allows `per_minute` requests, all of them at once if they were saved up. Remembers the `most` callers who came last.

    A caller is kept under a short hash of its name, so that other processes, which are told the counts, learn no name. `ticks`
    is a monotonic clock in seconds.
    """

    def __init__(self, per_minute: int, ticks: Callable[[], float], most: int = 10_000) -> None:
        self._capacity = float(per_minute)
        self._rate = per_minute / 60
        self._ticks = ticks
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait_for(self, who: str) -> int:
        """Take one request and return 0; where none is left, return the whole seconds until the next one."""
        with self._lock:
            bucket = self._bucket(_hashed(who))
            if bucket.left < 1:
                return max(1, math.ceil((1 - bucket.left) / self._rate))
            bucket.left -= 1
            bucket.allowed += 1
            return 0

    def headers_for(self, who: str) -> dict[str, str]:
        """What the caller is told of its rate: the most requests at once, how many are left, and in how many seconds all are."""
        with self._lock:
            left = self._bucket(_hashed(who)).left
            return {
                "RateLimit-Limit": f"{self._capacity:.0f}",
                "RateLimit-Remaining": str(max(0, int(left))),
                "RateLimit-Reset": str(math.ceil((self._capacity - left) / self._rate)),
            }

    def spent(self, share: float, over_s: float) -> dict[str, int]:
        """The requests ever allowed to each caller who used this share of the limit since the last call, `over_s` seconds ago."""
        least = max(1.0, share * self._rate * over_s)
        with self._lock:
            found = {
                who: one.allowed for who, one in self._buckets.items() if one.allowed - one.told >= least
            }
            for who in found:
                self._buckets[who].told = found[who]
            return found

    def spend(self, elsewhere: Mapping[str, int]) -> None:
        """Take the requests that these callers were allowed elsewhere. No caller owes more than a minute's worth."""
        with self._lock:
            for who, requests in elsewhere.items():
                bucket = self._bucket(who)
                bucket.left = max(-self._capacity, bucket.left - requests)

    def _bucket(self, who: str) -> _Bucket:
        now = self._ticks()
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(self._capacity, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(who)
        bucket.left = min(self._capacity, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket


def _hashed(who: str) -> str:
    return hashlib.blake2b(who.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
